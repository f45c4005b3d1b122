"""Reads: parties and people."""

from __future__ import annotations

from django.db.models import QuerySet

from spanhouse.base.errors import NotFound
from spanhouse.customers.accounts.models import Account, Grant, Licence, Membership, Party, User


def accounts_of(user: User) -> QuerySet[Account]:
    """Accounts that `user` acts for."""
    return Account.objects.filter(memberships__user=user)


def party_of(account: Account) -> Party | None:
    """None while the account has not said who it is."""
    return Party.objects.filter(account=account).first()


def licences_of(account: Account) -> QuerySet[Licence]:
    """Those declared and not withdrawn."""
    return Licence.objects.filter(account=account, withdrawn_at=None)


def members_of(account: Account) -> QuerySet[Membership]:
    return Membership.objects.filter(account=account).select_related("user").order_by("created_at", "id")


def get_member(account: Account, user_id: int) -> User:
    """Raises NotFound, also for a user who is a member elsewhere only."""
    user = User.objects.filter(pk=user_id, memberships__account=account).first()
    if user is None:
        raise NotFound(f"{account.name} has no member {user_id}")
    return user


def grants_of(account: Account) -> QuerySet[Grant]:
    """Grants that the account gave and did not revoke, expired ones too."""
    return Grant.objects.filter(account=account, revoked_at=None).select_related("to_user", "to_account")


def get_grant(account: Account, grant_id: str) -> Grant:
    """Raises NotFound, also when the grant is another account's."""
    grant = Grant.objects.filter(pk=grant_id, account=account).select_related("account").first()
    if grant is None:
        raise NotFound(f"{account.name} has no grant {grant_id!r}")
    return grant


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
