"""An empty data directory becomes one that a person can use: an operator, an account, the instance `local`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.core.management import call_command
from django.db import transaction

from spanhouse.customers.accounts import selectors as accounts
from spanhouse.customers.accounts import services as account_services
from spanhouse.customers.accounts.audit.actors import SYSTEM, By
from spanhouse.customers.accounts.models import User
from spanhouse.customers.agreements import services as agreements
from spanhouse.customers.instances import publishing
from spanhouse.customers.instances import services as instance_services
from spanhouse.customers.instances.models import LOCAL_INSTANCE

OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class LoginLink:
    url: str
    minutes: int


def prepare_database() -> None:
    """Bring the tables up to date. Doing it twice changes nothing."""
    call_command("migrate", interactive=False, verbosity=0)


@transaction.atomic
def set_up(now: datetime, retention_days: int) -> None:
    """Make the operator with an account and the instance `local`, unless there is an account already."""
    if accounts.account_count():
        return
    account = instance_services.open_account("Operator", now=now, outside_contract=True)
    account_services.create_member(account, OPERATOR, now=now, is_operator=True)
    instance_services.create_instance(
        account, "local", now=now, retention_days=retention_days, instance_id=LOCAL_INSTANCE
    )


def prepare(now: datetime, retention_days: int) -> None:
    """Everything that must hold before the first request: tables, the operator, the published Grants."""
    prepare_database()
    agreements.publish_first(now=now)
    set_up(now, retention_days)
    publishing.reconcile()


def make_login_link(user: User, console_url: str, now: datetime, by: By = SYSTEM) -> LoginLink:
    """A fresh link for `user`; earlier ones stop working."""
    code = account_services.create_login_link(user, now=now, by=by)
    life = account_services.LOGIN_LINK_LIFE
    return LoginLink(f"{console_url}/login/link/{code}", int(life.total_seconds() // 60))
