"""A fixed cast: Alice runs the installation, Shop is a second party."""

from __future__ import annotations

from datetime import UTC, datetime

from spanhouse.customers.accounts import parties
from spanhouse.customers.accounts import services as accounts
from spanhouse.customers.accounts.audit.actors import by_user
from spanhouse.customers.accounts.models import Account, User
from spanhouse.customers.agreements import services as agreements
from spanhouse.customers.agreements.selectors import in_effect
from spanhouse.customers.instances import services as instances
from spanhouse.customers.instances.models import LOCAL_INSTANCE, Instance

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def operator(username: str = "alice") -> tuple[Account, User, Instance]:
    """What the first minute makes: an account, its operator, the instance `local`."""
    account = instances.open_account("Operator", now=NOON, outside_contract=True)
    user = accounts.create_member(account, username, now=NOON, is_operator=True)
    local = instances.create_instance(account, "local", now=NOON, retention_days=15, instance_id=LOCAL_INSTANCE)
    return account, user, local


def declare(account: Account, *, now: datetime = NOON) -> None:
    """Who the party is."""
    parties.declare_party(
        account,
        kind="enterprise",
        name=f"{account.name} Ltd",
        registration="91310000MA1K000000",
        email="legal@shop.example",
        phone="+86 21 5555 0100",
        address="1 Century Avenue, Shanghai",
        now=now,
    )


def sign(account: Account, user: User, *, now: datetime = NOON) -> None:
    """The account's contract, by its owner, upon the papers in effect."""
    agreements.publish_first(now=now)
    declare(account, now=now)
    versions = {str(kind): document.version for kind, document in in_effect(now).items()}
    agreements.accept(account, versions, now=now, language="en", how="page", by=by_user(user))


def shop(username: str = "bob") -> tuple[Account, User, Instance]:
    """Another party with an instance of its own."""
    account = instances.open_account("Shop", now=NOON)
    user = accounts.create_member(account, username, now=NOON)
    sign(account, user)
    return account, user, instances.create_instance(account, "shop", now=NOON, retention_days=30)
