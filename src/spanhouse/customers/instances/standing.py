"""What an instance's rows add up to now: whether it is in service, what its Grant says, what those refused are told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import Forbidden
from spanhouse.contracts.grant import InstanceGrant
from spanhouse.contracts.limits import Limits
from spanhouse.customers.accounts.access import is_trusted
from spanhouse.customers.accounts.audit.actors import By
from spanhouse.customers.accounts.models import Account
from spanhouse.customers.instances.holds import Hold, Right, State
from spanhouse.customers.instances.models import HoldRow, Instance

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTAKE_OFF = "intake of this instance is switched off"


def live_holds(instance: Instance) -> list[HoldRow]:
    return list(HoldRow.objects.filter(instance=instance, lifted_at=None))


def holds_by_instance(account: Account | None = None) -> defaultdict[str, list[HoldRow]]:
    """Live holds in one read, of this account's instances or of all; an empty list where there is none."""
    holds: defaultdict[str, list[HoldRow]] = defaultdict(list)
    live = HoldRow.objects.filter(lifted_at=None)
    for hold in live if account is None else live.filter(instance__account=account):
        holds[hold.instance_id].append(hold)
    return holds


def state_of(instance: Instance, holds: Sequence[HoldRow]) -> State:
    return State(
        right=Right(instance.right),
        holds=frozenset(Hold(hold.kind) for hold in holds),
        term_ends_at=instance.term_ends_at,
        released=instance.released_at is not None,
    )


def grant_of(instance: Instance, holds: Sequence[HoldRow]) -> InstanceGrant:
    """What the data plane is told. A term's end stands in it as a moment, so that it needs no further message."""
    state = state_of(instance, holds)
    open_until_its_end = not state.released and not state.holds
    ends = _end_of_term(state)
    return InstanceGrant(
        instance=instance.pk,
        name=instance.name,
        retention_days=instance.retention_days,
        ingest=open_until_its_end and instance.intake,
        query=open_until_its_end,
        denial=_denial(instance, holds),
        suspended_from_ns=to_ns(ends) if ends else None,
        limits=Limits.from_dict(instance.limits),
    )


def why_suspended(instance: Instance, now: datetime, holds: Sequence[HoldRow] | None = None) -> str:
    """What a person is told about an instance out of service; "" for one in it. `holds`: its live ones, if at hand."""
    holds = live_holds(instance) if holds is None else holds
    return "" if state_of(instance, holds).is_active(now) else _denial(instance, holds)


def require_service(instance: Instance, by: By, now: datetime) -> None:
    """Settings of a suspended instance stay as they are, but for the operator; those of a released one for everybody.

    Raises Forbidden with the reason.
    """
    row = Instance.objects.get(pk=instance.pk)
    if row.released_at is not None or not is_trusted(by):
        why = why_suspended(row, now)
        if why:
            raise Forbidden(why)


def _end_of_term(state: State) -> datetime | None:
    if state.right is not Right.TERM:
        return None
    return state.term_ends_at or _EPOCH


def _denial(instance: Instance, holds: Sequence[HoldRow]) -> str:
    if instance.released_at is not None:
        return f"this instance was released at {_said(instance.released_at)}"
    reasons = [_reason(hold) for hold in holds]
    if reasons:
        return "; ".join(reasons)
    if instance.right == Right.TERM and instance.term_ends_at is not None and instance.intake:
        return f"the term of this instance ended at {_said(instance.term_ends_at)}; renewing it restores service"
    return "" if instance.intake else _INTAKE_OFF


def _reason(hold: HoldRow) -> str:
    return hold.reason if hold.deadline is None else f"{hold.reason} (until {_said(hold.deadline)})"


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def to_ns(moment: datetime) -> int:
    """Exact at the database's microseconds, which floats are not."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * NANOS_PER_SECOND + delta.microseconds * 1000
