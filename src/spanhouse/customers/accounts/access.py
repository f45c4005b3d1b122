"""What a person may do for which account: the one answer, for pages, APIs and commands alike.

Rights are read at each request, so that what is taken away is gone at the next one. For instances see
`instances/access.py`, which stands on this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from spanhouse.base.errors import Forbidden
from spanhouse.customers.accounts.audit.actors import ActorKind, By
from spanhouse.customers.accounts.models import Account, Grant, Membership, User
from spanhouse.customers.accounts.operations import ROLES, Operation


@dataclass(frozen=True, slots=True)
class Permit:
    """One source of rights: a membership or a grant."""

    account: str
    operations: frozenset[Operation]
    instances: frozenset[str] | None = None
    """None: all of the account's, also those to come."""
    services: frozenset[str] | None = None
    """None: all."""
    grant: Grant | None = None

    @property
    def whole(self) -> bool:
        """Whether it reaches over the account itself, and not only over named parts of it."""
        return self.instances is None and self.services is None

    def reaches(self, account: str, instance: str) -> bool:
        return self.account == account and (self.instances is None or instance in self.instances)


def permits_of(user: User, now: datetime) -> tuple[Permit, ...]:
    """All that `user` may do at `now`."""
    if not user.is_active:
        return ()
    memberships = list(Membership.objects.filter(user=user))
    roles = {membership.account_id: ROLES[membership.role] for membership in memberships}
    own = (Permit(account, operations) for account, operations in roles.items())
    live = live_grants(now).filter(Q(to_user=user) | Q(to_account__in=roles)).select_related("account")
    return (*own, *_granted(live, roles))


def _granted(grants: Iterable[Grant], roles: dict[str, frozenset[Operation]]) -> Iterator[Permit]:
    """A grant to an account gives its members no more than their role there: its viewer stays one who only views."""
    for grant in grants:
        operations = frozenset(Operation(name) for name in grant.operations)
        if grant.to_account_id is not None:
            operations &= roles[grant.to_account_id]
        instances = None if grant.instances is None else frozenset(grant.instances)
        services = None if grant.services is None else frozenset(grant.services)
        yield Permit(grant.account_id, operations, instances, services, grant)


def live_grants(now: datetime) -> QuerySet[Grant]:
    """Grants in force: until the very second at which they expire."""
    return Grant.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None, created_at__lte=now)


def operations_on(user: User, account: Account, now: datetime) -> frozenset[Operation]:
    """What `user` may do on the whole of `account`."""
    whole = (permit for permit in permits_of(user, now) if permit.account == account.pk and permit.whole)
    return frozenset().union(*(permit.operations for permit in whole))


def may(user: User, operation: Operation, account: Account, now: datetime) -> bool:
    return operation in operations_on(user, account, now)


def accounts_for(user: User, operation: Operation, now: datetime) -> QuerySet[Account]:
    """Accounts on the whole of which `user` may do this."""
    permits = (permit for permit in permits_of(user, now) if permit.whole and operation in permit.operations)
    return Account.objects.filter(pk__in={permit.account for permit in permits})


def require(by: By, operation: Operation, account: Account, now: datetime) -> None:
    """Raises Forbidden, unless it is the program itself, a command on its machine, or a person who may."""
    if not is_trusted(by) and (by.user is None or not may(by.user, operation, account, now)):
        raise Forbidden(f"you may not do this for {account.name}: it takes the right {operation.value!r}")


def is_trusted(by: By) -> bool:
    """Whether no person's rights stand behind the deed: the program, or whoever runs commands on its machine."""
    return by.kind in (ActorKind.SYSTEM, ActorKind.COMMAND)
