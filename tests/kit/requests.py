"""Random OTLP requests that use every field the protocol has."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    EntityRef,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

NAMES = st.sampled_from(["a", "b", "service.name", "http.method", "", "k.x", "中文", "'; DROP --", "\\", "a\0b", "\n"])
TEXTS = st.text(max_size=12) | st.sampled_from(["", "'", "\\N", "\\x41", "\0", "\U0001f600", "null", "x" * 3_000])
U32 = st.sampled_from([0, 1, 2**31, 2**32 - 1])
U64 = st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1]) | st.integers(1_795_000_000 * 10**9, 1_796_000_000 * 10**9)
NUMBERS = st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1])
FLOATS = st.floats() | st.sampled_from([0.0, -0.0, float("nan"), float("inf"), float("-inf"), 5e-324])
ENUMS = st.sampled_from([0, 1, 2, 3, 5, 6, 99, -1, 2**31 - 1, -(2**31)])


def _lists(element: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(element, max_size=3)


def _pairs(value: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[list[KeyValue]]:
    return _lists(st.builds(KeyValue, key=NAMES, value=value) | st.builds(KeyValue, key=NAMES))


VALUES: st.SearchStrategy[AnyValue] = st.recursive(
    st.one_of(
        st.builds(AnyValue),
        st.builds(AnyValue, string_value=TEXTS),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=NUMBERS),
        st.builds(AnyValue, double_value=FLOATS),
        st.builds(AnyValue, bytes_value=st.binary(max_size=6)),
    ),
    lambda inner: st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=_lists(inner))),
        st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=_pairs(inner))),
    ),
    max_leaves=5,
)
ATTRIBUTES = _pairs(VALUES)
EVENTS = st.builds(
    Span.Event, time_unix_nano=U64, name=TEXTS, attributes=ATTRIBUTES, dropped_attributes_count=U32
) | st.builds(Span.Event)
LINKS = st.builds(
    Span.Link,
    trace_id=st.binary(max_size=20),
    span_id=st.binary(max_size=10),
    trace_state=TEXTS,
    attributes=ATTRIBUTES,
    dropped_attributes_count=U32,
    flags=U32,
)
ENTITIES = st.builds(EntityRef, schema_url=TEXTS, type=TEXTS, id_keys=_lists(TEXTS), description_keys=_lists(TEXTS))
RESOURCES = st.builds(Resource, attributes=ATTRIBUTES, dropped_attributes_count=U32, entity_refs=_lists(ENTITIES))
SCOPES = st.builds(InstrumentationScope, name=TEXTS, version=TEXTS, attributes=ATTRIBUTES, dropped_attributes_count=U32)
SPANS = st.builds(
    Span,
    trace_id=st.sampled_from([bytes(15) + b"\1", b"\xff" * 16, b"'\\\0\n".ljust(16, b"\7")]),
    parent_span_id=st.sampled_from([b"", bytes(8), b"\0" * 7 + b"\1", b"\xff" * 8]),
    trace_state=TEXTS,
    flags=U32,
    name=TEXTS,
    kind=ENUMS,
    start_time_unix_nano=U64,
    end_time_unix_nano=U64,
    attributes=ATTRIBUTES,
    dropped_attributes_count=U32,
    events=_lists(EVENTS),
    dropped_events_count=U32,
    links=_lists(LINKS),
    dropped_links_count=U32,
    status=st.none() | st.builds(Status, message=TEXTS, code=ENUMS),
)


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """A request whose span ids are unique in it."""
    scope_spans = st.builds(
        ScopeSpans, scope=st.none() | SCOPES, spans=st.lists(SPANS, min_size=1, max_size=2), schema_url=TEXTS
    )
    resource_spans = st.builds(
        ResourceSpans,
        resource=st.none() | RESOURCES,
        scope_spans=st.lists(scope_spans, min_size=1, max_size=2),
        schema_url=TEXTS,
    )
    request = ExportTraceServiceRequest(resource_spans=draw(st.lists(resource_spans, min_size=1, max_size=2)))
    numbers = itertools.count(1)
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                span.span_id = next(numbers).to_bytes(8, "big")
    return request
