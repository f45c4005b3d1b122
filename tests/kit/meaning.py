"""What a request says, whatever its encoding: the measure by which what is stored equals what was sent."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

NO_PARENT = bytes(8)


def meaning(request: ExportTraceServiceRequest | TracesData) -> dict[bytes, Any]:
    """By span id: everything known of the span. Attributes are unordered, the first of equal keys counts, an absent
    message is an empty one, an all-zero parent is none; fields OTLP does not have say nothing."""
    known = ExportTraceServiceRequest.FromString(request.SerializeToString())
    known.DiscardUnknownFields()
    return {
        span.span_id: (
            _resource(of_resource.resource, of_resource.schema_url),
            _scope(of_scope.scope, of_scope.schema_url),
            _span(span),
        )
        for of_resource in known.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    }


def _resource(resource: Resource, schema_url: str) -> Any:
    entities = [_bytes(entity) for entity in resource.entity_refs]
    return _attributes(resource.attributes), resource.dropped_attributes_count, entities, schema_url


def _scope(scope: InstrumentationScope, schema_url: str) -> Any:
    return scope.name, scope.version, _attributes(scope.attributes), scope.dropped_attributes_count, schema_url


def _span(span: Span) -> dict[str, Any]:
    return {
        "trace_id": span.trace_id,
        "parent": b"" if span.parent_span_id == NO_PARENT else span.parent_span_id,
        "name": span.name,
        "kind": span.kind,
        "times": (span.start_time_unix_nano, span.end_time_unix_nano),
        "status": (span.status.code, span.status.message),
        "trace_state": span.trace_state,
        "flags": span.flags,
        "attributes": _attributes(span.attributes),
        "dropped": (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count),
        "events": [
            (event.time_unix_nano, event.name, _attributes(event.attributes), event.dropped_attributes_count)
            for event in span.events
        ],
        "links": [
            (
                (link.trace_id, link.span_id, link.trace_state, link.flags),
                _attributes(link.attributes),
                link.dropped_attributes_count,
            )
            for link in span.links
        ],
    }


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    first: dict[str, Any] = {}
    for pair in pairs:
        first.setdefault(pair.key, _value(pair.value))
    return first


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "double_value":
            number = value.double_value
            return "nan" if number != number else ("double", struct.pack("<d", number))
        case kind:
            return kind, getattr(value, kind)


def _bytes(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)
