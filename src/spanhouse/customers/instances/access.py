"""Which instances a person may do something with, and which of their spans a person may read: the one answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from spanhouse.base.errors import Forbidden
from spanhouse.customers.accounts.access import Permit, is_trusted, permits_of
from spanhouse.customers.accounts.audit.actors import By
from spanhouse.customers.accounts.models import Grant, User
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.instances.models import Instance


@dataclass(frozen=True, slots=True)
class Reading:
    """What may be read: an instance, all of its services (None) or those named."""

    instance: Instance
    services: frozenset[str] | None = None


def instances_for(user: User, operation: Operation, now: datetime) -> QuerySet[Instance]:
    """Instances, not yet released, with which `user` may do this, at least in part."""
    return _reached(permit for permit in permits_of(user, now) if operation in permit.operations)


def instances_seen(user: User, now: datetime) -> QuerySet[Instance]:
    """Instances with which `user` may do anything at all."""
    return _reached(permit for permit in permits_of(user, now) if permit.operations)


def instance_for(user: User, operation: Operation | None, now: datetime, chosen: str | None = None) -> Instance | None:
    """The instance that `user` looks at: the chosen one if they may do this there (None: anything), or their first."""
    theirs = instances_seen(user, now) if operation is None else instances_for(user, operation, now)
    return (theirs.filter(pk=chosen).first() if chosen else None) or theirs.first()


def may(user: User, operation: Operation, instance: Instance, now: datetime) -> bool:
    """Whether `user` may do this with the whole of `instance`; for reading part of it ask `scope_for`."""
    return any(permit.services is None for permit in _permits(user, operation, instance, now))


def scope_for(user: User, instance: Instance, now: datetime) -> Reading | None:
    """What `user` may read of `instance`; None for nothing."""
    permits = _permits(user, Operation.QUERY, instance, now)
    if not permits:
        return None
    named = [permit.services for permit in permits if permit.services is not None]
    return Reading(instance, frozenset().union(*named) if len(named) == len(permits) else None)


def require(by: By, operation: Operation, instance: Instance, now: datetime) -> None:
    """Raises Forbidden, unless it is the program itself, a command on its machine, or a person who may."""
    if not is_trusted(by) and (by.user is None or not may(by.user, operation, instance, now)):
        raise Forbidden(f"you may not do this with {instance.name}: it takes the right {operation.value!r}")


def grant_behind(by: By, operations: frozenset[Operation], instance: Instance, now: datetime) -> Grant | None:
    """The grant on which somebody acts who does all this with `instance`; None for who acts by a right of their own.

    Raises Forbidden where no one right covers it all: what is made under a grant has to end with that grant.
    """
    if is_trusted(by):
        return None
    permits = _permits(by.user, None, instance, now) if by.user else []
    fit = [permit for permit in permits if permit.services is None and operations <= permit.operations]
    if not fit:
        raise Forbidden(f"you may not do this with {instance.name}: it takes {' and '.join(sorted(operations))}")
    grants = [permit.grant for permit in fit if permit.grant is not None]
    if len(grants) < len(fit):
        return None
    return max(grants, key=lambda grant: (grant.expires_at is None, grant.expires_at or now))


def _permits(user: User, operation: Operation | None, instance: Instance, now: datetime) -> list[Permit]:
    return [
        permit
        for permit in permits_of(user, now)
        if permit.reaches(instance.account_id, instance.pk) and (operation is None or operation in permit.operations)
    ]


def _reached(permits: Iterable[Permit]) -> QuerySet[Instance]:
    reach = Q(pk__in=())
    for permit in permits:
        named = Q() if permit.instances is None else Q(pk__in=permit.instances)
        reach |= Q(account=permit.account) & named
    return Instance.objects.select_related("account").filter(reach, released_at=None)
