"""What an instance has sent: the figures it is metered by, down to the hour and the service."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router

from spanhouse.api.rest import asked, schemas
from spanhouse.api.rest.answers import answers
from spanhouse.base.clock import to_datetime
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.scope import Scope, TimeRange
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
def usage(request: HttpRequest, wanted: Query[Received]) -> dict[str, Any]:
    """In total, by service, and by hour of receipt; every hour that the range touches counts whole."""
    scope: Scope = request.auth  # type: ignore[attr-defined]
    rows = reader().usage(scope, wanted.range())
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
                "hour": to_datetime(row.hour).isoformat().replace("+00:00", "Z"),
                "service": row.service,
                "spans": row.spans,
                "bytes": row.bytes,
            }
            for row in rows
        ],
    }
