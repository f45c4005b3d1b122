"""What an instance may send and ask for: the operator's limits, and the services that the customer switches off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from spanhouse.base.errors import Forbidden, Malformed
from spanhouse.contracts.limits import Limits
from spanhouse.customers.accounts.access import is_trusted
from spanhouse.customers.accounts.audit.actors import SYSTEM, By
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.record import record
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.instances import access, publishing, standing
from spanhouse.customers.instances.models import Instance


def limits_of(instance: Instance) -> Limits:
    return Limits.from_dict(instance.limits)


@transaction.atomic
def set_limits(instance: Instance, changes: Mapping[str, Any], *, now: datetime, by: By = SYSTEM) -> Instance:
    """Change the limits given, by their names; 0 lifts one. In force in every process within a second.

    Raises Malformed for what is no limit or makes no sense, Forbidden for anyone but the operator.
    """
    if not is_trusted(by):
        raise Forbidden("limits are the operator's to set")
    return _change(instance, changes, now=now, by=by)


@transaction.atomic
def switch_services(
    instance: Instance, *, now: datetime, off: Sequence[str] = (), on: Sequence[str] = (), by: By = SYSTEM
) -> Instance:
    """Take no more spans of the services `off`, take those of `on` again. Raises Malformed, or Forbidden for who may
    not configure."""
    standing.require_service(instance, by, now)
    access.require(by, Operation.CONFIGURE, instance, now)
    row = Instance.objects.select_for_update().get(pk=instance.pk)
    switched = {*limits_of(row).services_off, *off} - set(on)
    return _change(row, {"services_off": sorted(switched)}, now=now, by=by)


def _change(instance: Instance, changes: Mapping[str, Any], *, now: datetime, by: By) -> Instance:
    row = Instance.objects.select_for_update().get(pk=instance.pk)
    before = limits_of(row).to_dict()
    try:
        after = replace(limits_of(row), **_known(changes)).to_dict()
    except ValueError as error:
        raise Malformed(str(error)) from error
    row.limits = after
    row.save(update_fields=["limits"])
    details = {"before": {"limits": _told(before)}, "after": {"limits": _told(after)}}
    record(
        Deed.INSTANCE_CHANGE,
        row.account_id,
        by,
        now=now,
        on=("instance", row.pk),
        instance=row.pk,
        details=details,
    )
    publishing.changed()
    return row


def _told(limits: Mapping[str, Any]) -> dict[str, Any]:
    """What the log keeps: of services only how many, for their names go with the instance."""
    return {name: len(value) if isinstance(value, list | tuple) else value for name, value in limits.items()}


def _known(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Checked by themselves first, so that an unknown name is said to be one."""
    checked = Limits.from_dict(changes)
    return {name: getattr(checked, name) for name in changes}
