"""`spanhouse audit`: what was done, by whom."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from spanhouse.base.errors import Malformed
from spanhouse.cli.environment import accounts_database, parse_moment
from spanhouse.cli.output import errors_in_one_line, out, print_json, print_table

if TYPE_CHECKING:
    from spanhouse.customers.accounts.audit.search import AuditFilter

app = typer.Typer(no_args_is_help=True, help="The audit log: append-only, one chain of digests per account.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AccountOption = Annotated[
    str | None,
    typer.Option(
        "--account",
        help="Id of an account; the first one if left out; '' for the installation's own.",
        show_default=False,
    ),
]
_LINES_AT_ONCE = 2000


@app.command("list")
def list_(
    account: AccountOption = None,
    since: Annotated[str | None, typer.Option(help="A duration back from now (7d) or a date.")] = None,
    until: Annotated[str | None, typer.Option(help="A duration back from now or a date.")] = None,
    actor: Annotated[str, typer.Option(help="Id or name of who acted.")] = "",
    deed: Annotated[str, typer.Option(help="A deed (key.create) or a kind of deed (key).")] = "",
    on: Annotated[str, typer.Option(help="Id of what it was done to.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Newest entries to show.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List what was done, newest first.

    \b
    spanhouse audit list --since 7d --deed key
    spanhouse audit list --on k-4k9x0d2mfq7c --json
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.accounts.audit import chain, search

        wanted = _filter(since, until, now, actor, deed, on)
        found = list(search.entries(_chain(account), wanted)[:limit])
        rows = [{**chain.words_of(entry), "digest": entry.digest} for entry in found]
    if as_json:
        print_json(rows)
        return
    table = [
        [
            escape(str(cell))
            for cell in (
                row["at"][:19],
                row["operation"],
                row["object"],
                row["actor_name"] or row["actor_kind"],
                row["ip"] or row["host"],
                row["reason"] or row["outcome"],
            )
        ]
        for row in rows
    ]
    print_table(("at (UTC)", "deed", "on", "by", "from", "outcome"), table, "nothing fits")


@app.command()
def export(
    form: Annotated[str, typer.Option("--format", help="json or csv.")] = "json",
    account: AccountOption = None,
    since: Annotated[str | None, typer.Option(help="A duration back from now (180d) or a date.")] = None,
    until: Annotated[str | None, typer.Option(help="A duration back from now or a date.")] = None,
) -> None:
    """Write the log of an account to standard output, oldest first.

    \b
    spanhouse audit export --format csv --since 180d > audit.csv
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.accounts.audit import export as exporting
        from spanhouse.customers.accounts.audit import search

        if form not in ("json", "csv"):
            raise Malformed(f"the format is json or csv, not {form!r}")
        found = search.entries(_chain(account), _filter(since, until, now)).order_by("number")
        write = exporting.as_json if form == "json" else exporting.as_csv
        for line in write(found.iterator(_LINES_AT_ONCE)):
            typer.echo(line, nl=False)


@app.command()
def verify(as_json: JsonOption = False) -> None:
    """Prove that no entry was changed, left out or put in; exit code 1 if a chain is broken."""
    with errors_in_one_line(), accounts_database():
        from spanhouse.customers.accounts.audit import chain

        verdicts = list(chain.verify_all())
    if as_json:
        print_json(
            [{"account": v.account, "entries": v.entries, "broken_at": v.broken_at, "why": v.why} for v in verdicts]
        )
    else:
        for verdict in verdicts:
            name = verdict.account or "installation"
            said = f"broken at entry {verdict.broken_at}: {verdict.why}" if verdict.broken_at else "whole"
            out.print(f"{name:<16} {verdict.entries} entries, {said}", markup=False, soft_wrap=True)
    if any(verdict.broken_at for verdict in verdicts):
        raise typer.Exit(1)


def _chain(account: str | None) -> str:
    """Raises NotFound for an account that does not exist."""
    from spanhouse.customers.accounts import selectors
    from spanhouse.customers.accounts.audit.record import INSTALLATION

    return INSTALLATION if account == INSTALLATION else selectors.get_account(account).pk


def _filter(
    since: str | None, until: str | None, now: datetime, actor: str = "", deed: str = "", on: str = ""
) -> AuditFilter:
    from spanhouse.customers.accounts.audit.search import AuditFilter

    return AuditFilter(
        since=parse_moment(since, now) if since else None,
        until=parse_moment(until, now) if until else None,
        actor=actor,
        operation=deed,
        object=on,
    )
