"""The plainest encoding of a body that the store's own reader would not take."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def mend(body: bytes) -> bytes | None:
    """The same spans without the fields OTLP does not know, each written once in canonical form; None if unreadable."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return None
    request.DiscardUnknownFields()
    return request.SerializeToString(deterministic=True)
