"""What is done with whole series: the best of each point, thresholds, arithmetic. Pure functions.

A point without a number is None: no span, or what was calculated has no number. Exemplars whose value is NaN take their
point's number when all is done (`settled`).
"""

from __future__ import annotations

import heapq
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from spanhouse.tracing.plan.metrics import Exemplar, MetricSeries
from spanhouse.tracing.plan.spansets import NumberOperator
from spanhouse.tracing.store.metrics.grid import Grid
from spanhouse.tracing.store.metrics.labels import Key, key, order

Points = tuple[float | None, ...]

_COMPARE: Final[dict[NumberOperator, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_CALCULATE: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_NO_LABELS: Final[Key] = ()


def in_order(series: Sequence[MetricSeries]) -> tuple[MetricSeries, ...]:
    """By labels; series without any point are left out."""
    return tuple(sorted((one for one in series if any(_known(one.points))), key=lambda one: order(one.labels)))


def _known(points: Points) -> list[bool]:
    return [point is not None for point in points]


def ranked(series: Sequence[MetricSeries], *, most: bool, count: int) -> tuple[MetricSeries, ...]:
    """At each point the `count` series with the largest (smallest) numbers; of equal ones the first by labels."""
    ordered = in_order(series)
    kept: list[list[float | None]] = [[None] * len(one.points) for one in ordered]
    best = heapq.nlargest if most else heapq.nsmallest
    for at, column in enumerate(zip(*(one.points for one in ordered), strict=True)):
        numbers = [(number, index) for index, number in enumerate(column) if number is not None]
        for number, index in best(count, numbers, key=operator.itemgetter(0)):
            kept[index][at] = number
    return in_order([replace(one, points=tuple(points)) for one, points in zip(ordered, kept, strict=True)])


def over_threshold(series: Sequence[MetricSeries], compared: NumberOperator, value: float) -> tuple[MetricSeries, ...]:
    """Points for which the comparison holds; series that lose all of theirs go."""
    holds = _COMPARE[compared]

    def kept(points: Points) -> Points:
        return tuple(point if point is not None and holds(point, value) else None for point in points)

    return in_order([replace(one, points=kept(one.points)) for one in series])


def combined(
    how: str, left: Sequence[MetricSeries] | float, right: Sequence[MetricSeries] | float
) -> tuple[MetricSeries, ...]:
    """Series of equal labels point by point. A series without labels on one side meets every one of the other; one
    that meets none has no result. A number meets every point. What is divided by 0, or infinite, has no number."""
    if isinstance(left, float | int):
        assert not isinstance(right, float | int), "constants are calculated while parsing"
        return in_order([_scaled(one, lambda point: _calculated(how, left, point)) for one in right])
    if isinstance(right, float | int):
        return in_order([_scaled(one, lambda point: _calculated(how, point, right)) for one in left])
    of_left = {key(one.labels): one for one in left}
    of_right = {key(one.labels): one for one in right}
    found = []
    for match in of_left if _NO_LABELS in of_right else of_right:
        one, other = _matching(of_left, match), _matching(of_right, match)
        if one is not None and other is not None:
            found.append(_pair(how, one, other))
    return in_order(found)


def _matching(series: Mapping[Key, MetricSeries], match: Key) -> MetricSeries | None:
    return series.get(match) or series.get(_NO_LABELS)


def _scaled(one: MetricSeries, calculate: Callable[[float], float | None]) -> MetricSeries:
    points = tuple(None if point is None else calculate(point) for point in one.points)
    exemplars = []
    for exemplar in one.exemplars:
        value = math.nan if math.isnan(exemplar.value) else calculate(exemplar.value)
        exemplars.append(replace(exemplar, value=math.nan if value is None else value))
    return replace(one, points=points, exemplars=tuple(exemplars))


def _pair(how: str, left: MetricSeries, right: MetricSeries) -> MetricSeries:
    points = tuple(
        None if one is None or other is None else _calculated(how, one, other)
        for one, other in zip(left.points, right.points, strict=True)
    )
    exemplars = tuple(replace(exemplar, value=math.nan) for exemplar in (*left.exemplars, *right.exemplars))
    return MetricSeries(left.labels or right.labels, points, exemplars)


def _calculated(how: str, left: float, right: float) -> float | None:
    if how == "/" and right == 0:
        return None
    result = _CALCULATE[how](left, right)
    return result if math.isfinite(result) else None


def settled(grid: Grid, series: Sequence[MetricSeries], exemplars: int) -> tuple[MetricSeries, ...]:
    """With at most so many exemplars, only where there is a point; those without a value of their own lie on it."""
    left = exemplars

    def kept(one: MetricSeries) -> tuple[Exemplar, ...]:
        nonlocal left
        found = []
        for exemplar in sorted(one.exemplars, key=lambda exemplar: (exemplar.at, exemplar.span_id)):
            point = one.points[grid.index_of(exemplar.at)]
            if point is not None and left > 0:
                left -= 1
                found.append(replace(exemplar, value=point) if math.isnan(exemplar.value) else exemplar)
        return tuple(found)

    return tuple(replace(one, exemplars=kept(one)) if one.exemplars else one for one in series)
