"""Writes: parties, people and their ways in. `now` is an argument everywhere, `by` says whose deed it is."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from spanhouse.base.errors import Malformed, Unauthenticated
from spanhouse.base.ids import digest_secret, new_secret
from spanhouse.customers.accounts import granting
from spanhouse.customers.accounts.audit.actors import SYSTEM, By
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.record import INSTALLATION, record
from spanhouse.customers.accounts.models import Account, LoginLink, User
from spanhouse.customers.accounts.operations import Role

LOGIN_LINK_LIFE = timedelta(minutes=15)


@transaction.atomic
def create_account(name: str, *, now: datetime, outside_contract: bool = False, by: By = SYSTEM) -> Account:
    """A party alone. `instances.services.open_account` is the way in: another account changes the Grants.

    Raises Malformed for a name that is none.
    """
    account = Account(name=name.strip(), created_at=now, outside_contract=outside_contract)
    try:
        account.full_clean(validate_unique=False)
    except ValidationError as error:
        raise Malformed(f"name: {' '.join(error.messages)}") from error
    account.save(force_insert=True)
    details = {"outside_contract": outside_contract}
    record(Deed.ACCOUNT_OPEN, account.pk, by, now=now, on=("account", account.pk), details=details)
    return account


@transaction.atomic
def create_member(
    account: Account,
    username: str,
    *,
    now: datetime,
    role: str = Role.OWNER,
    is_operator: bool = False,
    by: By = SYSTEM,
) -> User:
    """A new user who acts for `account`; has no password yet. `granting.add_member` takes one who is there already.

    Raises Malformed for a name that is none or is taken.
    """
    try:
        user = User.objects.create_user(username, is_operator=is_operator, created_at=now)
    except ValidationError as error:
        raise Malformed(f"user name: {' '.join(error.messages)}") from error
    granting.add_member(account, user, role, now=now, by=by)
    return user


@transaction.atomic
def create_login_link(user: User, *, now: datetime, life: timedelta = LOGIN_LINK_LIFE, by: By = SYSTEM) -> str:
    """The code of a new link; earlier unused links of this user stop working."""
    LoginLink.objects.filter(user=user, used_at=None).delete()
    code = new_secret("shl")
    LoginLink.objects.create(digest=digest_secret(code), user=user, created_at=now, expires_at=now + life)
    _record_for(user, Deed.LOGIN_LINK_MAKE, by, now)
    return code


def redeem_login_link(code: str, *, now: datetime, by: By = SYSTEM) -> User:
    """The user whom `code` logs in. It works once: of two who try at the same time, one is refused.

    Raises Unauthenticated; the attempt is in the log all the same.
    """
    with transaction.atomic():
        link = LoginLink.objects.filter(digest=digest_secret(code))
        if link.filter(used_at=None, expires_at__gt=now, user__is_active=True).update(used_at=now):
            user = link.select_related("user").get().user
            _record_for(user, Deed.LOGIN_LINK_USE, by, now)
            return user
        known = link.select_related("user").first()
        why = "this login link was used already or has expired"
        _record_for(known.user if known else None, Deed.LOGIN_LINK_USE, by, now, refused=why)
    raise Unauthenticated(why)


@transaction.atomic
def set_password(user: User, password: str, *, now: datetime, by: By = SYSTEM) -> None:
    """Replace the password; sessions other than the one that asks end (their hash no longer fits)."""
    user.set_password(password)
    user.save(update_fields=["password"])
    _record_for(user, Deed.PASSWORD_SET, by, now)


@transaction.atomic
def note_login(user: User, *, now: datetime, by: By) -> None:
    """A password was right."""
    _record_for(user, Deed.LOGIN, by, now)


@transaction.atomic
def note_refused_login(username: str, *, now: datetime, by: By) -> None:
    """Name or password was wrong. An unknown name is not kept: it may be a password in the wrong field."""
    user = User.objects.filter(username=username).first()
    _record_for(user, Deed.LOGIN, by, now, refused="user name or password is wrong")


@transaction.atomic
def note_logout(user: User, *, now: datetime, by: By) -> None:
    _record_for(user, Deed.LOGOUT, by, now)


@transaction.atomic
def note_refused_access(account: Account, what: str, why: str, *, now: datetime, by: By) -> None:
    """Somebody who may do something for the account asked for more. `what` names the page or call."""
    record(Deed.ACCESS, account.pk, by, now=now, on=("page", what[:64]), refused=why)


def _record_for(user: User | None, deed: Deed, by: By, now: datetime, refused: str = "") -> None:
    """A person's deed stands in the log of every account that the person acts for, else in the installation's."""
    accounts = sorted(user.memberships.values_list("account_id", flat=True)) if user else []
    on = ("user", str(user.pk)) if user else ("", "")
    for account in accounts or [INSTALLATION]:
        record(deed, account, by, now=now, on=on, refused=refused)
