"""The OpenTelemetry Python SDK against a running service: everything it sends comes back, field by field."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import grpc
import pytest
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from tests.kit.server import RunningServer
from tests.sdk.readback import FlatSpan, from_python, stored, typed

Make = Callable[[RunningServer], SpanExporter]

EXPORTERS: dict[str, Make] = {
    "http": lambda s: HttpExporter(f"{s.otlp_http}/v1/traces", compression=Compression.NoCompression),
    "http-gzip": lambda s: HttpExporter(f"{s.otlp_http}/v1/traces", compression=Compression.Gzip),
    "http-deflate": lambda s: HttpExporter(f"{s.otlp_http}/v1/traces", compression=Compression.Deflate),
    "grpc": lambda s: GrpcExporter(s.otlp_grpc, insecure=True, compression=grpc.Compression.NoCompression),
    "grpc-gzip": lambda s: GrpcExporter(s.otlp_grpc, insecure=True, compression=grpc.Compression.Gzip),
}
EVERY_TYPE = {
    "text": "gr\u00fc\u00dfe \u4f60\u597d \U0001f44b",
    "text.empty": "",
    "yes": True,
    "no": False,
    "int.zero": 0,
    "int.max": 2**63 - 1,
    "int.min": -(2**63),
    "float": 0.1,
    "float.whole": 2.0,
    "bytes": b"\x00\xff\x7f",
    "texts": ["a", "", "\u00e9"],
    "bools": [True, False],
    "ints": [1, -2, 3],
    "floats": [1.5, -0.25],
    "nothing.in.it": [],
    "map": {"inner": {"deep": [1, "two", 3.5]}, "flag": False},
}


@pytest.fixture(params=EXPORTERS)
def exporter(request: pytest.FixtureRequest, server: RunningServer) -> SpanExporter:
    return EXPORTERS[request.param](server)


def send(exporter: SpanExporter, work: Callable[[Tracer], None], limits: SpanLimits | None = None) -> list[FlatSpan]:
    """Do `work` with a tracer of the real SDK, export all of it, and say what was sent."""
    kept = InMemorySpanExporter()
    resource = Resource.create({"service.name": "sdk-python", "shop.tags": ["x", "y"]}, "https://example.com/schema/1")
    provider = TracerProvider(resource=resource, span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    work(provider.get_tracer("tests.sdk", "1.2.3", "https://example.com/schema/2", {"scope.colour": "blue"}))
    assert provider.force_flush(20_000)
    provider.shutdown()
    return [from_python(span) for span in kept.get_finished_spans()]


def assert_comes_back(server: RunningServer, sent: list[FlatSpan]) -> None:
    found = stored(server, sent[0].trace_id, len(sent))
    for span in sent:
        assert found[span.span_id] == span
        assert typed(found[span.span_id].attributes) == typed(span.attributes)
        assert [typed(e.attributes) for e in found[span.span_id].events] == [typed(e.attributes) for e in span.events]


def test_a_trace_of_every_kind_comes_back(server: RunningServer, exporter: SpanExporter) -> None:
    def work(tracer: Tracer) -> None:
        with tracer.start_as_current_span("root", Context(), kind=SpanKind.SERVER):
            for kind in SpanKind:
                with tracer.start_as_current_span(f"a {kind.name}", kind=kind):
                    pass

    assert_comes_back(server, send(exporter, work))


def test_attributes_of_every_type_come_back(server: RunningServer, exporter: SpanExporter) -> None:
    def work(tracer: Tracer) -> None:
        span = tracer.start_span("typed", Context(), attributes=EVERY_TYPE)
        span.add_event("typed", EVERY_TYPE)
        span.end()

    sent = send(exporter, work)

    assert set(sent[0].attributes) == set(EVERY_TYPE)
    assert_comes_back(server, sent)


def test_an_exception_and_its_status_come_back(server: RunningServer, exporter: SpanExporter) -> None:
    def work(tracer: Tracer) -> None:
        with pytest.raises(ZeroDivisionError), tracer.start_as_current_span("divide", Context()):
            print(1 / 0)

    sent = send(exporter, work)

    assert sent[0].events[0].attributes["exception.type"] == "ZeroDivisionError"
    assert sent[0].status == (2, "ZeroDivisionError: division by zero")
    assert_comes_back(server, sent)


def test_links_and_trace_state_come_back(server: RunningServer, exporter: SpanExporter) -> None:
    other = SpanContext(0xABC, 0xDEF, True, TraceFlags(1), TraceState([("vendor", "t61rc")]))

    def work(tracer: Tracer) -> None:
        caller = SpanContext(random.getrandbits(128), 0x123, True, TraceFlags(1), TraceState([("vendor", "00f067")]))
        under = set_span_in_context(NonRecordingSpan(caller), Context())
        tracer.start_span("linked", under, links=[Link(other, {"why": "follows"}), Link(other)]).end()

    sent = send(exporter, work)

    assert sent[0].trace_state == "vendor=00f067"
    assert sent[0].parent_span_id == "0000000000000123"
    assert_comes_back(server, sent)


def test_an_ok_status_and_explicit_times_come_back(server: RunningServer, exporter: SpanExporter) -> None:
    def work(tracer: Tracer) -> None:
        span = tracer.start_span("timed", Context(), start_time=1_790_000_000_123_456_789)
        span.add_event("tick", {"n": 1}, timestamp=1_790_000_000_123_456_790)
        span.set_status(Status(StatusCode.OK))
        span.end(1_790_000_000_999_999_999)

    assert_comes_back(server, send(exporter, work))


def test_counts_of_what_the_sdk_dropped_come_back(server: RunningServer, exporter: SpanExporter) -> None:
    def work(tracer: Tracer) -> None:
        span = tracer.start_span("cut", Context(), attributes={f"k{n}": n for n in range(9)})
        for n in range(5):
            span.add_event(f"event {n}")
        span.end()

    sent = send(exporter, work, SpanLimits(max_span_attributes=4, max_events=2))

    assert (sent[0].dropped_attributes, sent[0].dropped_events) == (5, 3)
    assert_comes_back(server, sent)


def test_a_batch_of_a_thousand_spans_comes_back(server: RunningServer, exporter: SpanExporter) -> None:
    def work(tracer: Tracer) -> None:
        with tracer.start_as_current_span("root", Context()):
            for number in range(999):
                tracer.start_span("leaf", attributes={"number": number}).end()

    assert_comes_back(server, send(exporter, work))


def test_a_difference_would_be_seen() -> None:
    span = FlatSpan("", "", "", "", "a", 1, 1, 2, (0, ""), {"n": 1}, 0, [], 0, [], {}, "", ("", "", {}, ""))

    assert span != replace(span, end=3)
    assert typed({"n": 1}) != typed({"n": 1.0}) != typed({"n": True})
