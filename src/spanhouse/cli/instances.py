"""`spanhouse instance`: where spans of one account are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from spanhouse.base.errors import Malformed
from spanhouse.cli.environment import accounts_database, caller
from spanhouse.cli.output import errors_in_one_line, out, print_json, print_table, warn

if TYPE_CHECKING:
    from spanhouse.customers.instances.models import Instance

app = typer.Typer(no_args_is_help=True, help="Instances: each keeps spans of its own.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
InstanceArgument = Annotated[str, typer.Argument(help="Id of the instance.")]

_LOOPBACK_CLOSED = (
    "there is more than one account now, so programs on this machine need a key from now on; those that send or read "
    "without one are refused at once (`spanhouse key create NAME` makes one)"
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name that people see.")],
    retention_days: Annotated[int | None, typer.Option(help="Days that spans are kept.", show_default=False)] = None,
    account: Annotated[str | None, typer.Option(help="Id of an account; the first one if left out.")] = None,
    new_account: Annotated[
        str | None, typer.Option(help="Open an account of the operator's own, outside contract, for it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make an instance. From the second account on, loopback needs a key.

    \b
    spanhouse instance create staging
    spanhouse instance create shop --new-account 'Shop Ltd' --retention-days 30
    """
    with errors_in_one_line(), accounts_database() as (settings, now):
        by = caller()
        from spanhouse.customers.accounts import selectors as accounts
        from spanhouse.customers.instances import selectors, services

        if account and new_account:
            raise Malformed("give either --account or --new-account")
        was_open = selectors.loopback_instance() is not None
        owner = (
            services.open_account(new_account, now=now, outside_contract=True, by=by)
            if new_account
            else accounts.get_account(account)
        )
        days = settings.retention_days if retention_days is None else retention_days
        _show(services.create_instance(owner, name, now=now, retention_days=days, by=by), as_json)
        if was_open and selectors.loopback_instance() is None:
            warn(_LOOPBACK_CLOSED)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List all instances."""
    with errors_in_one_line(), accounts_database():
        from spanhouse.customers.instances import selectors

        rows = [_row(instance) for instance in selectors.all_instances()]
    if as_json:
        print_json(rows)
        return
    columns = ("id", "name", "account", "retention_days", "ingest", "query")
    print_table(columns, [[escape(str(row[column])) for column in columns] for row in rows], "there are no instances")


@app.command()
def show(instance: InstanceArgument = "local", as_json: JsonOption = False) -> None:
    """Show one instance."""
    with errors_in_one_line(), accounts_database():
        from spanhouse.customers.instances import selectors

        _show(selectors.get_instance(instance), as_json)


@app.command("set")
def set_(
    instance: InstanceArgument,
    name: Annotated[str | None, typer.Option(help="Name that people see.")] = None,
    retention_days: Annotated[int | None, typer.Option(help="Days that spans are kept.")] = None,
    ingest: Annotated[bool | None, typer.Option("--ingest/--no-ingest", help="Take spans in.")] = None,
    query: Annotated[bool | None, typer.Option("--query/--no-query", help="Answer queries.")] = None,
    denial: Annotated[str | None, typer.Option(help="What those who are refused are told.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Change an instance.

    \b
    spanhouse instance set local --retention-days 30
    spanhouse instance set i-4k9x0d2mfq7c --no-ingest --denial 'moved to another region'
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import selectors, services

        changed = services.change_instance(
            selectors.get_instance(instance),
            name=name,
            retention_days=retention_days,
            ingest=ingest,
            query=query,
            denial=denial,
            now=now,
            by=caller(),
        )
        _show(changed, as_json)


def _show(instance: Instance, as_json: bool) -> None:
    row = _row(instance)
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        out.print(f"{name:<15} {value}", markup=False)


def _row(instance: Instance) -> dict[str, Any]:
    return {
        "id": instance.pk,
        "name": instance.name,
        "account": instance.account_id,
        "region": instance.region,
        "retention_days": instance.retention_days,
        "ingest": instance.ingest,
        "query": instance.query,
        "denial": instance.denial,
        "created": instance.created_at.isoformat(timespec="seconds"),
    }
