"""Everything one span carries, for the drawer: text that is ready to be shown, with its type beside it."""

from __future__ import annotations

import json
from typing import Any

from django.urls import reverse

from spanhouse.console import words
from spanhouse.tracing.spans.model import Attributes, AttributeValue, Event, Link, Span
from spanhouse.tracing.traces.otlp import number_text, value_json

Json = dict[str, Any]


def details(span: Span) -> Json:
    """Times are text: JavaScript's numbers do not hold them."""
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "traceState": span.trace_state,
        "start": str(span.start_time),
        "end": str(span.end_time),
        "kind": words.kind(span.kind),
        "status": words.status(span.status_code),
        "statusMessage": span.status_message,
        "error": span.is_error,
        "attributes": attributes(span.attributes),
        "droppedAttributes": span.dropped_attributes,
        "events": [_event(event) for event in span.events],
        "droppedEvents": span.dropped_events,
        "links": [_link(link) for link in span.links],
        "droppedLinks": span.dropped_links,
        "resource": {"attributes": attributes(span.resource.attributes), "schemaUrl": span.resource.schema_url},
        "scope": {
            "name": span.scope.name,
            "version": span.scope.version,
            "attributes": attributes(span.scope.attributes),
        },
    }


def attributes(given: Attributes) -> list[Json]:
    """By key: type and text of each value."""
    return [{"key": key, **_typed(value)} for key, value in sorted(given.items())]


def _typed(value: AttributeValue) -> dict[str, str]:
    match value:
        case None:
            return {"type": "empty", "value": "–"}
        case bool():
            return {"type": "bool", "value": "true" if value else "false"}
        case int():
            return {"type": "int", "value": str(value)}
        case float():
            return {"type": "double", "value": number_text(value)}
        case str():
            return {"type": "string", "value": value}
        case bytes():
            return {"type": "bytes", "value": value_json(value)["bytesValue"]}
        case list():
            return {"type": "array", "value": json.dumps(_plain(value), ensure_ascii=False, indent=1)}
        case _:
            return {"type": "kvlist", "value": json.dumps(_plain(value), ensure_ascii=False, indent=1)}


def _plain(value: AttributeValue) -> Any:
    """Nested values as people read JSON: bytes as Base64, numbers that JSON lacks as text."""
    match value:
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case bytes():
            return value_json(value)["bytesValue"]
        case float():
            text = number_text(value)
            return value if text[-1].isdigit() else text
        case _:
            return value


def _event(event: Event) -> Json:
    return {"time": str(event.time), "name": event.name, "attributes": attributes(event.attributes)}


def _link(link: Link) -> Json:
    trace_id, span_id = link.trace_id.hex(), link.span_id.hex()
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "url": f"{reverse('trace', args=[trace_id])}?span={span_id}",
        "attributes": attributes(link.attributes),
    }
