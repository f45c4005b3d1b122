"""Numbers over time that a TraceQL metrics query asks for."""

from __future__ import annotations

import math
from typing import Any

from django.http import HttpResponse
from ninja import Field, Query, Router

from spanhouse.api.problem import json_response
from spanhouse.api.rest import asked, schemas
from spanhouse.api.rest.answers import answers, statements_json
from spanhouse.api.rest.asked import Asking
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.metrics import Exemplar, MetricSeries
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.search import find, metrics
from spanhouse.tracing.traces.otlp import number_text, value_json

router = Router(tags=["metrics"])


class MetricsAsked(asked.Within):
    """The end is not included."""

    q: asked.Query = Field(min_length=1, description="a metrics query", examples=["{ status = error } | rate()"])
    step: asked.Duration = Field(None, description="where left out, one that gives about 240 points")
    instant: bool = Field(False, description="one point for the whole range")
    exemplars: int | None = Field(None, ge=0, le=metrics.EXEMPLARS_MAX, description="over all series")
    explain: bool = Field(False, description="also the statements that the answer took")


@router.get("/metrics", response=answers(schemas.Metrics), summary="A metric over time")
def measure(request: Asking, wanted: Query[MetricsAsked]) -> HttpResponse:
    """Points at the start of steps that are whole multiples of their length, so that a moving range keeps them."""
    if not find.is_metrics(wanted.q):
        raise Malformed("q asks for spans: send it to /api/v1/traces, or end it in a function such as | rate()")
    time_range = _not_empty(wanted.range())
    if wanted.instant:
        measured = metrics.at_once(request.auth, wanted.q, time_range)
    else:
        step = asked.duration(wanted.step, "step")
        if step == 0:
            raise Malformed("step is longer than 0")
        measured = metrics.over_time(request.auth, wanted.q, time_range, step, wanted.exemplars)
    answer = measured.answer
    body = {
        "name": measured.name,
        "step_ns": measured.step,
        "times": [asked.rfc3339(max(0, at)) for at in answer.times],
        "series": [_series(series) for series in answer.series],
        "warnings": list(answer.warnings),
        **({"statements": statements_json(answer.statements)} if wanted.explain else {}),
    }
    return json_response(body)


def _not_empty(time_range: TimeRange) -> TimeRange:
    """Raises Malformed when not a moment lies in it."""
    if time_range.start == time_range.end:
        raise Malformed("end lies after start")
    return time_range


def _series(series: MetricSeries) -> dict[str, Any]:
    return {
        "labels": [{"key": key, "value": value_json(value)} for key, value in series.labels],
        "points": [None if point is None else _number(point) for point in series.points],
        "exemplars": [_exemplar(exemplar) for exemplar in series.exemplars],
    }


def _exemplar(exemplar: Exemplar) -> dict[str, Any]:
    return {
        "trace_id": exemplar.trace_id.hex(),
        "span_id": exemplar.span_id.hex(),
        "at": asked.rfc3339(exemplar.at),
        "value": _number(exemplar.value),
    }


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else number_text(value)
