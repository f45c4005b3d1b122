"""What an instance has sent: the figures it is metered by, down to the hour and the service."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.http import HttpRequest, HttpResponse

from spanhouse.api import parameters
from spanhouse.api.authentication import query_scope
from spanhouse.api.problem import answers_errors, json_response, problem
from spanhouse.base.clock import NANOS_PER_SECOND, to_datetime
from spanhouse.tracing.search.registry import reader


@answers_errors(problem)
def usage(request: HttpRequest) -> HttpResponse:
    """Spans and bytes by hour of receipt and by service; `start` and `end` in s since 1970, whole hours."""
    scope = query_scope(request)
    rows = reader().usage(scope, parameters.time_range(request.GET, NANOS_PER_SECOND))
    by_service: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        by_service[row.service][0] += row.spans
        by_service[row.service][1] += row.bytes
    body: dict[str, Any] = {
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
    return json_response(body)
