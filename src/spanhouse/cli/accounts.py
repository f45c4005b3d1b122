"""`spanhouse account`: the parties, and who acts for them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from spanhouse.base.errors import Malformed, NotFound
from spanhouse.cli.environment import accounts_database, caller, parse_expiry
from spanhouse.cli.output import errors_in_one_line, out, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Accounts: the parties of the contract, and their members.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("open")
def open_(
    name: Annotated[str, typer.Argument(help="Name of the party.")],
    owner: Annotated[str, typer.Option(help="User name of its owner, who is made if new.")],
    own: Annotated[bool, typer.Option("--own", help="The operator's own: outside contract and billing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Open an account. A customer's has no instance before its owner has accepted the agreement.

    \b
    spanhouse account open 'Shop Ltd' --owner bob@shop.example
    spanhouse account open 'Platform team' --owner carol --own
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from django.db import transaction

        from spanhouse.customers.accounts import granting, selectors, services
        from spanhouse.customers.accounts.operations import Role
        from spanhouse.customers.instances import services as instances

        with transaction.atomic():
            account = instances.open_account(name, now=now, outside_contract=own, by=caller())
            known = selectors.user_named(owner)
            if known is None:
                services.create_member(account, owner, now=now, by=caller())
            else:
                granting.add_member(account, known, Role.OWNER, now=now, by=caller())
    if as_json:
        print_json({"id": account.pk, "name": account.name, "owner": owner, "outside_contract": own})
    else:
        out.print(f"{account.pk} is open; `spanhouse login-link --user {owner}` lets its owner in", markup=False)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List all accounts."""
    with errors_in_one_line(), accounts_database():
        from spanhouse.customers.accounts.models import Account
        from spanhouse.customers.agreements.selectors import has_contract

        rows = [
            {
                "id": account.pk,
                "name": account.name,
                "contract": "outside" if account.outside_contract else "in force" if has_contract(account) else "none",
                "members": account.memberships.count(),
                "opened": account.created_at.isoformat(timespec="seconds"),
            }
            for account in Account.objects.all()
        ]
    if as_json:
        print_json(rows)
        return
    columns = ("id", "name", "contract", "members", "opened")
    print_table(columns, [[escape(str(row[column])) for column in columns] for row in rows], "there are no accounts")


@app.command()
def grant(
    account: Annotated[str, typer.Argument(help="Id of the account that gives.")],
    to: Annotated[str, typer.Argument(help="User name, or id of another account.")],
    may: Annotated[list[str], typer.Option(help="An operation, such as query (repeatable).")],
    instance: Annotated[list[str] | None, typer.Option(help="Only on this instance (repeatable).")] = None,
    service: Annotated[list[str] | None, typer.Option(help="Only on this service (repeatable).")] = None,
    expires: Annotated[str | None, typer.Option(help="A duration (30d) or a date; never if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Let a user, or the members of another account, do something for an account.

    \b
    spanhouse account grant a-4k9x0d2mfq7c dana --may query --service checkout --expires 30d
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.accounts import selectors
        from spanhouse.customers.instances import granting

        given = granting.give_grant(
            selectors.get_account(account),
            selectors.user_named(to) or selectors.get_account(to),
            may,
            now=now,
            instances=instance,
            services=service,
            expires_at=parse_expiry(expires, now) if expires else None,
            by=caller(),
        )
    if as_json:
        print_json({"id": given.pk, "to": to, "operations": given.operations})
    else:
        out.print(f"{given.pk}: {to} may {', '.join(given.operations)}", markup=False)


@app.command("grants")
def list_grants(
    account: Annotated[str, typer.Argument(help="Id of the account.")], as_json: JsonOption = False
) -> None:
    """List the grants that an account gave and did not revoke."""
    with errors_in_one_line(), accounts_database():
        from spanhouse.customers.accounts import selectors

        rows = [
            {
                "id": given.pk,
                "to": str(given.to_user or given.to_account),
                "operations": given.operations,
                "instances": given.instances,
                "services": given.services,
                "expires": given.expires_at.isoformat(timespec="seconds") if given.expires_at else None,
            }
            for given in selectors.grants_of(selectors.get_account(account))
        ]
    if as_json:
        print_json(rows)
        return
    columns = ("id", "to", "operations", "instances", "services", "expires")
    shown = [{**row, "expires": row["expires"] or "never"} for row in rows]
    print_table(columns, [[escape(_cell(row[column])) for column in columns] for row in shown], "there are no grants")


@app.command()
def ungrant(
    account: Annotated[str, typer.Argument(help="Id of the account that gave it.")],
    grant_id: Annotated[str, typer.Argument(help="Id of the grant.")],
) -> None:
    """Revoke a grant, and the keys that were made under it, at once."""
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.accounts import selectors
        from spanhouse.customers.instances import granting

        given = selectors.get_grant(selectors.get_account(account), grant_id)
        revoked = granting.end_grant(given, now=now, by=caller())
    out.print(f"{grant_id} is revoked" if revoked else f"{grant_id} was revoked before")


def _cell(value: object) -> str:
    if value is None:
        return "all"
    return ", ".join(value) if isinstance(value, list) else str(value)


@app.command()
def member(
    account: Annotated[str, typer.Argument(help="Id of the account.")],
    user: Annotated[str, typer.Argument(help="User name; made if new.")],
    role: Annotated[str, typer.Option(help="owner, admin, editor, viewer or billing; none removes.")] = "viewer",
) -> None:
    """Let a user act for an account, change the role, or remove the member (`--role none`).

    \b
    spanhouse account member a-4k9x0d2mfq7c carol --role editor
    spanhouse account member a-4k9x0d2mfq7c carol --role none
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.accounts import granting, selectors, services
        from spanhouse.customers.accounts.operations import Role

        party, known = selectors.get_account(account), selectors.user_named(user)
        if role == "none":
            if known is None:
                raise NotFound(f"there is no user {user!r}")
            granting.remove_member(party, known, now=now, by=caller())
        elif role not in Role.values:
            raise Malformed(f"a role is one of {', '.join(Role.values)}, not {role!r}")
        elif known is None:
            services.create_member(party, user, now=now, role=role, by=caller())
        elif selectors.members_of(party).filter(user=known).exists():
            granting.change_role(party, known, role, now=now, by=caller())
        else:
            granting.add_member(party, known, role, now=now, by=caller())
    out.print(f"{user} is {'no member' if role == 'none' else role} of {party.name}", markup=False)
