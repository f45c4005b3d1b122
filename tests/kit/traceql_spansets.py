"""What a query makes of the spans of one trace: filters, operators between spansets, and the stages of pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.traceql.syntax import (
    Aggregate,
    By,
    Coalesce,
    Duration,
    Expression,
    Filter,
    Having,
    Intrinsic,
    Number,
    Pipeline,
    Scalar,
    ScalarBinary,
    ScalarPipeline,
    Select,
    Spanset,
    SpansetBinary,
    Stage,
)
from tests.kit.traceql_family import Family
from tests.kit.traceql_values import COMPARE, DURATIONS, Named, calculated, first_value, number, satisfies

SECOND = 10**9


@dataclass
class Set:
    """Spans of one trace, each once, by start time; and the values of the expressions that parted them from others."""

    spans: list[Span]
    groups: tuple[tuple[Expression, Any], ...] = ()


def spansets(node: Spanset, family: Family, among: Sequence[Span]) -> list[Set]:
    """What the node yields of `among`; empty sets vanish."""
    match node:
        case Filter(condition):
            return _not_empty([Set([span for span in among if satisfies(span, family, condition)])])
        case SpansetBinary(how, left, right):
            return _operate(how, flat(spansets(left, family, among)), flat(spansets(right, family, among)), family)
        case Pipeline(first, stages):
            sets = spansets(first, family, among)
            for stage in stages:
                sets = _not_empty(_pass(stage, sets, family))
            return sets


def flat(sets: Sequence[Set]) -> list[Span]:
    """The spans of all of them, each once."""
    return _each_once([span for one in sets for span in one.spans])


def _each_once(spans: Sequence[Span]) -> list[Span]:
    unique = {id(span): span for span in spans}
    return sorted(unique.values(), key=lambda span: (span.start_time, span.span_id))


def _not_empty(sets: Sequence[Set]) -> list[Set]:
    return [one for one in sets if one.spans]


def _operate(how: str, left: list[Span], right: list[Span], family: Family) -> list[Set]:
    if how == "||" or (how == "&&" and left and right):
        return _not_empty([Set(_each_once([*left, *right]))])
    if how == "&&":
        return []
    relation = how.lstrip("!&")
    related = [span for span in right if any(family.related(one, relation, span) for one in left)]
    if how.startswith("!"):
        return _not_empty([Set([span for span in right if all(span is not one for one in related)])])
    if how.startswith("&"):
        related += [span for span in left if any(family.related(span, relation, one) for one in right)]
    return _not_empty([Set(_each_once(related))])


# -- stages


def _pass(stage: Stage, sets: list[Set], family: Family) -> list[Set]:
    match stage:
        case By(expression):
            return [part for one in sets for part in _part(one, expression, family)]
        case Coalesce():
            return [Set(flat(sets))]
        case Select():
            return sets
        case Having():
            return [one for one in sets if _has(stage, one, family)]
        case _:
            return [
                Set(found.spans, one.groups + found.groups)
                for one in sets
                for found in spansets(stage, family, one.spans)
            ]


def _part(one: Set, by: Expression, family: Family) -> list[Set]:
    """Groups in the order in which their first spans come."""
    groups: dict[Any, Set] = {}
    for span in one.spans:
        value = first_value(by, span, family)
        found = groups.setdefault(typed(value), Set([], (*one.groups, (by, shown(by, value)))))
        found.spans.append(span)
    return list(groups.values())


def typed(value: Any) -> Any:
    """Something that is equal for equal values of one type: 1 and 1.0 are one number, and neither "1" nor true."""
    if isinstance(value, list):
        return ("list", *((type(one).__name__, typed(one)) for one in value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        whole = isinstance(value, int) or value.is_integer()
        return ("number", repr(int(value) if whole else value))
    return (type(value).__name__, repr(value))


def shown(of: Expression, value: Any) -> Any:
    """As an answer has it: a status and a kind by name, a length of time with its unit."""
    if isinstance(of, Intrinsic) and of.name in DURATIONS and value is not None:
        return duration_text(value)
    return value.name if isinstance(value, Named) else value


def duration_text(nanos: int) -> str:
    """As Go writes it: the largest unit below a second, and hours, minutes and seconds from there on."""
    sign, rest = "-" if nanos < 0 else "", abs(nanos)
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if 0 < rest < min(1_000 * size, SECOND):
            return f"{sign}{_decimal(rest, size)}{unit}"
    hours, minutes, rest = rest // (3600 * SECOND), rest // (60 * SECOND) % 60, rest % (60 * SECOND)
    before = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{before}{_decimal(rest, SECOND)}s"


def _decimal(number: int, unit: int) -> str:
    return f"{Decimal(number) / Decimal(unit):f}"


def _has(stage: Having, one: Set, family: Family) -> bool:
    left, right = figure(stage.left, one.spans, family), figure(stage.right, one.spans, family)
    return left is not None and right is not None and COMPARE[stage.operator](left, right)


def figure(scalar: Scalar, spans: Sequence[Span], family: Family) -> float | None:
    match scalar:
        case Number(value) | Duration(value):
            return float(value)
        case ScalarBinary(how, left, right):
            return calculated(how, figure(left, spans, family), figure(right, spans, family))
        case ScalarPipeline(pipeline, aggregate):
            return _aggregated(aggregate, flat(spansets(pipeline, family, family.spans)), family)
        case Aggregate():
            return _aggregated(scalar, spans, family)


def _aggregated(aggregate: Aggregate, spans: Sequence[Span], family: Family) -> float | None:
    if aggregate.function == "count" or aggregate.of is None:
        return float(len(spans))
    numbers = [value for span in spans if (value := number(aggregate.of, span, family)) is not None]
    if not numbers:
        return None
    match aggregate.function:
        case "min":
            return min(numbers)
        case "max":
            return max(numbers)
        case "sum":
            return sum(numbers)
    return sum(numbers) / len(numbers)
