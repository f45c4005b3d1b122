"""Writes: parties, people and their ways in. `now` is an argument everywhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from spanhouse.base.errors import Unauthenticated
from spanhouse.base.ids import digest_secret, new_secret
from spanhouse.customers.accounts.models import Account, LoginLink, Membership, User

LOGIN_LINK_LIFE = timedelta(minutes=15)


@transaction.atomic
def create_account(name: str, *, now: datetime) -> Account:
    """A party alone. `instances.services.open_account` is the way in: another account changes the Grants."""
    return Account.objects.create(name=name, created_at=now)


@transaction.atomic
def create_member(account: Account, username: str, *, now: datetime, is_operator: bool = False) -> User:
    """A new user who acts for `account`; has no password yet."""
    user = User.objects.create_user(username, is_operator=is_operator, created_at=now)
    Membership.objects.create(account=account, user=user, created_at=now)
    return user


@transaction.atomic
def create_login_link(user: User, *, now: datetime, life: timedelta = LOGIN_LINK_LIFE) -> str:
    """The code of a new link; earlier unused links of this user stop working."""
    LoginLink.objects.filter(user=user, used_at=None).delete()
    code = new_secret("shl")
    LoginLink.objects.create(digest=digest_secret(code), user=user, created_at=now, expires_at=now + life)
    return code


@transaction.atomic
def redeem_login_link(code: str, *, now: datetime) -> User:
    """The user whom `code` logs in. It works once: of two who try at the same time, one is refused."""
    link = LoginLink.objects.filter(digest=digest_secret(code))
    taken = link.filter(used_at=None, expires_at__gt=now, user__is_active=True).update(used_at=now)
    if not taken:
        raise Unauthenticated("this login link was used already or has expired")
    return link.select_related("user").get().user


@transaction.atomic
def set_password(user: User, password: str) -> None:
    """Replace the password; sessions other than the one that asks end (their hash no longer fits)."""
    user.set_password(password)
    user.save(update_fields=["password"])
