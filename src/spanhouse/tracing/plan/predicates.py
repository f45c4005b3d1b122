"""Conditions on one span, free of any language and any engine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

AttributeScope = Literal["span", "resource", "event", "link", "instrumentation", "any"]
"""`any`: the first of span, resource, event, link, instrumentation that has the name."""

Operator = Literal["=", "!=", ">", ">=", "<", "<=", "=~", "!~"]
"""`=~` and `!~` match the whole text, `.` also a newline."""


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


@dataclass(frozen=True, slots=True)
class Attribute:
    scope: AttributeScope
    name: str


Field: TypeAlias = Attribute | Intrinsic
Value: TypeAlias = str | bool | int | float
"""For KIND and STATUS the enum's number; for ids lower-case hex; an int compares with a float, never with a string."""


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


Predicate: TypeAlias = Compare | Matches | Exists | Not | And | Or | Constant
