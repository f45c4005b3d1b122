"""What a metrics query makes of spans: series of numbers over steps of time.

A step is a whole multiple of its length since the epoch; the first and the last are cut by the range, whose end is not
part of it. A span counts in the step that it starts in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from spanhouse.tracing.traceql.syntax import (
    OLD_SPELLINGS,
    Attribute,
    Compare,
    Expression,
    Intrinsic,
    Metrics,
    MetricsBinary,
    Ranked,
    Series,
    Threshold,
    Unary,
)
from tests.kit.traceql_comparison import compared
from tests.kit.traceql_family import Family
from tests.kit.traceql_spansets import flat, shown, spansets, typed
from tests.kit.traceql_values import COMPARE, DURATIONS, first_value, number

SECOND = 10**9
Point = float | None
Labels = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Steps:
    """ns; without a length the range is one step."""

    start: int
    end: int
    length: int | None

    @property
    def times(self) -> list[int]:
        if self.length is None:
            return [self.start]
        first = self.start // self.length * self.length
        return list(range(first, self.end, self.length))

    @property
    def seconds(self) -> float:
        return (self.length or self.end - self.start) / SECOND

    def index(self, at: int) -> int:
        return 0 if self.length is None else at // self.length - self.start // self.length


@dataclass
class Line:
    """A series. Labels in the order of the query; their values keep their types."""

    labels: Labels
    points: Sequence[Point]

    @property
    def key(self) -> tuple[Any, ...]:
        """What series meet by in arithmetic."""
        return tuple((name, typed(value)) for name, value in self.labels)


def lines(node: Metrics, families: Sequence[Family], steps: Steps) -> list[Line]:
    match node:
        case Series():
            found = _measure(node, families, steps)
        case Compare():
            found = [Line(labels, points) for labels, points in compared(node, families, steps)]
        case Ranked(function, of, count):
            found = _rank(function, lines(of, families, steps), count, len(steps.times))
        case Threshold(how, of, value):
            found = lines(of, families, steps)
            for line in found:
                line.points = [
                    point if point is not None and COMPARE[how](point, value) else None for point in line.points
                ]
        case MetricsBinary(how, left, right):
            found = _combine(
                how,
                left if isinstance(left, int | float) else lines(left, families, steps),
                right if isinstance(right, int | float) else lines(right, families, steps),
            )
    return [line for line in found if any(point is not None for point in line.points)]


# -- one metric


def _measure(node: Series, families: Sequence[Family], steps: Steps) -> list[Line]:
    """Values of the spans of each series and step, then of each step one number (or several series of them)."""
    seen: dict[Any, tuple[Labels, list[list[float]]]] = {}
    if not node.by and node.function in ("rate", "count_over_time"):
        seen[()] = ((), [[] for _ in steps.times])
    for family in families:
        for span in flat(spansets(node.spans, family, family.spans)):
            value = 1.0 if node.of is None else number(node.of, span, family)
            if value is None or not steps.start <= span.start_time < steps.end:
                continue
            labels = tuple((label_of(field), shown(field, first_value(field, span, family))) for field in node.by)
            key = tuple((name, typed(value)) for name, value in labels)
            _, points = seen.setdefault(key, (labels, [[] for _ in steps.times]))
            points[steps.index(span.start_time)].append(value)
    unit = SECOND if in_seconds(node.of) else 1
    return [line for labels, points in seen.values() for line in _numbers(node, labels, points, steps, unit)]


def _numbers(node: Series, labels: Labels, points: list[list[float]], steps: Steps, unit: int) -> list[Line]:
    match node.function:
        case "rate":
            return [Line(labels, [len(values) / steps.seconds for values in points])]
        case "count_over_time":
            return [Line(labels, [float(len(values)) for values in points])]
        case "quantile_over_time":
            return [
                Line((*labels, ("p", share)), [_quantile(values, share, unit) for values in points])
                for share in node.quantiles
            ]
        case "histogram_over_time":
            bounds = sorted({bucket(value) for values in points for value in values})
            return [
                Line((*labels, ("__bucket", bound / unit)), [_count(values, bound) for values in points])
                for bound in bounds
            ]
    figure: dict[str, Callable[[list[float]], float]] = {
        "min_over_time": min,
        "max_over_time": max,
        "sum_over_time": sum,
        "avg_over_time": lambda values: sum(values) / len(values),
    }
    return [Line(labels, [figure[node.function](values) / unit if values else None for values in points])]


def bucket(value: float) -> float:
    """The smallest power of two that is not less; of what is not above 1 it is 1, of what is not above 0 it is 0."""
    if value <= 0:
        return 0.0
    bound = 1.0
    while bound < value:
        bound *= 2
    return bound


def _count(values: list[float], bound: float) -> float:
    return float(sum(bucket(value) == bound for value in values))


def _quantile(values: list[float], share: float, unit: int) -> Point:
    """Exactly: between the two closest ranks in a straight line."""
    if not values:
        return None
    values = sorted(values)
    place = share * (len(values) - 1)
    below, above = values[math.floor(place)], values[math.ceil(place)]
    return (below + (above - below) * (place - math.floor(place))) / unit if above > below else below / unit


def label_of(field: Attribute | Intrinsic) -> str:
    """As people write it: an intrinsic in the old spelling, but for `span:childCount`; a name with blanks in quotes."""
    if isinstance(field, Intrinsic):
        old = [old for old, new in OLD_SPELLINGS.items() if new == field.name and old != "childCount"]
        return old[0] if old else field.name
    name = f'"{field.name}"' if " " in field.name else field.name
    scopes = ["parent"] if field.of_parent else []
    scopes += [field.scope] if field.scope != "any" else []
    return f"{'.'.join(scopes)}.{name}"


def in_seconds(of: Expression | None) -> bool:
    """Whether the values are lengths of time. What is calculated from one is a number."""
    if isinstance(of, Unary):
        return in_seconds(of.operand)
    return isinstance(of, Intrinsic) and of.name in DURATIONS


# -- of several


def _rank(function: str, found: list[Line], count: int, width: int) -> list[Line]:
    """At each point the most (least) of them; of equal ones the first by labels."""
    found = sorted(found, key=lambda line: order(line.labels))
    kept: list[list[Point]] = [[None] * width for _ in found]
    for at in range(width):
        numbers = [(point, index) for index, line in enumerate(found) if (point := line.points[at]) is not None]
        numbers.sort(key=lambda pair: -pair[0] if function == "topk" else pair[0])
        for point, index in numbers[:count]:
            kept[index][at] = point
    return [Line(line.labels, points) for line, points in zip(found, kept, strict=True)]


def order(labels: Labels) -> tuple[Any, ...]:
    """By type (booleans, numbers, texts, missing ones), then by value."""
    types = {bool: 0, int: 1, float: 1, str: 2, type(None): 3}
    return tuple(
        (name, types[type(value)], 0 if value is None else value) if type(value) in types else (name, 4, repr(value))
        for name, value in labels
    )


def _combine(how: str, left: list[Line] | float, right: list[Line] | float) -> list[Line]:
    """Series of equal labels meet; one without labels meets all of the other side."""
    if isinstance(left, int | float):
        assert not isinstance(right, int | float)
        return [Line(line.labels, [_calculated(how, left, point) for point in line.points]) for line in right]
    if isinstance(right, int | float):
        return [Line(line.labels, [_calculated(how, point, right) for point in line.points]) for line in left]
    found = []
    for one in left:
        for other in right:
            if one.key == other.key or not one.key or not other.key:
                points = [_calculated(how, *pair) for pair in zip(one.points, other.points, strict=True)]
                found.append(Line(one.labels or other.labels, points))
    return found


def _calculated(how: str, left: Point, right: Point) -> Point:
    if left is None or right is None or (how == "/" and right == 0):
        return None
    result = {"+": left + right, "-": left - right, "*": left * right}[how] if how != "/" else left / right
    return result if math.isfinite(result) else None
