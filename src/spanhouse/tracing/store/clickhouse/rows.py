"""Rows of the spans table ↔ `Span`. The only place that knows how a span lies in columns."""

from __future__ import annotations

import json
import time
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


def _typed(prefix: str) -> str:
    columns = [f"{prefix}_{kind}" for kind in ATTRIBUTE_TYPES]
    columns[2] = _texts(columns[2])
    columns[4] = _hexes(columns[4])
    return ", ".join(columns)


def _typed_arrays(prefix: str) -> str:
    columns = [f"{prefix}_{kind}" for kind in ATTRIBUTE_TYPES]
    columns[2] = f"arrayMap(m -> {_texts('m')}, {columns[2]})"
    columns[4] = f"arrayMap(m -> {_hexes('m')}, {columns[4]})"
    return ", ".join(columns)


def _texts(column: str) -> str:
    """JSON has neither NaN nor -0.0."""
    return f"mapApply((k, v) -> (k, toString(v)), {column})"


def _hexes(column: str) -> str:
    return f"mapApply((k, v) -> (k, hex(v)), {column})"


def _json(columns: str) -> str:
    """Several columns as one text: the driver makes maps slowly, one by one, though most are empty or alike."""
    return f"toJSONString(tuple({columns}))"


def _hex_array(column: str) -> str:
    return f"arrayMap(x -> hex(x), {column})"


_EVENT_COLUMNS: Final = f"event_time, event_name, event_dropped, {_typed_arrays('event')}"
_LINK_COLUMNS: Final = (
    f"{_hex_array('link_trace_id')}, {_hex_array('link_span_id')}, link_trace_state, link_flags, link_dropped, "
    f"{_typed_arrays('link')}"
)

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
    _json(_typed("attributes")),
    _json(f"{_typed('resource')}, resource_dropped, resource_schema_url, {_hex_array('resource_entities')}"),
    _json(f"{_typed('scope')}, scope_name, scope_version, scope_dropped, scope_schema_url"),
    f"if(empty(event_time), '', {_json(_EVENT_COLUMNS)})",
    f"if(empty(link_trace_id), '', {_json(_LINK_COLUMNS)})",
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


_TURN_ROWS: Final = 2_000


class SpanRows:
    """Turns rows of `SPAN_COLUMNS` into spans. Equal resources and scopes become one object."""

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}
        self._scopes: dict[str, Scope] = {}

    def spans(self, rows: Iterable[Sequence[Any]]) -> list[Span]:
        """May take seconds: other threads get their turn between."""
        spans = []
        for number, row in enumerate(rows):
            if number % _TURN_ROWS == 0:
                time.sleep(0)
            spans.append(self.span(row))
        return spans

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
            attributes=attributes_of(json.loads(row[16])),
            resource=self._resource(row[17]),
            scope=self._scope(row[18]),
            events=_events(row[19]) if row[19] else (),
            links=_links(row[20]) if row[20] else (),
        )

    def _resource(self, text: str) -> Resource:
        found = self._resources.get(text)
        if found is None:
            *typed, dropped, schema_url, entities = json.loads(text)
            found = self._resources[text] = Resource(
                attributes_of(typed), dropped, schema_url, tuple(bytes.fromhex(entity) for entity in entities)
            )
        return found

    def _scope(self, text: str) -> Scope:
        found = self._scopes.get(text)
        if found is None:
            *typed, name, version, dropped, schema_url = json.loads(text)
            found = self._scopes[text] = Scope(name, version, attributes_of(typed), dropped, schema_url)
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
    strings, ints, floats, bools, others, *_ = typed
    if not (ints or floats or bools or others):
        return dict(strings)
    floats = {key: float(text) for key, text in floats.items()}
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


def _events(text: str) -> tuple[Event, ...]:
    times, names, dropped, *typed = json.loads(text)
    return tuple(
        Event(at, name, attributes_of(values), lost)
        for at, name, lost, values in zip(times, names, dropped, zip(*typed, strict=True), strict=True)
    )


def _links(text: str) -> tuple[Link, ...]:
    trace_ids, span_ids, states, flags, dropped, *typed = json.loads(text)
    return tuple(
        Link(bytes.fromhex(trace_id), bytes.fromhex(span_id), state, flag, attributes_of(values), lost)
        for trace_id, span_id, state, flag, lost, values in zip(
            trace_ids, span_ids, states, flags, dropped, zip(*typed, strict=True), strict=True
        )
    )
