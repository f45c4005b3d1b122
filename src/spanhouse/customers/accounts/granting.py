"""Writes: members, their roles, and grants. Nobody gives, changes or takes more than they may do themselves.

`instances/granting.py` is the way in where instances or keys are concerned.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from spanhouse.base.errors import Forbidden, Malformed, NotFound
from spanhouse.customers.accounts import access
from spanhouse.customers.accounts.audit.actors import SYSTEM, By
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.record import record
from spanhouse.customers.accounts.models import Account, Grant, Membership, User
from spanhouse.customers.accounts.operations import ON_INSTANCES, ON_SERVICES, Operation, Role, may_manage

NAMED_MAX = 500
"""Instances, and services, that one grant may name."""
SERVICE_NAME_MAX = 255


@transaction.atomic
def add_member(account: Account, user: User, role: str, *, now: datetime, by: By = SYSTEM) -> Membership:
    """Let a user act for the account. Raises Malformed for no such role or one who is a member already."""
    _known_role(role)
    _hold(account)
    _require_rank(by, account, role, now)
    try:
        with transaction.atomic():
            member = Membership.objects.create(account=account, user=user, role=role, created_at=now)
    except IntegrityError as error:
        raise Malformed(f"{user} is a member already") from error
    record(Deed.MEMBER_ADD, account.pk, by, now=now, on=("user", str(user.pk)), details={"role": role})
    return member


@transaction.atomic
def change_role(account: Account, user: User, role: str, *, now: datetime, by: By = SYSTEM) -> Membership:
    """Raises NotFound for no member, Forbidden for rights above one's own, Malformed for the last owner."""
    _known_role(role)
    _hold(account)
    member = _member(account, user)
    _require_rank(by, account, member.role, now)
    _require_rank(by, account, role, now)
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    _require_an_owner(account)
    details = {"before": before, "after": role}
    record(Deed.MEMBER_CHANGE, account.pk, by, now=now, on=("user", str(user.pk)), details=details)
    return member


@transaction.atomic
def remove_member(account: Account, user: User, *, now: datetime, by: By = SYSTEM) -> None:
    """The user acts for the account no more; anybody may leave. Raises as `change_role` does."""
    _hold(account)
    member = _member(account, user)
    if by.user != user:
        _require_rank(by, account, member.role, now)
    member.delete()
    _require_an_owner(account)
    record(Deed.MEMBER_REMOVE, account.pk, by, now=now, on=("user", str(user.pk)), details={"role": member.role})


@transaction.atomic
def grant(
    account: Account,
    to: User | Account,
    operations: Collection[str],
    *,
    now: datetime,
    instances: Sequence[str] | None = None,
    services: Sequence[str] | None = None,
    expires_at: datetime | None = None,
    by: By = SYSTEM,
) -> Grant:
    """Let a user, or the members of another account, do something for `account`.

    `instances` and `services` narrow it; None means all. Raises Malformed for what makes no sense, Forbidden for more
    than the giver may do.
    """
    given = _known_operations(operations)
    _hold(account)
    _check_reach(given, instances, services)
    if to == account:
        raise Malformed("an account's own members need no grant")
    if expires_at is not None and expires_at <= now:
        raise Malformed("a grant cannot expire in the past")
    _require_own(by, account, given, now)
    made = Grant(
        account=account,
        to_user=to if isinstance(to, User) else None,
        to_account=to if isinstance(to, Account) else None,
        operations=sorted(given),
        instances=None if instances is None else sorted(set(instances)),
        services=None if services is None else sorted(set(services)),
        created_at=now,
        created_by=by.user,
        expires_at=expires_at,
    )
    made.save(force_insert=True)
    record(Deed.GRANT_GIVE, account.pk, by, now=now, on=("grant", made.pk), details=_told(made))
    return made


@transaction.atomic
def revoke_grant(given: Grant, *, now: datetime, by: By = SYSTEM) -> bool:
    """End it at once. False if it was revoked before. Whoever has it may give it up."""
    if by.user is None or by.user.pk != given.to_user_id:
        access.require(by, Operation.MANAGE_MEMBERS, given.account, now)
    revoked = Grant.objects.filter(pk=given.pk, revoked_at=None).update(revoked_at=now)
    if revoked:
        record(Deed.GRANT_REVOKE, given.account_id, by, now=now, on=("grant", given.pk))
    return bool(revoked)


def _told(made: Grant) -> dict[str, object]:
    """What the log keeps of a grant: of services only how many, for their names go with the instance."""
    return {
        "to": made.to_account_id or f"user {made.to_user_id}",
        "operations": made.operations,
        "instances": made.instances,
        "services": None if made.services is None else len(made.services),
        "expires": made.expires_at.isoformat() if made.expires_at else None,
    }


def _known_role(role: str) -> None:
    if role not in Role.values:
        raise Malformed(f"a role is one of {', '.join(Role.values)}, not {role!r}")


def _known_operations(operations: Collection[str]) -> frozenset[Operation]:
    unknown = sorted(set(operations) - set(Operation))
    if unknown or not operations:
        raise Malformed(f"a grant gives some of {', '.join(Operation)}; not {', '.join(unknown) or 'nothing'}")
    return frozenset(Operation(name) for name in operations)


def _check_reach(given: frozenset[Operation], instances: Sequence[str] | None, services: Sequence[str] | None) -> None:
    for named, allowed, what in ((instances, ON_INSTANCES, "instances"), (services, ON_SERVICES, "services")):
        if named is None:
            continue
        if not named or len(named) > NAMED_MAX:
            raise Malformed(f"a grant names 1 to {NAMED_MAX} {what}, or none to mean all")
        if given - allowed:
            raise Malformed(f"{', '.join(sorted(given - allowed))} cannot be granted on named {what} only")
    if any(not name or len(name) > SERVICE_NAME_MAX or "\0" in name for name in services or ()):
        raise Malformed(f"a service's name has 1 to {SERVICE_NAME_MAX} characters")


def _hold(account: Account) -> None:
    """Members and grants of an account change one after the other."""
    Account.objects.select_for_update().get(pk=account.pk)


def _member(account: Account, user: User) -> Membership:
    member = Membership.objects.filter(account=account, user=user).first()
    if member is None:
        raise NotFound(f"{user} is no member of {account.name}")
    return member


def _require_rank(by: By, account: Account, role: str, now: datetime) -> None:
    if access.is_trusted(by):
        return
    access.require(by, Operation.MANAGE_MEMBERS, account, now)
    if by.user is None or not may_manage(access.operations_on(by.user, account, now), role):
        raise Forbidden(f"you may not give or take the role {role!r}: it can more than you may")


def _require_own(by: By, account: Account, given: frozenset[Operation], now: datetime) -> None:
    if access.is_trusted(by):
        return
    access.require(by, Operation.MANAGE_MEMBERS, account, now)
    own = access.operations_on(by.user, account, now) if by.user else frozenset()
    if given - own:
        raise Forbidden(f"you may not give what you may not do: {', '.join(sorted(given - own))}")


def _require_an_owner(account: Account) -> None:
    owners = Membership.objects.filter(account=account, role=Role.OWNER, user__is_active=True)
    if not owners.exists():
        raise Malformed("an account needs an owner; make another member one first")
