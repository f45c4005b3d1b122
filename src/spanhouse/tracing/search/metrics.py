"""Metrics as people ask for them: a text and a range, as points in steps or as one number each.

Steps lie on whole multiples of their length since the epoch, so that the points of a moving range stay where they are;
what is counted is the range and nothing else, so the first and the last step may be parts of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.tracing.plan.metrics import (
    Combined,
    MetricFunction,
    Metrics,
    MetricsAnswer,
    MetricsRequest,
    Ranked,
    Series,
    Threshold,
)
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.traceql import hints, to_metrics

EXEMPLARS_MAX: Final = 100
"""What Tempo answers with when not asked for fewer."""
POINTS_WANTED: Final = 240
"""An hour in steps of 15 s"""
_MINUTE: Final = 60 * NANOS_PER_SECOND
_SHORT_STEP: Final = 50_000_000
_GRANULARITIES: Final = tuple(seconds * NANOS_PER_SECOND for seconds in (3600, 300, 60, 15, 5, 1))


@dataclass(frozen=True, slots=True)
class Measured:
    name: str
    """of the series that has no label"""
    step: int
    """ns; of one point: the whole range"""
    answer: MetricsAnswer


def over_time(
    scope: Scope, text: str, time_range: TimeRange, step: int | None = None, exemplars: int | None = None
) -> Measured:
    """Points every `step` ns; `default_step` without one. The range's end is not included.

    `exemplars`: at most so many; None: as the query's hint says, else `EXEMPLARS_MAX`. `InvalidQuery` for a text that
    is no metric and for a range or step that makes no sense, `QueryLimitReached` for a range too long.
    """
    metrics = to_metrics(text)
    step = default_step(time_range) if step is None else step
    wanted = _exemplars(hints(text).get("exemplars"), exemplars)
    return Measured(name_of(metrics), step, reader().metrics(MetricsRequest(scope, time_range, metrics, step, wanted)))


def at_once(scope: Scope, text: str, time_range: TimeRange) -> Measured:
    """One number for the whole range. Errors as of `over_time`."""
    metrics = to_metrics(text)
    answer = reader().metrics(MetricsRequest(scope, time_range, metrics))
    return Measured(name_of(metrics), time_range.end - time_range.start, answer)


def default_step(time_range: TimeRange) -> int:
    """About 240 steps, each a multiple of the largest of 1 h, 5 min, 1 min, 15 s, 5 s and 1 s that is shorter.

    Of less than a minute, multiples of 50 ms. So Tempo chooses.
    """
    length = time_range.end - time_range.start
    least = length // POINTS_WANTED
    if length < _MINUTE:
        return max(_SHORT_STEP, least // _SHORT_STEP * _SHORT_STEP)
    return next((least // unit * unit for unit in _GRANULARITIES if least > unit), NANOS_PER_SECOND)


def name_of(metrics: Metrics | float) -> str:
    """What a series without labels is called: its function, of two that were calculated with both, in brackets."""
    match metrics:
        case Series(function=function):
            return function.value
        case Ranked(of) | Threshold(of):
            return name_of(of)
        case Combined(_, float() | int(), of) | Combined(_, of, float() | int()):
            return name_of(of)
        case Combined(operator, left, right):
            return f"({name_of(left)} {operator} {name_of(right)})"
    return MetricFunction.COUNT.value


def _exemplars(hint: str | bool | int | float | None, asked: int | None) -> int:
    """The query's hint counts before the parameter."""
    if isinstance(hint, bool):
        return EXEMPLARS_MAX if hint else 0
    if isinstance(hint, int):
        return min(max(hint, 0), EXEMPLARS_MAX)
    return EXEMPLARS_MAX if asked is None else min(asked, EXEMPLARS_MAX)
