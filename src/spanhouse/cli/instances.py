"""`spanhouse instance`: where spans of one account are kept."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from spanhouse.base.errors import Malformed
from spanhouse.cli.environment import accounts_database, caller
from spanhouse.cli.output import errors_in_one_line, out, print_json, print_table, warn

if TYPE_CHECKING:
    from spanhouse.customers.instances.holds import Hold
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
        _show(services.create_instance(owner, name, now=now, retention_days=days, by=by), now, as_json)
        if was_open and selectors.loopback_instance() is None:
            warn(_LOOPBACK_CLOSED)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List all instances."""
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import selectors

        rows = [_row(instance, now) for instance in selectors.all_instances()]
    if as_json:
        print_json(rows)
        return
    columns = ("id", "name", "account", "retention_days", "ingest", "query")
    print_table(columns, [[escape(str(row[column])) for column in columns] for row in rows], "there are no instances")


@app.command()
def show(instance: InstanceArgument = "local", as_json: JsonOption = False) -> None:
    """Show one instance."""
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import selectors

        _show(selectors.get_instance(instance), now, as_json)


@app.command("set")
def set_(
    instance: InstanceArgument,
    name: Annotated[str | None, typer.Option(help="Name that people see.")] = None,
    retention_days: Annotated[int | None, typer.Option(help="Days that spans are kept.")] = None,
    intake: Annotated[bool | None, typer.Option("--intake/--no-intake", help="Take spans in.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Change an instance.

    \b
    spanhouse instance set local --retention-days 30
    spanhouse instance set i-4k9x0d2mfq7c --no-intake
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import selectors, services

        changed = services.change_instance(
            selectors.get_instance(instance),
            name=name,
            retention_days=retention_days,
            intake=intake,
            now=now,
            by=caller(),
        )
        _show(changed, now, as_json)


@app.command()
def hold(
    instance: InstanceArgument,
    reason: Annotated[str, typer.Option(help="Why; shown to those who are refused.")],
    kind: Annotated[str, typer.Option(help="measure, danger, term or arrears.")] = "measure",
    as_json: JsonOption = False,
) -> None:
    """Suspend an instance: nothing is taken in or read until the hold is lifted; what is stored stays.

    \b
    spanhouse instance hold i-4k9x0d2mfq7c --reason 'floods the network since 14:00'
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import selectors, service_life

        held = selectors.get_instance(instance)
        service_life.place_hold(held, _hold(kind), reason, now=now, by=caller())
        _show(held, now, as_json)


@app.command()
def lift(
    instance: InstanceArgument,
    kind: Annotated[str, typer.Option(help="measure, danger, term or arrears.")] = "measure",
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Take a hold off an instance; service is back when it was the last.

    \b
    spanhouse instance lift i-4k9x0d2mfq7c --reason 'sender was mended'
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import selectors, service_life

        held = selectors.get_instance(instance)
        service_life.lift_hold(held, _hold(kind), reason=reason, now=now, by=caller())
        _show(held, now, as_json)


@app.command()
def release(
    instance: InstanceArgument,
    confirm: Annotated[str, typer.Option(help="The id once more: this cannot be undone.")],
    as_json: JsonOption = False,
) -> None:
    """Give an instance up for good: its keys stop at once, and nothing of it can be read any more.

    \b
    spanhouse instance release i-4k9x0d2mfq7c --confirm i-4k9x0d2mfq7c
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import selectors, service_life

        gone = service_life.release_instance(selectors.get_instance(instance), confirm, now=now, by=caller())
        _show(gone, now, as_json)


def _hold(kind: str) -> Hold:
    from spanhouse.customers.instances.holds import Hold

    if kind not in set(Hold):
        raise Malformed(f"a hold is one of {', '.join(Hold)}, not {kind!r}")
    return Hold(kind)


def _show(instance: Instance, now: datetime, as_json: bool) -> None:
    row = _row(instance, now)
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        out.print(f"{name:<15} {value}", markup=False)


def _row(instance: Instance, now: datetime) -> dict[str, Any]:
    from spanhouse.customers.instances import selectors, standing

    grant, now_ns = selectors.instance_grant(instance), standing.to_ns(now)
    return {
        "id": instance.pk,
        "name": instance.name,
        "account": instance.account_id,
        "region": instance.region,
        "retention_days": instance.retention_days,
        "right": instance.right,
        "holds": [hold.kind for hold in standing.live_holds(instance)],
        "ingest": grant.may_ingest(now_ns),
        "query": grant.may_query(now_ns),
        "denial": "" if grant.may_ingest(now_ns) else grant.denial,
        "created": instance.created_at.isoformat(timespec="seconds"),
        "released": instance.released_at.isoformat(timespec="seconds") if instance.released_at else None,
    }
