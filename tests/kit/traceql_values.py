"""What an expression of TraceQL is worth for one span: the language's types, missing values, arrays, arithmetic.

A value is text, a boolean, a number, a list, or a `Named` status or kind. What was sent as bytes or as a key-value list
is there, but equals nothing.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spanhouse.tracing.spans.model import Attributes, Event, Link, Span, SpanKind, StatusCode
from spanhouse.tracing.traceql.syntax import (
    ARITHMETIC,
    Attribute,
    Binary,
    Boolean,
    Duration,
    Expression,
    Intrinsic,
    Keyword,
    Nil,
    Number,
    Text,
    Unary,
)
from tests.kit.traceql_family import Family

ID_DIGITS = {"span:id": 16, "span:parentID": 16, "trace:id": 32, "link:spanID": 16, "link:traceID": 32}
DURATIONS = ("span:duration", "trace:duration", "event:timeSinceStart")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True)
class Named:
    """A status or a kind: no number, and equal only to one of its own."""

    of: str
    name: str


def status(code: int) -> Named:
    return Named("status", StatusCode(code).name.lower() if code in list(StatusCode) else str(code))


def kind(number: int) -> Named:
    return Named("kind", SpanKind(number).name.lower() if number in list(SpanKind) else str(number))


@dataclass(frozen=True)
class Here:
    """A span of a trace. A condition is put to one of its events and one of its links at a time; elsewhere a field is
    that of the first that has it."""

    span: Span
    family: Family
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()


# -- is a condition true


def satisfies(span: Span, family: Family, condition: Expression | None) -> bool:
    """There is one event and one link (or none, of a span without) with which the condition is true."""
    if condition is None:
        return True
    for event in span.events or (None,):
        for link in span.links or (None,):
            if true(condition, Here(span, family, (event,) if event else (), (link,) if link else ())):
                return True
    return False


def true(condition: Expression, here: Here) -> bool:
    match condition:
        case Unary("!", of):
            return not true(of, here)
        case Binary("&&", left, right):
            return true(left, here) and true(right, here)
        case Binary("||", left, right):
            return true(left, here) or true(right, here)
        case Binary(how, left, right) if isinstance(left, Nil) or isinstance(right, Nil):
            return (exists(left, here) == exists(right, here)) == (how == "=")
        case Binary(how, left, right) if how not in ARITHMETIC:
            ones = [_elements(_padded(value, left, right, how)) for value in _found(left, here)]
            others = [_elements(_padded(value, right, left, how)) for value in _found(right, here)]
            return any(_compare_arrays(one, how, other) for one in ones for other in others)
    return True in [value for found in _found(condition, here) for value in _elements(found) if isinstance(value, bool)]


def _elements(value: Any) -> list[Any]:
    """What of a value takes part in a comparison: of an array those that are no arrays themselves."""
    found = value if isinstance(value, list) else [value]
    return [one for one in found if type_of(one) != "other"]


def _compare_arrays(left: list[Any], how: str, right: list[Any]) -> bool:
    """Some elements compare so; but different are only arrays of which no elements are equal."""
    results = [compares(one, how, other) for one in left for other in right if type_of(one) == type_of(other)]
    return bool(results) and all(results) if how in ("!=", "!~") else any(results)


def compares(left: Any, how: str, right: Any) -> bool:
    """Two values that are there. What is not of one type is neither equal nor different."""
    if type_of(left) != type_of(right) or type_of(left) == "other":
        return False
    if how in ("=~", "!~"):
        if not isinstance(left, str):
            return False
        return (re.fullmatch(right, left, re.DOTALL) is not None) == (how == "=~")
    if isinstance(left, bool | Named) and how not in ("=", "!="):
        return False
    return COMPARE[how](left, right)


def type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, Named):
        return value.of
    return "text" if isinstance(value, str) else "other"


def _padded(value: Any, of: Expression, other: Expression, how: str) -> Any:
    """An id that is written in the query may leave out zeros before it, and is the same in capital letters."""
    if isinstance(of, Text) and isinstance(other, Intrinsic) and other.name in ID_DIGITS and how in ("=", "!="):
        return value.lower().rjust(ID_DIGITS[other.name], "0")
    return value


def exists(expression: Expression, here: Here) -> bool:
    if isinstance(expression, Nil):
        return False
    return bool(_found(expression, here))


# -- values


def first_value(expression: Expression, span: Span, family: Family) -> Any:
    """What groups, figures and metrics see of a span. None: missing."""
    found = _found(expression, Here(span, family, span.events, span.links))
    return found[0] if found else None


def number(expression: Expression, span: Span, family: Family) -> float | None:
    value = first_value(expression, span, family)
    return float(value) if type_of(value) == "number" else None


def _found(expression: Expression, here: Here) -> list[Any]:
    match expression:
        case Attribute():
            return _attribute(expression, here)
        case Intrinsic(name):
            value = _intrinsic(name, here)
            return [] if value is None else [value]
        case Keyword(of, name):
            return [Named(of, name)]
        case Text() | Number() | Duration() | Boolean():
            return [expression.value]
        case Unary("-", of):
            value = _scalar(of, here)
            return [] if value is None else [-value]
        case Binary(how, left, right) if how in ARITHMETIC:
            value = calculated(how, _scalar(left, here), _scalar(right, here))
            return [] if value is None else [value]
        case Nil():
            return []
    return [true(expression, here)]


def _scalar(expression: Expression, here: Here) -> float | None:
    found = _found(expression, here)
    return float(found[0]) if found and type_of(found[0]) == "number" else None


def calculated(how: str, left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    try:
        if how == "/":
            result = left / right
        elif how == "%":
            result = math.fmod(left, right)
        elif how == "^":
            result = math.pow(left, right)
        else:
            result = {"+": operator.add, "-": operator.sub, "*": operator.mul}[how](left, right)
    except OverflowError:
        return -math.inf if left < 0 and right % 2 == 1 else math.inf
    except (ZeroDivisionError, ValueError):
        return None
    return None if math.isnan(result) else result


# -- fields


def _attribute(field: Attribute, here: Here) -> list[Any]:
    if field.of_parent:
        parent = here.family.parent(here.span)
        if parent is None:
            return []
        here = Here(parent, here.family)
    if field.scope in ("event", "link"):
        elements = here.events if field.scope == "event" else here.links
        return [value for element in elements for value in _named(element.attributes, field.name)][:1]
    if field.scope != "any":
        return _named(_attributes_of(field.scope, here.span), field.name)
    span = here.span
    for places in (
        [span.attributes],
        [_attributes_of("resource", span)],
        [event.attributes for event in span.events],
        [link.attributes for link in span.links],
        [span.scope.attributes],
    ):
        found = [value for attributes in places for value in _named(attributes, field.name)]
        if found:
            return found
    return []


def _attributes_of(scope: str, span: Span) -> Attributes:
    match scope:
        case "span":
            return span.attributes
        case "resource":
            return {**span.resource.attributes, "service.name": span.service}
        case "instrumentation":
            return span.scope.attributes
    raise AssertionError(scope)


def _named(attributes: Attributes, name: str) -> list[Any]:
    value = attributes.get(name)
    return [] if value is None else [value]


def _intrinsic(name: str, here: Here) -> Any:
    span, family = here.span, here.family
    event = here.events[0] if here.events else None
    link = here.links[0] if here.links else None
    numbers = family.numbers(span)
    return {
        "span:start": span.start_time,
        "span:duration": span.duration,
        "span:name": span.name,
        "span:status": status(span.status_code),
        "span:statusMessage": span.status_message,
        "span:kind": kind(span.kind),
        "span:id": span.span_id.hex(),
        "span:parentID": span.parent_span_id.hex() or None,
        "span:childCount": family.child_count(span) if name == "span:childCount" else None,
        "trace:id": span.trace_id.hex(),
        "trace:duration": family.duration,
        "trace:rootName": family.root.name if family.root else None,
        "trace:rootService": family.root.service if family.root else None,
        "event:name": event.name if event else None,
        "event:timeSinceStart": event.time - span.start_time if event else None,
        "link:traceID": link.trace_id.hex() if link else None,
        "link:spanID": link.span_id.hex() if link else None,
        "instrumentation:name": span.scope.name,
        "instrumentation:version": span.scope.version,
        "nestedSetLeft": numbers.left,
        "nestedSetRight": numbers.right,
        "nestedSetParent": numbers.parent,
        "parent": b"there" if span.parent_span_id else None,
    }[name]
