"""What an instance has sent: the figures it is metered by, down to the hour and the service; and what was refused."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ninja import Field, Query, Router

from spanhouse.api.rest import asked, schemas
from spanhouse.api.rest.answers import answers
from spanhouse.api.rest.asked import Asking
from spanhouse.base.clock import to_datetime
from spanhouse.base.errors import Forbidden, Malformed
from spanhouse.contracts.refused import NANOS_PER_HOUR, Amount
from spanhouse.customers.instances import refused as told
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.search.registry import reader

router = Router(tags=["usage"])


class Received(asked.Within):
    start: asked.Moment = Field(None, description="where left out, the beginning")
    end: asked.Moment = Field(None, description="where left out, now and later")

    def range(self) -> TimeRange:
        """Every hour, unless told otherwise."""
        start = 0 if self.start is None else asked.moment(self.start, "start")
        end = asked.LAST_TIME if self.end is None else asked.moment(self.end, "end")
        if end < start:
            raise Malformed("end lies before start")
        return TimeRange(start, end)


@router.get("/usage", response=answers(schemas.Usage), summary="Spans and bytes received")
def usage(request: Asking, wanted: Query[Received]) -> dict[str, Any]:
    """In total, by service, and by hour of receipt; every hour that the range touches counts whole."""
    rows = reader().usage(request.auth, wanted.range())
    by_service: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        by_service[row.service][0] += row.spans
        by_service[row.service][1] += row.bytes
    return {
        "total": {"spans": sum(row.spans for row in rows), "bytes": sum(row.bytes for row in rows)},
        "services": [
            {"service": service, "spans": spans, "bytes": size} for service, (spans, size) in sorted(by_service.items())
        ],
        "hours": [
            {
                "hour": _hour(row.hour),
                "service": row.service,
                "spans": row.spans,
                "bytes": row.bytes,
            }
            for row in rows
        ],
    }


@router.get("/usage/refused", response=answers(schemas.Refused), summary="Spans and bytes refused, and why")
def refused(request: Asking, wanted: Query[Received]) -> dict[str, Any]:
    """In total, by reason, and by hour of receipt. A batch that is sent again and refused again counts again. Shown
    within about 20 seconds and kept for 400 days; for who may read all services."""
    if request.auth.services is not None:
        raise Forbidden("what was refused is not known by service: it is shown to who may read all of them")
    time_range = wanted.range()
    amounts = told.amounts(request.auth.instance, time_range.start // NANOS_PER_HOUR, time_range.end // NANOS_PER_HOUR)
    by_reason: dict[str, Amount] = defaultdict(Amount)
    for at, amount in amounts.items():
        by_reason[at.reason] = _sum(by_reason[at.reason], amount)
    return {
        "total": _sum(*by_reason.values())._asdict(),
        "reasons": [{"reason": reason, **amount._asdict()} for reason, amount in sorted(by_reason.items())],
        "hours": [
            {"hour": _hour(at.hour * NANOS_PER_HOUR), "reason": at.reason, **amount._asdict()}
            for at, amount in amounts.items()
        ],
    }


def _sum(*amounts: Amount) -> Amount:
    return Amount(*(sum(parts) for parts in zip(*amounts, strict=True))) if amounts else Amount()


def _hour(start_ns: int) -> str:
    return to_datetime(start_ns).isoformat().replace("+00:00", "Z")
