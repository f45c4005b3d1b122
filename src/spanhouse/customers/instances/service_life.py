"""Writes: holds placed and lifted, instances released. Each asks the table in `holds.py` first."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from spanhouse.base.errors import Forbidden, Malformed
from spanhouse.customers.accounts.access import is_trusted
from spanhouse.customers.accounts.audit.actors import SYSTEM, By
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.record import record
from spanhouse.customers.accounts.audit.text import storable
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.instances import access, publishing, services, standing
from spanhouse.customers.instances.holds import Act, Hold, Release, follow
from spanhouse.customers.instances.models import HoldRow, Instance, Key


@transaction.atomic
def place_hold(
    instance: Instance, kind: Hold, reason: str, *, now: datetime, deadline: datetime | None = None, by: By = SYSTEM
) -> HoldRow:
    """Suspend the instance at once. Raises Malformed where the table does not allow it or no reason is given."""
    _require_staff(by)
    if not reason.strip():
        raise Malformed("a hold has a reason")
    row = _held(instance)
    follow(standing.state_of(row, standing.live_holds(row)), Act.PLACE, kind)
    hold = HoldRow.objects.create(
        instance=row,
        kind=kind,
        reason=storable(reason.strip(), 500),
        placed_by=by.name or by.kind,
        placed_at=now,
        deadline=deadline,
    )
    _record(Deed.INSTANCE_HOLD, row, by, now, {"kind": kind, "reason": hold.reason})
    publishing.changed()
    return hold


@transaction.atomic
def lift_hold(instance: Instance, kind: Hold, *, now: datetime, reason: str = "", by: By = SYSTEM) -> None:
    """Take one hold off; service is back when it was the last. Raises Malformed when it is not on the instance."""
    _require_staff(by)
    row = _held(instance)
    follow(standing.state_of(row, standing.live_holds(row)), Act.LIFT, kind)
    HoldRow.objects.filter(instance=row, kind=kind, lifted_at=None).update(lifted_at=now, lifted_by=by.name or by.kind)
    _record(Deed.INSTANCE_LIFT, row, by, now, {"kind": kind, "reason": reason})
    publishing.changed()


@transaction.atomic
def release_instance(
    instance: Instance, confirmation: str, *, now: datetime, why: Release = Release.CUSTOMER, by: By = SYSTEM
) -> Instance:
    """The instance is gone, at once and for good: its keys are revoked, nothing is taken in or read any more.

    `confirmation` repeats the instance's id. Its data is erased by what erases released instances. Raises Forbidden
    for who may not delete, Malformed for another confirmation and for one that is released already.
    """
    _require_releaser(instance, why, by, now)
    if confirmation != instance.pk:
        raise Malformed(f"to release this instance and erase its data for good, confirm with its id: {instance.pk}")
    row = _held(instance)
    follow(standing.state_of(row, standing.live_holds(row)), Act.RELEASE, why)
    row.released_at, row.release = now, why
    row.save(update_fields=["released_at", "release"])
    keys = list(Key.objects.filter(instance=row, revoked_at=None))
    _record(Deed.INSTANCE_RELEASE, row, by, now, {"why": why, "keys": len(keys)})
    for key in keys:
        services.end_key(key, now=now, by=by)
    publishing.changed()
    return row


def _held(instance: Instance) -> Instance:
    """The row, held until the transaction ends: holds and releases of an instance come one after the other."""
    return Instance.objects.select_for_update().get(pk=instance.pk)


def _require_staff(by: By) -> None:
    if not is_trusted(by) and (by.user is None or not by.user.is_operator):
        raise Forbidden("only those who run this installation may do this")


def _require_releaser(instance: Instance, why: Release, by: By, now: datetime) -> None:
    if why is Release.CUSTOMER:
        access.require(by, Operation.DELETE, instance, now)
    else:
        _require_staff(by)


def _record(deed: Deed, instance: Instance, by: By, now: datetime, details: dict[str, object]) -> None:
    on = ("instance", instance.pk)
    record(deed, instance.account_id, by, now=now, on=on, instance=instance.pk, details=details)
