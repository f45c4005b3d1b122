"""OTLP bodies for tests, as protobuf and as JSON."""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

START_NS = 1_790_000_000 * 10**9
ID_NAMES = ("traceId", "spanId", "parentSpanId")


def json_span(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A good span; `fields` are put over it."""
    return {
        "traceId": f"{0xABC1:032x}",
        "spanId": f"{number:016x}",
        "name": f"span {number}",
        "kind": 2,
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 1_000_000),
        **fields,
    }


def json_body(*spans: dict[str, Any], resource: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    attributes = [string_attribute("service.name", "shop")] if resource is None else resource
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": list(spans)}]}]}


def string_attribute(name: str, value: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": value}}


def make_span(number: int = 1, **fields: Any) -> Span:
    given: dict[str, Any] = {
        "trace_id": (0xABC1).to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "name": f"span {number}",
        "kind": Span.SPAN_KIND_SERVER,
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + 1_000_000,
    }
    return Span(**{**given, **fields})


def make_request(*spans: Span, service: str | None = "shop") -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    add_service(request, service, *spans)
    return request


def add_service(request: ExportTraceServiceRequest, service: str | None, *spans: Span) -> None:
    resource_spans = request.resource_spans.add()
    if service is not None:
        resource_spans.resource.attributes.add(key="service.name").value.string_value = service
    resource_spans.scope_spans.add().spans.extend(spans)


def to_json(request: ExportTraceServiceRequest) -> dict[str, Any]:
    """OTLP/JSON of a request: proto3 JSON with ids in hex."""
    document: dict[str, Any] = json_format.MessageToDict(request)
    _ids_to_hex(document)
    return document


def _ids_to_hex(node: Any) -> None:
    if isinstance(node, dict):
        for name in ID_NAMES:
            if name in node:
                node[name] = base64.b64decode(node[name]).hex()
        for child in node.values():
            _ids_to_hex(child)
    elif isinstance(node, list):
        for child in node:
            _ids_to_hex(child)
