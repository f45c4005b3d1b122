"""`spanhouse`: the one program."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from spanhouse.cli import accounts, agreements, audit, demo, instances, keys, limits, operate, query, serve

app = typer.Typer(
    name="spanhouse",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="A distributed tracing service: it takes spans in, keeps them and shows them.",
    epilog="Start with: spanhouse serve",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spanhouse {version('spanhouse')}")
        raise typer.Exit()


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command()(serve.serve)
app.command()(serve.ingest)
app.command()(serve.console)
app.command()(serve.keeper)
app.command()(query.query)
app.command()(demo.demo)
app.add_typer(keys.app, name="key")
instances.app.command("limits")(limits.limits_)
instances.app.command("refused")(limits.refused)
app.add_typer(instances.app, name="instance")
app.add_typer(accounts.app, name="account")
app.add_typer(agreements.app, name="agreement")
app.add_typer(audit.app, name="audit")
app.command()(operate.config)
app.command()(operate.check)
app.command("login-link")(operate.login_link)
app.add_typer(operate.clock_app, name="clock")
