"""Reads: parties and people."""

from __future__ import annotations

from django.db.models import QuerySet

from spanhouse.base.errors import NotFound
from spanhouse.customers.accounts.models import Account, User


def accounts_of(user: User) -> QuerySet[Account]:
    """Accounts that `user` acts for."""
    return Account.objects.filter(memberships__user=user)


def account_count() -> int:
    return Account.objects.count()


def first_operator() -> User | None:
    return User.objects.filter(is_operator=True, is_active=True).order_by("id").first()


def user_named(username: str) -> User | None:
    return User.objects.filter(username=username.strip().lower()).first()


def get_account(account_id: str | None = None) -> Account:
    """The account with this id, or the first. Raises NotFound."""
    found = Account.objects.filter(pk=account_id) if account_id else Account.objects.all()
    account = found.first()
    if account is None:
        raise NotFound(f"there is no account {account_id!r}" if account_id else "there is no account")
    return account
