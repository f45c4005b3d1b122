"""Conditions on one span, free of any language and any engine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

AttributeScope = Literal["span", "resource", "event", "link", "instrumentation", "any"]
"""`any`: the first of span, resource, event, link, instrumentation that has the name."""

Operator = Literal["=", "!=", ">", ">=", "<", "<=", "=~", "!~"]
"""`=~` and `!~` match the whole text, `.` also a newline."""
Arithmetic = Literal["+", "-", "*", "/", "%", "^"]


class Intrinsic(Enum):
    """What every span has without anyone setting it. Times and durations in ns."""

    NAME = "name"
    SERVICE = "service"
    KIND = "kind"
    STATUS = "status"
    STATUS_MESSAGE = "statusMessage"
    DURATION = "duration"
    START = "start"
    SPAN_ID = "span:id"
    PARENT_ID = "span:parentID"
    TRACE_ID = "trace:id"
    TRACE_DURATION = "trace:duration"
    ROOT_NAME = "trace:rootName"
    ROOT_SERVICE = "trace:rootService"
    EVENT_NAME = "event:name"
    EVENT_TIME_SINCE_START = "event:timeSinceStart"
    LINK_TRACE_ID = "link:traceID"
    LINK_SPAN_ID = "link:spanID"
    SCOPE_NAME = "instrumentation:name"
    SCOPE_VERSION = "instrumentation:version"
    CHILD_COUNT = "span:childCount"
    NESTED_SET_LEFT = "nestedSetLeft"
    NESTED_SET_RIGHT = "nestedSetRight"
    NESTED_SET_PARENT = "nestedSetParent"


@dataclass(frozen=True, slots=True)
class Attribute:
    scope: AttributeScope
    name: str
    of_parent: bool = False
    """of the span's parent within its trace; missing when the parent is not there"""


Field: TypeAlias = Attribute | Intrinsic
Value: TypeAlias = str | bool | int | float
"""For KIND and STATUS the enum's number; for ids lower-case hex; an int compares with a float, never with a string."""


@dataclass(frozen=True, slots=True)
class Fixed:
    value: Value


@dataclass(frozen=True, slots=True)
class Negative:
    of: Expression


@dataclass(frozen=True, slots=True)
class Calculated:
    """In double precision; missing when a side is missing or no number."""

    operator: Arithmetic
    left: Expression
    right: Expression


Expression: TypeAlias = Field | Fixed | Negative | Calculated
"""A value of one span, or none."""


@dataclass(frozen=True, slots=True)
class Relate:
    """Two values of a span compared, of which neither is simply a constant. False when one is missing, or when they are
    of different kinds (a number and a text)."""

    left: Expression
    operator: Operator
    right: Expression


@dataclass(frozen=True, slots=True)
class Compare:
    """False when the span lacks the field, whatever the operator."""

    field: Field
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Matches:
    """The field's text form equals `text`, whatever its type: what forms and Jaeger's tags ask."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class Exists:
    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    of: Predicate


@dataclass(frozen=True, slots=True)
class And:
    of: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    of: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    value: bool


Predicate: TypeAlias = Compare | Relate | Matches | Exists | Not | And | Or | Constant
