"""A trace in Jaeger's JSON model: spans with typed tags, references and logs, processes held once. Times in µs."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spanhouse.tracing.spans.model import Attributes, AttributeValue, Event, Resource, Span, SpanKind, StatusCode
from spanhouse.tracing.traces.json_text import list_text, with_list
from spanhouse.tracing.traces.otlp import number_text
from spanhouse.tracing.traces.payload import notices_of
from spanhouse.tracing.traces.tree import NO_PARENT, NoticeKind, Tree, build
from spanhouse.tracing.traces.values import plain

Json = dict[str, Any]

_WARNINGS: Final[dict[NoticeKind, str]] = {
    "missing_parent": "the parent span is not in this trace",
    "cycle": "the span's parents lead back to itself; the link to its parent is cut here",
    "repeated_id": "several spans of this trace have this span's id; those after the first are given another",
    "implausible_time": "the span's start time is not plausible",
    "ends_early": "the span ends before it starts; its duration is shown as 0",
}


def to_jaeger(spans: Sequence[Span], *, truncated: bool = False) -> Json:
    """One trace. Reading it twice gives the same answer; nothing is moved in time."""
    made = _spans(spans)
    return {"spans": list(made.spans), **_about(made, truncated=truncated)}


def jaeger_text(spans: Sequence[Span], *, truncated: bool = False) -> str:
    """The same as JSON text, for as many spans as an answer holds."""
    made = _spans(spans)
    of_spans = list_text(made.spans)  # makes the processes
    return with_list(_about(made, truncated=truncated), "spans", of_spans)


@dataclass(frozen=True, slots=True)
class _Made:
    tree: Tree
    processes: _Processes
    spans: Iterator[Json]
    """Naming the processes as it goes."""


def _about(made: _Made, *, truncated: bool) -> Json:
    return {
        "traceID": made.tree.spans[0].trace_id.hex(),
        "processes": made.processes.by_name,
        "warnings": ["the trace has more spans than an answer holds"] if truncated else None,
    }


def _spans(spans: Sequence[Span]) -> _Made:
    tree = build(spans)
    processes = _Processes()
    ids = _distinct_ids(tree)
    warnings = _warnings(tree)
    cut = frozenset(row for notice in tree.notices if notice.kind == "cycle" for row in notice.rows)
    each = (_span(tree, row, ids, processes, cut, warnings.get(row)) for row in range(len(tree.spans)))
    return _Made(tree, processes, each)


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


def _span(
    tree: Tree, row: int, ids: Sequence[str], processes: _Processes, cut: frozenset[int], warnings: list[str] | None
) -> Json:
    span = tree.spans[row]
    return {
        "traceID": span.trace_id.hex(),
        "spanID": ids[row],
        "flags": span.flags & 1,
        "operationName": span.name,
        "references": _references(tree, row, ids, cut),
        "startTime": span.start_time // 1000,
        "duration": span.duration // 1000,
        "tags": _tags(span),
        "logs": [_log(event) for event in span.events],
        "processID": processes.name_of(span.service, span.resource),
        "warnings": warnings,
    }


def _references(tree: Tree, row: int, ids: Sequence[str], cut: frozenset[int]) -> list[Json]:
    span, parent = tree.spans[row], tree.parents[row]
    references: list[Json] = []
    if parent != NO_PARENT:
        references.append({"refType": "CHILD_OF", "traceID": span.trace_id.hex(), "spanID": ids[parent]})
    elif span.parent_span_id and row not in cut:
        references.append({"refType": "CHILD_OF", "traceID": span.trace_id.hex(), "spanID": span.parent_span_id.hex()})
    for link in span.links:
        if link.trace_id and link.span_id and (link.trace_id, link.span_id) != (span.trace_id, span.span_id):
            references.append({"refType": "FOLLOWS_FROM", "traceID": link.trace_id.hex(), "spanID": link.span_id.hex()})
    return references


def _tags(span: Span) -> list[Json]:
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


def _log(event: Event) -> Json:
    fields = [tag("event", event.name)] if event.name and "event" not in event.attributes else []
    return {
        "timestamp": event.time // 1000,
        "fields": fields + [tag(key, value) for key, value in event.attributes.items()],
    }


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
        tags = _process_tags(resource.attributes)
        key = (service, json.dumps(tags))
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"p{len(self._names) + 1}"
            self.by_name[name] = {"serviceName": service, "tags": tags}
        return name


def _process_tags(attributes: Attributes) -> list[Json]:
    return [tag(key, value) for key, value in attributes.items() if key != "service.name"]


def _distinct_ids(tree: Tree) -> list[str]:
    """Readers of this model need ids that are used once: later spans of one id get one made from it and their place."""
    seen: dict[bytes, int] = {}
    ids: list[str] = []
    for span in tree.spans:
        nth = seen[span.span_id] = seen.get(span.span_id, 0) + 1
        own = span.span_id.hex()
        ids.append(own if nth == 1 else hashlib.sha256(f"{own}/{nth}".encode()).hexdigest()[:16])
    return ids


def _warnings(tree: Tree) -> dict[int, list[str]]:
    warnings: dict[int, list[str]] = {}
    for notice in notices_of(tree):
        text = _WARNINGS.get(notice.kind)
        for row in notice.rows if text else ():
            warnings.setdefault(row, []).append(text or "")
    return warnings
