"""How services and operations do, and who calls whom: rates, errors, durations."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Field, Query, Router

from spanhouse.api.rest import asked, schemas
from spanhouse.api.rest.answers import answers
from spanhouse.api.rest.asked import Asking
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.tracing.plan.requests import RedPoint, RedRow
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.spans.model import SpanKind
from spanhouse.tracing.store.protocols import OPERATIONS_DEFAULT

router = Router(tags=["services"])
Service = Annotated[str | None, Field(max_length=2_000, description="of this service alone")]
_MINUTE = 60 * NANOS_PER_SECOND


class OperationsAsked(asked.Within):
    service: Service = None
    limit: int = Field(OPERATIONS_DEFAULT, ge=1, le=OPERATIONS_DEFAULT)


class SeriesAsked(asked.Within):
    service: Service = None
    operation: asked.Text = Field(None, description="of this operation alone; needs a service")
    step_minutes: int = Field(1, ge=1, le=1_440)


@router.get("/services", response=answers(schemas.Services), summary="Services with their rates")
def services(request: Asking, wanted: Query[asked.Within]) -> dict[str, Any]:
    """Counts entry spans (server, consumer) or, where a service has none, all. Whole minutes."""
    time_range = wanted.range()
    rows = reader().services(request.auth, time_range)
    return {"services": [{"service": row.service, **_rates(row, time_range)} for row in rows]}


@router.get("/operations", response=answers(schemas.Operations), summary="Operations with their rates")
def operations(request: Asking, wanted: Query[OperationsAsked]) -> dict[str, Any]:
    """By service, name and kind of span. Whole minutes."""
    time_range = wanted.range()
    rows = reader().operations(request.auth, time_range, wanted.service, limit=wanted.limit)
    found = [
        {"service": row.service, "name": row.name, "kind": _kind(row.kind), **_rates(row, time_range)} for row in rows
    ]
    return {"operations": found}


@router.get("/edges", response=answers(schemas.Edges), summary="Who calls whom")
def edges(request: Asking, wanted: Query[asked.Within]) -> dict[str, Any]:
    """Calls from service to service, counted once each. Whole minutes."""
    found = reader().edges(request.auth, wanted.range())
    return {
        "edges": [
            {"parent": edge.parent, "child": edge.child, "calls": edge.calls, "errors": edge.errors} for edge in found
        ]
    }


@router.get("/series", response=answers(schemas.RedSeries), summary="Rates, errors and durations over time")
def series(request: Asking, wanted: Query[SeriesAsked]) -> dict[str, Any]:
    """Of all services together, of one, or of one operation; percentiles are within 0.4 %."""
    step = wanted.step_minutes * _MINUTE
    points = reader().red_series(request.auth, wanted.range(), step, wanted.service, wanted.operation)
    return {"step_seconds": wanted.step_minutes * 60, "points": [_point(point) for point in points]}


def _rates(row: RedRow, time_range: TimeRange) -> dict[str, Any]:
    seconds = max(1, time_range.end - time_range.start) / NANOS_PER_SECOND
    return {
        "calls": row.calls,
        "errors": row.errors,
        "calls_per_second": row.calls / seconds,
        "p50_ns": row.p50,
        "p95_ns": row.p95,
        "p99_ns": row.p99,
    }


def _point(point: RedPoint) -> dict[str, Any]:
    return {
        "at": asked.rfc3339(point.at),
        "calls": point.calls,
        "errors": point.errors,
        "p50_ns": point.p50,
        "p95_ns": point.p95,
        "p99_ns": point.p99,
    }


def _kind(kind: int) -> str:
    return SpanKind(kind).name.lower() if kind in SpanKind.__members__.values() else str(kind)
