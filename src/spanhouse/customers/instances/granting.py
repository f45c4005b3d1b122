"""Writes: members and grants, where instances and keys are concerned. What is made under a grant ends with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from spanhouse.base.errors import NotFound
from spanhouse.customers.accounts import granting
from spanhouse.customers.accounts.audit.actors import SYSTEM, By
from spanhouse.customers.accounts.models import Account, Grant, User
from spanhouse.customers.instances import selectors, services
from spanhouse.customers.instances.models import Instance, Key


@transaction.atomic
def give_grant(
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
    """`granting.grant`, of instances that are the account's. Raises NotFound for one that is not."""
    known = set(Instance.objects.filter(account=account, pk__in=instances or ()).values_list("pk", flat=True))
    foreign = sorted(set(instances or ()) - known)
    if foreign:
        raise NotFound(f"{account.name} has no instance {foreign[0]!r}")
    return granting.grant(
        account, to, operations, now=now, instances=instances, services=services, expires_at=expires_at, by=by
    )


@transaction.atomic
def end_grant(grant: Grant, *, now: datetime, by: By = SYSTEM) -> bool:
    """Revoke it, and the keys that were made under it. False if it was revoked before."""
    revoked = granting.revoke_grant(grant, now=now, by=by)
    if revoked:
        for key in Key.objects.filter(grant=grant, revoked_at=None).select_related("instance"):
            services.end_key(key, now=now, by=by)
    return revoked


@transaction.atomic
def part_with_member(account: Account, user: User, *, now: datetime, revoke_keys: bool, by: By = SYSTEM) -> list[Key]:
    """Remove a member. Keys are the account's and work on unless `revoke_keys`; those the member made are returned."""
    granting.remove_member(account, user, now=now, by=by)
    made = list(selectors.keys_made_by(user, account).select_related("instance"))
    if revoke_keys:
        for key in made:
            services.end_key(key, now=now, by=by)
    return made
