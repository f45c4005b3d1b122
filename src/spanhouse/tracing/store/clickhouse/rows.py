"""Rows of the spans table ↔ `Span`. The only place that knows how a span lies in columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from spanhouse.tracing.spans.model import (
    NO_SPAN_ID,
    Attributes,
    AttributeValue,
    Event,
    Link,
    Resource,
    Scope,
    Span,
)

ATTRIBUTE_TYPES: Final = ("string", "int", "float", "bool", "other")
"""Suffixes of the typed maps, in the order in which a key is looked up."""


def _hex_map(column: str) -> str:
    return f"mapApply((k, v) -> (k, hex(v)), {column})"


def _typed(prefix: str) -> list[str]:
    return [*(f"{prefix}_{kind}" for kind in ATTRIBUTE_TYPES[:-1]), _hex_map(f"{prefix}_other")]


def _typed_arrays(prefix: str) -> list[str]:
    return [
        *(f"{prefix}_{kind}" for kind in ATTRIBUTE_TYPES[:-1]),
        f"arrayMap(m -> {_hex_map('m')}, {prefix}_other)",
    ]


def _hex_array(column: str) -> str:
    return f"arrayMap(x -> hex(x), {column})"


# Ids and encoded values go over the wire as hex: the driver decodes neither FixedString in a stream nor raw bytes.
SPAN_COLUMNS: Final[tuple[str, ...]] = (
    "hex(trace_id)",
    "hex(span_id)",
    "hex(parent_span_id)",
    "name",
    "kind",
    "start_time",
    "end_time",
    "service",
    "status_code",
    "status_message",
    "trace_state",
    "flags",
    "dropped_attributes",
    "dropped_events",
    "dropped_links",
    "received_at",
    *_typed("attributes"),
    *_typed("resource"),
    "resource_dropped",
    "resource_schema_url",
    _hex_array("resource_entities"),
    "scope_name",
    "scope_version",
    *_typed("scope"),
    "scope_dropped",
    "scope_schema_url",
    "event_time",
    "event_name",
    *_typed_arrays("event"),
    "event_dropped",
    _hex_array("link_trace_id"),
    _hex_array("link_span_id"),
    "link_trace_state",
    "link_flags",
    *_typed_arrays("link"),
    "link_dropped",
)

STUB_COLUMNS: Final[tuple[str, ...]] = (
    "hex(trace_id)",
    "hex(span_id)",
    "hex(parent_span_id)",
    "start_time",
    "end_time",
)
"""What a reader may know of a span of a service that is hidden from it."""

HIDDEN_SERVICE: Final = "hidden"


class SpanRows:
    """Turns rows of `SPAN_COLUMNS` into spans. Equal resources and scopes become one object."""

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}
        self._scopes: dict[str, Scope] = {}

    def spans(self, rows: Iterable[Sequence[Any]]) -> list[Span]:
        return [self.span(row) for row in rows]

    def span(self, row: Sequence[Any]) -> Span:
        parent = bytes.fromhex(row[2])
        return Span(
            trace_id=bytes.fromhex(row[0]),
            span_id=bytes.fromhex(row[1]),
            parent_span_id=b"" if parent == NO_SPAN_ID else parent,
            name=row[3],
            kind=row[4],
            start_time=row[5],
            end_time=row[6],
            service=row[7],
            status_code=row[8],
            status_message=row[9],
            trace_state=row[10],
            flags=row[11],
            dropped_attributes=row[12],
            dropped_events=row[13],
            dropped_links=row[14],
            received_at=row[15],
            attributes=attributes_of(row[16:21]),
            resource=self._resource(row[21:29]),
            scope=self._scope(row[29:38]),
            events=_events(row[38:46]) if row[38] else (),
            links=_links(row[46:56]) if row[46] else (),
        )

    def _resource(self, row: Sequence[Any]) -> Resource:
        key = repr(row)
        found = self._resources.get(key)
        if found is None:
            entities = tuple(bytes.fromhex(entity) for entity in row[7])
            found = self._resources[key] = Resource(attributes_of(row[:5]), row[5], row[6], entities)
        return found

    def _scope(self, row: Sequence[Any]) -> Scope:
        key = repr(row)
        found = self._scopes.get(key)
        if found is None:
            found = self._scopes[key] = Scope(row[0], row[1], attributes_of(row[2:7]), row[7], row[8])
        return found


def stub(row: Sequence[Any]) -> Span:
    """A hidden service's span from a row of `STUB_COLUMNS`: its place in the tree and nothing else."""
    parent = bytes.fromhex(row[2])
    return Span(
        trace_id=bytes.fromhex(row[0]),
        span_id=bytes.fromhex(row[1]),
        parent_span_id=b"" if parent == NO_SPAN_ID else parent,
        name="",
        kind=0,
        start_time=row[3],
        end_time=row[4],
        service=HIDDEN_SERVICE,
    )


def attributes_of(typed: Sequence[Any]) -> Attributes:
    """One mapping from the five typed maps. A key in several keeps the value of the first map that has it."""
    strings, ints, floats, bools, others = typed
    decoded = {key: decode_other(encoded) for key, encoded in others.items()} if others else {}
    return {**decoded, **bools, **floats, **ints, **strings}


@lru_cache(maxsize=4096)
def _decoded(encoded: str) -> tuple[AttributeValue]:
    tag, content = bytes.fromhex(encoded[:2]), bytes.fromhex(encoded[2:])
    if tag == b"a":
        return ([_any_value(value) for value in ArrayValue.FromString(content).values],)
    if tag == b"k":
        return (_kvlist(KeyValueList.FromString(content)),)
    if tag == b"y":
        return (content,)
    if tag == b"n":
        return (None,)
    raise ValueError(f"unknown tag {tag!r} of a stored attribute value")


def decode_other(encoded: str) -> AttributeValue:
    """The value behind the hex of a one-letter tag and its bytes: a(rray), k(vlist), (b)y(tes), n(one)."""
    return _decoded(encoded)[0]


def _any_value(value: AnyValue) -> AttributeValue:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_any_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _kvlist(value.kvlist_value)
        case kind:
            scalar: str | bool | int | float | bytes = getattr(value, kind)
            return scalar


def _kvlist(pairs: KeyValueList) -> dict[str, AttributeValue]:
    merged: dict[str, AttributeValue] = {}
    for pair in pairs.values:
        merged.setdefault(pair.key, _any_value(pair.value))
    return merged


def _events(row: Sequence[Any]) -> tuple[Event, ...]:
    times, names, *typed, dropped = row
    return tuple(
        Event(time, name, attributes_of(values), lost)
        for time, name, values, lost in zip(times, names, zip(*typed, strict=True), dropped, strict=True)
    )


def _links(row: Sequence[Any]) -> tuple[Link, ...]:
    trace_ids, span_ids, states, flags, *typed, dropped = row
    return tuple(
        Link(bytes.fromhex(trace_id), bytes.fromhex(span_id), state, flag, attributes_of(values), lost)
        for trace_id, span_id, state, flag, values, lost in zip(
            trace_ids, span_ids, states, flags, zip(*typed, strict=True), dropped, strict=True
        )
    )
