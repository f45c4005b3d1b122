"""One TracerProvider per service, as if each were a process of its own on its own host."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

_EXPORT_DELAY_MS = 1000
_WAITING_SPANS_MAX = 16_384  # the minute the shop opens with comes at once
_EXPORT_TIMEOUT_SECONDS = 10

Protocol = Literal["http/protobuf", "grpc"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`http` is a base URL without `/v1/traces`; `grpc` is `host:port`. Loopback needs no key."""

    http: str
    grpc: str
    key: str | None = None

    def exporter(self, protocol: Protocol) -> SpanExporter:
        headers = {"authorization": f"Bearer {self.key}"} if self.key else None
        if protocol == "grpc":
            return GrpcExporter(endpoint=self.grpc, insecure=True, headers=headers, timeout=_EXPORT_TIMEOUT_SECONDS)
        return HttpExporter(
            endpoint=f"{self.http.rstrip('/')}/v1/traces", headers=headers, timeout=_EXPORT_TIMEOUT_SECONDS
        )


def provider(exporter: SpanExporter, *, service: str, version: str, host: str, ids: IdGenerator) -> TracerProvider:
    """A provider that exports in batches about once a second."""
    resource = Resource.create(
        {
            "service.name": service,
            "service.namespace": "shop",
            "service.version": version,
            "service.instance.id": str(uuid.uuid4()),
            "host.name": host,
            "deployment.environment.name": "demo",
        }
    )
    made = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(exporter, _WAITING_SPANS_MAX, _EXPORT_DELAY_MS))
    return made
