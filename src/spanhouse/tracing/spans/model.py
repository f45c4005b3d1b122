"""What a span is. Names and meanings are OpenTelemetry's (trace.proto); times are ns since the epoch, raw as sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
NO_SPAN_ID = bytes(SPAN_ID_BYTES)

UNKNOWN_SERVICE = "unknown_service"
"""Stands for a service whose resource names none: absent, empty or not a string. Never empty, so that it is listed."""

AttributeValue: TypeAlias = "str | bool | int | float | bytes | list[AttributeValue] | dict[str, AttributeValue] | None"
"""An AnyValue. dict = kvlist, None = a value that was sent unset."""

Attributes: TypeAlias = Mapping[str, AttributeValue]


class SpanKind(IntEnum):
    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    UNSET = 0
    OK = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Resource:
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0
    schema_url: str = ""
    entities: tuple[bytes, ...] = ()
    """Encoded EntityRef messages, kept as they came."""


@dataclass(frozen=True, slots=True)
class Scope:
    name: str = ""
    version: str = ""
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0
    schema_url: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    time: int
    name: str
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    trace_id: bytes
    span_id: bytes
    trace_state: str = ""
    flags: int = 0
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """One stored span. `kind` and `status_code` are plain ints: senders use numbers we do not know yet."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    """`b""` for a root; all-zero ids are stored as none."""
    name: str
    kind: int
    start_time: int
    end_time: int
    service: str = UNKNOWN_SERVICE
    status_code: int = 0
    status_message: str = ""
    trace_state: str = ""
    flags: int = 0
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0
    events: tuple[Event, ...] = ()
    dropped_events: int = 0
    links: tuple[Link, ...] = ()
    dropped_links: int = 0
    resource: Resource = field(default_factory=Resource)
    scope: Scope = field(default_factory=Scope)
    received_at: int = 0

    @property
    def duration(self) -> int:
        """ns, never negative: a span that ends before it starts lasts 0."""
        return max(0, self.end_time - self.start_time)

    @property
    def is_error(self) -> bool:
        return self.status_code == StatusCode.ERROR


def service_of(attributes: Attributes) -> str:
    """The service a resource names, or `UNKNOWN_SERVICE`."""
    name = attributes.get("service.name")
    return name if isinstance(name, str) and name else UNKNOWN_SERVICE
