"""Jaeger's `/api/metrics/…`, from which its monitor page draws: gauges in protobuf's JSON. Lengths in ms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from spanhouse.api import jaeger_parameters, parameters
from spanhouse.api.authentication import query_scope
from spanhouse.api.jaeger import MS_IN_NS, TIME_MS_MAX, answers, envelope
from spanhouse.api.problem import json_response
from spanhouse.base.clock import to_datetime
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.monitor import Figure, Line, MonitorQuery, monitor
from spanhouse.tracing.spans.model import SpanKind
from spanhouse.tracing.traces.otlp import number_text

Json = dict[str, Any]

LOOKBACK_MS: Final = 3_600_000
STEP_MS: Final = 5_000
RATE_PER_MS: Final = 600_000
MIN_STEP_MS: Final = 60_000
DEFAULT_KIND: Final = "server"
_NAMES: Final[dict[Figure, tuple[str, str]]] = {
    "latencies": ("latencies", "quantile of the durations in ms"),
    "calls": ("call_rate", "calls per second"),
    "errors": ("error_rate", "share of calls that failed"),
}


@answers
def latencies(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    return _family(request, scope, "latencies", _quantile(request.GET.get("quantile", "")))


@answers
def calls(request: HttpRequest) -> HttpResponse:
    return _family(request, query_scope(request), "calls")


@answers
def errors(request: HttpRequest) -> HttpResponse:
    return _family(request, query_scope(request), "errors")


@answers
def min_step(request: HttpRequest) -> HttpResponse:
    """ms between two points at least."""
    query_scope(request)
    return envelope(MIN_STEP_MS)


def _family(request: HttpRequest, scope: Scope, figure: Figure, quantile: float = 0.5) -> HttpResponse:
    query = _query(request)
    name, told = _NAMES[figure]
    by = "service_operation" if query.by_operation else "service"
    lines = monitor(scope, query, figure, quantile)
    return json_response(
        {"name": f"{by}_{name}", "type": "GAUGE", "help": told, "metrics": [_metric(line, query) for line in lines]}
    )


def _query(request: HttpRequest) -> MonitorQuery:
    asked = request.GET
    services = [name for name in asked.getlist("service") if name]
    if not services:
        raise Malformed("the parameter service is missing")
    now = settings.CLOCK.now_ns() // MS_IN_NS
    return MonitorQuery(
        services=frozenset(services),
        kinds=_kinds(asked.getlist("spanKind") or [DEFAULT_KIND]),
        end=parameters.whole_number(asked, "endTs", now, 0, TIME_MS_MAX) * MS_IN_NS,
        lookback=parameters.whole_number(asked, "lookback", LOOKBACK_MS, 0, TIME_MS_MAX) * MS_IN_NS,
        step=parameters.whole_number(asked, "step", STEP_MS, 1, TIME_MS_MAX) * MS_IN_NS,
        window=parameters.whole_number(asked, "ratePer", RATE_PER_MS, 1, TIME_MS_MAX) * MS_IN_NS,
        by_operation=jaeger_parameters.flag(asked, "groupByOperation"),
    )


def _kinds(names: Sequence[str]) -> frozenset[int]:
    for name in names:
        if name.upper() not in SpanKind.__members__:
            raise Malformed(f"{name[:40]!r} is not a span kind")
    return frozenset(SpanKind[name.upper()].value for name in names)


def _quantile(text: str) -> float:
    try:
        quantile = float(text)
    except ValueError:
        quantile = math.nan
    if not 0 <= quantile <= 1:
        raise Malformed(f"quantile is a number from 0 to 1, not {text[:40]!r}")
    return quantile


def _metric(line: Line, query: MonitorQuery) -> Json:
    """The service's label comes first: that is where it is read."""
    labels = [{"name": "service_name", "value": line.service}]
    if query.by_operation:
        labels.append({"name": "operation", "value": line.operation})
    return {"labels": labels, "metricPoints": [_point(at, value) for at, value in line.points]}


def _point(at: int, value: float) -> Json:
    shown = value if math.isfinite(value) else number_text(value)
    return {"gaugeValue": {"doubleValue": shown}, "timestamp": to_datetime(at).strftime("%Y-%m-%dT%H:%M:%SZ")}
