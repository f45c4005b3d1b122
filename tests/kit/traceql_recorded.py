"""Recorded answers of a widely used implementation, and the spans it was asked about; none where there are none.

The recordings of metrics were taken while that implementation counted all but the first traces twice, over a time of
158 s: one set of multiplicities, and only one, explains all of its counts. `metrics_spans` repeats those traces.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.spans.model import AttributeValue, Event, Link, Resource, Span, service_of
from spanhouse.tracing.spans.model import Scope as SpanScope
from tests.kit.peers import traceql_vectors

VECTORS = traceql_vectors()
COUNTED_ONCE = 13
"""The traces with a number up to this; the ids end in it."""
METRICS_SECONDS = 158


def search_cases() -> list[dict[str, Any]]:
    return list(VECTORS["search"]) if VECTORS else []


def metrics_cases() -> list[dict[str, Any]]:
    return list(VECTORS["metrics"]) if VECTORS else []


def search_spans() -> list[Span]:
    return [span for of_resource in VECTORS["otlp"]["resourceSpans"] for span in _spans(of_resource)] if VECTORS else []


def search_range() -> TimeRange:
    """Of all spans' starts."""
    start = VECTORS["otlp_base_ns"] if VECTORS else 0
    return TimeRange(start, start + (VECTORS["length_ns"] if VECTORS else 0))


def metrics_spans() -> list[Span]:
    spans = search_spans()
    again = [span for span in spans if int.from_bytes(span.trace_id[-4:]) > COUNTED_ONCE]
    return spans + [replace(span, trace_id=b"\x01" + span.trace_id[1:]) for span in again]


def metrics_range() -> tuple[int, int]:
    """Start and end, the end not included; ns."""
    assert VECTORS is not None
    start = VECTORS["otlp_base_ns"] - 60 * 10**9
    return start, start + METRICS_SECONDS * 10**9


def _spans(of_resource: dict[str, Any]) -> list[Span]:
    resource = _attributes(of_resource["resource"])
    return [
        Span(
            trace_id=bytes.fromhex(span["traceId"]),
            span_id=bytes.fromhex(span["spanId"]),
            parent_span_id=bytes.fromhex(span.get("parentSpanId", "")),
            name=span["name"],
            kind=span["kind"],
            start_time=int(span["startTimeUnixNano"]),
            end_time=int(span["endTimeUnixNano"]),
            service=service_of(resource),
            status_code=span.get("status", {}).get("code", 0),
            status_message=span.get("status", {}).get("message", ""),
            attributes=_attributes(span),
            events=tuple(Event(int(e["timeUnixNano"]), e["name"], _attributes(e)) for e in span.get("events", [])),
            links=tuple(
                Link(bytes.fromhex(link["traceId"]), bytes.fromhex(link["spanId"]), attributes=_attributes(link))
                for link in span.get("links", [])
            ),
            resource=Resource(resource),
            scope=SpanScope(of_scope["scope"]["name"], of_scope["scope"].get("version", "")),
        )
        for of_scope in of_resource["scopeSpans"]
        for span in of_scope["spans"]
    ]


def _attributes(owner: dict[str, Any]) -> dict[str, AttributeValue]:
    return {pair["key"]: _value(pair["value"]) for pair in owner.get("attributes", [])}


def _value(value: dict[str, Any]) -> AttributeValue:
    ((kind, content),) = value.items()
    if kind == "arrayValue":
        return [_value(item) for item in content.get("values", [])]
    return int(content) if kind == "intValue" else content
