"""`spanhouse key`: ingest keys and query tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from spanhouse.cli.environment import accounts_database, caller, parse_duration, parse_expiry
from spanhouse.cli.output import errors_in_one_line, out, print_json, print_table

if TYPE_CHECKING:
    from spanhouse.customers.instances.models import Key

app = typer.Typer(no_args_is_help=True, help="Ingest keys and query tokens of an instance.")

InstanceOption = Annotated[str, typer.Option("--instance", "-i", help="Id of the instance.")]
InstanceFilter = Annotated[
    str | None, typer.Option("--instance", "-i", help="Only keys of this instance.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, such as 'checkout in production'.")],
    scope: Annotated[str, typer.Option(help="ingest sends spans, query reads them.")] = "ingest",
    instance: InstanceOption = "local",
    expires: Annotated[str | None, typer.Option(help="A duration (90d) or a date; never if left out.")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="Web origin that may use the key (repeatable).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key. Its secret is printed once and not kept.

    \b
    spanhouse key create checkout
    spanhouse key create grafana --scope query --expires 90d
    spanhouse key create shop-frontend --origin https://shop.example.com
    """
    from_text = origin or []
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import selectors, services

        expires_at = parse_expiry(expires, now) if expires else None
        key, secret = services.create_key(
            selectors.get_instance(instance),
            scope,
            name,
            now=now,
            expires_at=expires_at,
            origins=from_text,
            by=caller(),
        )
        _show_secret(key, secret, as_json)


@app.command("list")
def list_(
    instance: InstanceFilter = None,
    revoked: Annotated[bool, typer.Option("--revoked", help="Show revoked keys too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List keys; secrets cannot be shown again.

    \b
    spanhouse key list
    spanhouse key list --instance i-4k9x0d2mfq7c --json
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import selectors

        keys = (
            selectors.keys_of_all(revoked=revoked)
            if instance is None
            else selectors.list_keys(selectors.get_instance(instance), revoked=revoked)
        )
        rows = [_row(key, now) for key in keys]
    if as_json:
        print_json(rows)
        return
    columns = ("id", "name", "instance", "scope", "prefix", "state", "expires", "last_used")
    print_table(
        columns,
        [[escape(str(row[column] or "")) for column in columns] for row in rows],
        f"{instance or 'this installation'} has no keys; `spanhouse key create NAME` makes one",
    )


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key, as `spanhouse key list` shows it.")],
    instance: InstanceFilter = None,
) -> None:
    """Stop a key. It is refused within a second.

    \b
    spanhouse key revoke k-4k9x0d2mfq7c
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import services

        revoked = services.revoke_key(_find(key_id, instance), now=now, by=caller())
    out.print(f"{key_id} is revoked" if revoked else f"{key_id} was revoked before")


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="Id of the key to replace.")],
    instance: InstanceFilter = None,
    overlap: Annotated[str, typer.Option(help="How long the old key still works.")] = "24h",
    as_json: JsonOption = False,
) -> None:
    """Make a successor of a key; the old one works on for the overlap.

    \b
    spanhouse key rotate k-4k9x0d2mfq7c --overlap 7d
    spanhouse key rotate k-4k9x0d2mfq7c --overlap 0s
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import services

        old = _find(key_id, instance)
        key, secret = services.rotate_key(
            old, now=now, overlap=parse_duration(overlap) if overlap else timedelta(), by=caller()
        )
        _show_secret(key, secret, as_json)


def _find(key_id: str, instance: str | None) -> Key:
    """Key ids differ across instances, so that one says enough."""
    from spanhouse.customers.instances import selectors

    if instance is None:
        return selectors.key_of_any(key_id)
    return selectors.get_key(selectors.get_instance(instance), key_id)


def _show_secret(key: Key, secret: str, as_json: bool) -> None:
    if as_json:
        print_json({**_row(key, key.created_at), "secret": secret})
        return
    out.print(f"[bold]{escape(secret)}[/bold]", soft_wrap=True)
    note = f"{key.pk}: {key.scope} key of {key.instance_id}. This is the only time that the secret is shown."
    out.print(note, markup=False, soft_wrap=True)


def _row(key: Key, now: datetime) -> dict[str, Any]:
    expired = key.expires_at is not None and key.expires_at <= now
    return {
        "id": key.pk,
        "name": key.name,
        "scope": key.scope,
        "instance": key.instance_id,
        "prefix": key.prefix,
        "origins": key.origins,
        "state": "revoked" if key.revoked_at else "expired" if expired else "live",
        "created": _moment(key.created_at),
        "expires": _moment(key.expires_at),
        "last_used": _moment(key.last_used_at),
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
