"""A trace in Jaeger's JSON model: spans with typed tags, references and logs, processes held once. Times in µs."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from spanhouse.tracing.spans.model import Attributes, AttributeValue, Event, Resource, Span, SpanKind, StatusCode
from spanhouse.tracing.traces.adjust import Adjusted, adjusted, unadjusted
from spanhouse.tracing.traces.json_text import list_text, with_list
from spanhouse.tracing.traces.otlp import number_text
from spanhouse.tracing.traces.values import plain

Json = dict[str, Any]


def to_jaeger(spans: Sequence[Span], *, truncated: bool = False, raw: bool = False) -> Json:
    """One trace, as `adjust` shows it or, if `raw`, as it is stored."""
    made = _made(spans, raw)
    return {"spans": list(made.spans), **_about(made, truncated=truncated)}


def jaeger_text(spans: Sequence[Span], *, truncated: bool = False, raw: bool = False) -> str:
    """The same as JSON text, for as many spans as an answer holds."""
    made = _made(spans, raw)
    of_spans = list_text(made.spans)  # makes the processes
    return with_list(_about(made, truncated=truncated), "spans", of_spans)


@dataclass(frozen=True, slots=True)
class _Made:
    trace_id: str
    processes: _Processes
    spans: Iterator[Json]
    """Naming the processes as it goes."""


def _about(made: _Made, *, truncated: bool) -> Json:
    return {
        "traceID": made.trace_id,
        "processes": made.processes.by_name,
        "warnings": ["the trace has more spans than an answer holds"] if truncated else None,
    }


def _made(spans: Sequence[Span], raw: bool) -> _Made:
    processes = _Processes()
    shown = unadjusted(spans) if raw else adjusted(spans)
    each = (_span(one, processes) for one in shown)
    return _Made(spans[0].trace_id.hex(), processes, each)


def tag(key: str, value: AttributeValue) -> Json:
    match value:
        case bool():
            return {"key": key, "type": "bool", "value": value}
        case int():
            return {"key": key, "type": "int64", "value": value}
        case float():
            return {"key": key, "type": "float64", "value": value if math.isfinite(value) else number_text(value)}
        case str():
            return {"key": key, "type": "string", "value": value}
        case bytes():
            return {"key": key, "type": "binary", "value": base64.b64encode(value).decode()}
        case None:
            return {"key": key, "type": "string", "value": ""}
        case _:
            return {"key": key, "type": "string", "value": json.dumps(plain(value), ensure_ascii=False)}


def _span(shown: Adjusted, processes: _Processes) -> Json:
    span = shown.span
    return {
        "traceID": span.trace_id.hex(),
        "spanID": span.span_id.hex(),
        "flags": span.flags & 1,
        "operationName": span.name,
        "references": references(span),
        "startTime": span.start_time // 1000,
        "duration": span.duration // 1000,
        "tags": span_tags(span),
        "logs": [_log(event) for event in span.events],
        "processID": processes.name_of(span.service, span.resource),
        "warnings": list(shown.warnings) or None,
    }


def references(span: Span) -> list[Json]:
    found: list[Json] = []
    if span.parent_span_id:
        found.append({"refType": "CHILD_OF", "traceID": span.trace_id.hex(), "spanID": span.parent_span_id.hex()})
    for link in span.links:
        found.append({"refType": "FOLLOWS_FROM", "traceID": link.trace_id.hex(), "spanID": link.span_id.hex()})
    return found


def span_tags(span: Span) -> list[Json]:
    tags = [tag(key, value) for key, value in span.attributes.items()]
    derived: list[tuple[str, AttributeValue]] = []
    if span.kind in SpanKind.__members__.values() and span.kind != SpanKind.UNSPECIFIED:
        derived.append(("span.kind", SpanKind(span.kind).name.lower()))
    if span.status_code != StatusCode.UNSET:
        derived.append(("otel.status_code", "ERROR" if span.is_error else "OK"))
    if span.is_error:
        derived.append(("error", True))
    if span.status_message:
        derived.append(("otel.status_description", span.status_message))
    if span.scope.name:
        derived.append(("otel.scope.name", span.scope.name))
    if span.scope.version:
        derived.append(("otel.scope.version", span.scope.version))
    if span.trace_state:
        derived.append(("w3c.tracestate", span.trace_state))
    return tags + [tag(key, value) for key, value in derived if key not in span.attributes]


def log_fields(event: Event) -> list[Json]:
    named = [tag("event", event.name)] if event.name and "event" not in event.attributes else []
    return named + [tag(key, value) for key, value in event.attributes.items()]


def process_tags(attributes: Attributes) -> list[Json]:
    return [tag(key, value) for key, value in attributes.items() if key != "service.name"]


def _log(event: Event) -> Json:
    return {"timestamp": event.time // 1000, "fields": log_fields(event)}


class _Processes:
    """p1, p2, … by service and resource."""

    def __init__(self) -> None:
        self.by_name: dict[str, Json] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._known: dict[tuple[str, int], tuple[str, Resource]] = {}

    def name_of(self, service: str, resource: Resource) -> str:
        known = self._known.get((service, id(resource)))
        if known is None:
            known = self._known[service, id(resource)] = (self._find_or_add(service, resource), resource)
        return known[0]

    def _find_or_add(self, service: str, resource: Resource) -> str:
        tags = process_tags(resource.attributes)
        key = (service, json.dumps(tags))
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"p{len(self._names) + 1}"
            self.by_name[name] = {"serviceName": service, "tags": tags}
        return name
