"""Rates, failures and durations of services over time, as a monitor shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.calls import MINUTE_NS, CallsPoint, CallsRequest
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import reader

Figure = Literal["latencies", "calls", "errors"]
MS_IN_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class MonitorQuery:
    """Times and lengths in ns. What is known is known by minute, so the step and the window are rounded up to whole
    ones, and each point stands at the start of a minute for the window that ends with that minute."""

    services: frozenset[str]
    kinds: frozenset[int]
    end: int
    lookback: int
    step: int
    window: int
    by_operation: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    service: str
    operation: str
    """`""` where the query is not by operation"""
    points: tuple[tuple[int, float], ...]
    """(time in ns, value): calls per second, share of failures, or ms; NaN where there is none"""


def monitor(scope: Scope, query: MonitorQuery, figure: Figure, quantile: float) -> Sequence[Line]:
    """One line for each service (and operation) that was called at all; Malformed when of too many points."""
    request = _request(scope, query, quantile)
    by_line: dict[tuple[str, str], dict[int, CallsPoint]] = {}
    for point in reader().calls(request):
        by_line.setdefault((point.service, point.operation), {})[point.at] = point
    return [
        Line(service, operation, _points(request, found, figure)) for (service, operation), found in by_line.items()
    ]


def _request(scope: Scope, query: MonitorQuery, quantile: float) -> CallsRequest:
    step, window = _minutes(query.step), _minutes(query.window)
    first = max(0, query.end - query.lookback) // MINUTE_NS * MINUTE_NS
    points = (query.end - first) // step + 1
    if points > limits.POINTS_MAX:
        raise Malformed(f"{points} points are more than {limits.POINTS_MAX}; ask for a longer step or a shorter time")
    return CallsRequest(scope, first, points, step, window, query.services, query.kinds, query.by_operation, quantile)


def _minutes(length: int) -> int:
    return max(1, math.ceil(length / MINUTE_NS)) * MINUTE_NS


def _points(request: CallsRequest, found: Mapping[int, CallsPoint], figure: Figure) -> tuple[tuple[int, float], ...]:
    times = (request.first + number * request.step for number in range(request.points))
    return tuple((at, _value(found.get(at), figure, request.window)) for at in times)


def _value(point: CallsPoint | None, figure: Figure, window: int) -> float:
    if point is None or not point.calls:
        return 0.0 if figure == "calls" else math.nan
    match figure:
        case "calls":
            return point.calls * NANOS_PER_SECOND / window
        case "errors":
            return point.errors / point.calls
        case "latencies":
            return point.duration / MS_IN_NS
