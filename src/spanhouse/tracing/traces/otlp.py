"""Spans of the model as OTLP: protobuf messages, and the JSON form of the OTLP specification."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, EntityRef, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status, TracesData
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from spanhouse.tracing.spans.model import Attributes, AttributeValue, Event, Link, Resource, Scope, Span
from spanhouse.tracing.traces.json_text import list_text, with_list

Json = dict[str, Any]
K = TypeVar("K")
V = TypeVar("V")


def to_otlp(spans: Iterable[Span]) -> TracesData:
    """Spans of equal resource and scope go together, in the order in which each first appears."""
    message = TracesData()
    for resource, scopes in _grouped(spans):
        of_resource = message.resource_spans.add()
        _put_resource(of_resource, resource)
        for scope, members in scopes:
            of_scope = of_resource.scope_spans.add()
            _put_scope(of_scope, scope)
            for span in members:
                _put_span(of_scope.spans.add(), span)
    return message


def to_json(spans: Iterable[Span]) -> Json:
    """`{"resourceSpans": […]}`: lowerCamelCase, ids in lower-case hex, 64-bit numbers as text, strict JSON."""
    return {"resourceSpans": resource_spans_json(spans)}


def resource_spans_json(spans: Iterable[Span]) -> list[Json]:
    return [
        {
            **_resource_json(resource),
            "scopeSpans": [{**_scope_json(scope), "spans": list(map(span_json, members))} for scope, members in scopes],
        }
        for resource, scopes in _grouped(spans)
    ]


def resource_spans_text(spans: Iterable[Span]) -> str:
    """The same as JSON text, for as many spans as an answer holds."""
    texts = []
    for resource, scopes in _grouped(spans):
        of_scopes = (
            with_list(_scope_json(scope), "spans", list_text(map(span_json, members))) for scope, members in scopes
        )
        texts.append(with_list(_resource_json(resource), "scopeSpans", f"[{','.join(of_scopes)}]"))
    return f"[{','.join(texts)}]"


def attributes_json(attributes: Attributes) -> list[Json]:
    return [{"key": key, "value": value_json(value)} for key, value in attributes.items()]


def value_json(value: AttributeValue) -> Json:
    """An AnyValue. NaN and the infinities are text, as protobuf's JSON mapping has them."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else number_text(value)}
        case str():
            return {"stringValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [value_json(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": attributes_json(value)}}


def number_text(value: float) -> str:
    """`NaN`, `Infinity`, `-Infinity`, or the number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _grouped(spans: Iterable[Span]) -> list[tuple[Resource, list[tuple[Scope, list[Span]]]]]:
    """By equal resource, then equal scope. Most spans share the very object, so identity is looked up first."""
    resources: _Groups[Resource, _Groups[Scope, list[Span]]] = _Groups(lambda: _Groups(list))
    for span in spans:
        resources.of(span.resource).of(span.scope).append(span)
    return [(resource, scopes.items) for resource, scopes in resources.items]


class _Groups(Generic[K, V]):
    """Members by equal keys that cannot be hashed."""

    def __init__(self, new: Callable[[], V]) -> None:
        self.items: list[tuple[K, V]] = []
        self._new = new
        self._by_identity: dict[int, V] = {}
        self._by_text: dict[str, V] = {}
        self._held: list[K] = []

    def of(self, key: K) -> V:
        found = self._by_identity.get(id(key))
        if found is None:
            # Not by ==, to which True, 1 and 1.0 are one and NaN is none.
            text = repr(key)
            found = self._by_text.get(text)
            if found is None:
                found = self._new()
                self.items.append((key, found))
                self._by_text[text] = found
            self._by_identity[id(key)] = found
            self._held.append(key)  # an id is only good while its object lives
        return found


def _resource_json(resource: Resource) -> Json:
    return {
        "resource": _pruned(
            attributes=attributes_json(resource.attributes), droppedAttributesCount=resource.dropped_attributes
        ),
        **_pruned(schemaUrl=resource.schema_url),
    }


def _scope_json(scope: Scope) -> Json:
    return {
        "scope": _pruned(
            name=scope.name,
            version=scope.version,
            attributes=attributes_json(scope.attributes),
            droppedAttributesCount=scope.dropped_attributes,
        ),
        **_pruned(schemaUrl=scope.schema_url),
    }


def span_json(span: Span) -> Json:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        **_pruned(traceState=span.trace_state, parentSpanId=span.parent_span_id.hex(), flags=span.flags),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        **_pruned(
            attributes=attributes_json(span.attributes),
            droppedAttributesCount=span.dropped_attributes,
            events=[_event_json(event) for event in span.events],
            droppedEventsCount=span.dropped_events,
            links=[_link_json(link) for link in span.links],
            droppedLinksCount=span.dropped_links,
        ),
        "status": _pruned(message=span.status_message, code=span.status_code),
    }


def _event_json(event: Event) -> Json:
    return {
        "timeUnixNano": str(event.time),
        "name": event.name,
        **_pruned(attributes=attributes_json(event.attributes), droppedAttributesCount=event.dropped_attributes),
    }


def _link_json(link: Link) -> Json:
    return {
        "traceId": link.trace_id.hex(),
        "spanId": link.span_id.hex(),
        **_pruned(
            traceState=link.trace_state,
            attributes=attributes_json(link.attributes),
            droppedAttributesCount=link.dropped_attributes,
            flags=link.flags,
        ),
    }


def _pruned(**fields: Any) -> Json:
    """Without the fields that hold their default, which proto3 JSON leaves out."""
    return {name: value for name, value in fields.items() if value}


def _put_resource(message: ResourceSpans, resource: Resource) -> None:
    message.schema_url = resource.schema_url
    message.resource.attributes.extend(_key_values(resource.attributes))
    message.resource.dropped_attributes_count = resource.dropped_attributes
    message.resource.entity_refs.extend(EntityRef.FromString(entity) for entity in resource.entities)


def _put_scope(message: ScopeSpans, scope: Scope) -> None:
    message.schema_url = scope.schema_url
    message.scope.name = scope.name
    message.scope.version = scope.version
    message.scope.attributes.extend(_key_values(scope.attributes))
    message.scope.dropped_attributes_count = scope.dropped_attributes


def _put_span(message: SpanMessage, span: Span) -> None:
    message.trace_id = span.trace_id
    message.span_id = span.span_id
    message.parent_span_id = span.parent_span_id
    message.trace_state = span.trace_state
    message.flags = span.flags
    message.name = span.name
    message.kind = span.kind  # type: ignore[assignment]
    message.start_time_unix_nano = span.start_time
    message.end_time_unix_nano = span.end_time
    message.attributes.extend(_key_values(span.attributes))
    message.dropped_attributes_count = span.dropped_attributes
    message.events.extend(_event(event) for event in span.events)
    message.dropped_events_count = span.dropped_events
    message.links.extend(_link(link) for link in span.links)
    message.dropped_links_count = span.dropped_links
    message.status.CopyFrom(Status(message=span.status_message, code=span.status_code))  # type: ignore[arg-type]


def _event(event: Event) -> SpanMessage.Event:
    return SpanMessage.Event(
        time_unix_nano=event.time,
        name=event.name,
        attributes=_key_values(event.attributes),
        dropped_attributes_count=event.dropped_attributes,
    )


def _link(link: Link) -> SpanMessage.Link:
    return SpanMessage.Link(
        trace_id=link.trace_id,
        span_id=link.span_id,
        trace_state=link.trace_state,
        attributes=_key_values(link.attributes),
        dropped_attributes_count=link.dropped_attributes,
        flags=link.flags,
    )


def _key_values(attributes: Attributes) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value)) for key, value in attributes.items()]


def _any_value(value: AttributeValue) -> AnyValue:
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[_any_value(item) for item in value]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=_key_values(value)))
