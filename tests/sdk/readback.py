"""What the query API says about a trace, and what an SDK says it sent, in one flat form that can be compared."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from tests.kit.server import RunningServer, wait_until

FRESH_SECONDS_MAX = 30.0  # for a busy machine; how fresh it is by rule is measured elsewhere
_PYTHON_KINDS = {"INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}


@dataclass(frozen=True)
class FlatEvent:
    time: int
    name: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class FlatLink:
    trace_id: str
    span_id: str
    trace_state: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class FlatSpan:
    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    name: str
    kind: int
    start: int
    end: int
    status: tuple[int, str]
    attributes: dict[str, Any]
    dropped_attributes: int
    events: list[FlatEvent]
    dropped_events: int
    links: list[FlatLink]
    resource: dict[str, Any]
    resource_schema_url: str
    scope: tuple[str, str, dict[str, Any], str]


def stored(server: RunningServer, trace_id: str, spans: int) -> dict[str, FlatSpan]:
    """The trace by span id, as soon as it has `spans` spans."""
    found: list[FlatSpan] = []

    def complete() -> bool:
        found[:] = fetch(server, trace_id)
        return len(found) >= spans

    wait_until(complete, FRESH_SECONDS_MAX)
    assert len(found) == spans
    return {span.span_id: span for span in found}


def fetch(server: RunningServer, trace_id: str) -> list[FlatSpan]:
    answer = httpx.get(f"{server.console}/tempo/api/traces/{trace_id}", headers={"Accept": "application/json"})
    if answer.status_code == 404:
        return []
    answer.raise_for_status()
    body = answer.json()
    return [
        _from_json(group, scope, span)
        for group in body.get("batches") or body["resourceSpans"]
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]


def _from_json(group: dict[str, Any], scope: dict[str, Any], span: dict[str, Any]) -> FlatSpan:
    status = span.get("status", {})
    named = scope.get("scope", {})
    return FlatSpan(
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_span_id=span.get("parentSpanId", ""),
        trace_state=span.get("traceState", ""),
        name=span["name"],
        kind=span["kind"],
        start=int(span["startTimeUnixNano"]),
        end=int(span["endTimeUnixNano"]),
        status=(status.get("code", 0), status.get("message", "")),
        attributes=_attributes(span),
        dropped_attributes=span.get("droppedAttributesCount", 0),
        events=[FlatEvent(int(e["timeUnixNano"]), e["name"], _attributes(e)) for e in span.get("events", [])],
        dropped_events=span.get("droppedEventsCount", 0),
        links=[
            FlatLink(e["traceId"], e["spanId"], e.get("traceState", ""), _attributes(e)) for e in span.get("links", [])
        ],
        resource=_attributes(group["resource"]),
        resource_schema_url=group.get("schemaUrl", ""),
        scope=(named.get("name", ""), named.get("version", ""), _attributes(named), scope.get("schemaUrl", "")),
    )


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {pair["key"]: _value(pair["value"]) for pair in holder.get("attributes", [])}


def _value(value: dict[str, Any]) -> Any:
    if not value:
        return None
    ((kind, content),) = value.items()
    match kind:
        case "intValue":
            return int(content)
        case "doubleValue":
            return float(content)
        case "bytesValue":
            return base64.b64decode(content)
        case "arrayValue":
            return [_value(item) for item in content.get("values", [])]
        case "kvlistValue":
            return {pair["key"]: _value(pair["value"]) for pair in content.get("values", [])}
        case _:
            return content


def from_python(span: ReadableSpan) -> FlatSpan:
    """What the Python SDK says about a span that it ended."""
    context = span.get_span_context()
    scope = span.instrumentation_scope
    assert context is not None
    assert isinstance(scope, InstrumentationScope)
    return FlatSpan(
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        parent_span_id=f"{span.parent.span_id:016x}" if span.parent else "",
        trace_state=context.trace_state.to_header(),
        name=span.name,
        kind=_PYTHON_KINDS[span.kind.name],
        start=span.start_time or 0,
        end=span.end_time or 0,
        status=(span.status.status_code.value, span.status.description or ""),
        attributes=_plain(span.attributes),
        dropped_attributes=span.dropped_attributes,
        events=[FlatEvent(event.timestamp, event.name, _plain(event.attributes)) for event in span.events],
        dropped_events=span.dropped_events,
        links=[
            FlatLink(
                f"{link.context.trace_id:032x}",
                f"{link.context.span_id:016x}",
                "",  # this SDK's exporters leave a link's trace state out
                _plain(link.attributes),
            )
            for link in span.links
        ],
        resource=_plain(span.resource.attributes),
        resource_schema_url=span.resource.schema_url,
        scope=(scope.name, scope.version or "", _plain(scope.attributes), scope.schema_url or ""),
    )


def from_javascript(span: dict[str, Any]) -> FlatSpan:
    """What tests/sdk/js/send.js printed about a span that it ended."""
    return FlatSpan(
        **{
            **span,
            "start": int(span["start"]),
            "end": int(span["end"]),
            "status": tuple(span["status"]),
            "events": [FlatEvent(int(event["time"]), event["name"], event["attributes"]) for event in span["events"]],
            "links": [FlatLink(**link) for link in span["links"]],
            "scope": tuple(span["scope"]),
        }
    )


def _plain(value: Any) -> Any:
    """Mappings and sequences of whatever class as dict and list."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value


def typed(value: Any) -> Any:
    """So that 1, 1.0 and True differ when compared."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value).__name__, value
