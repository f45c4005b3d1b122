"""OTLP over gRPC, asked of the real listener."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanhouse.base.errors import StorageFull
from tests.kit.ingest import Receiver, grants, key, receiver
from tests.kit.otlp import make_request, make_span

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"


@pytest.fixture
def otlp(tmp_path: Path) -> Iterator[Receiver]:
    with receiver(tmp_path, grants(key("good"), key("reader", scope="query"))) as running:
        yield running


def export(
    otlp: Receiver,
    body: bytes,
    *,
    metadata: Sequence[tuple[str, str]] = (),
    compression: grpc.Compression | None = None,
    method: str = EXPORT,
) -> ExportTraceServiceResponse:
    with grpc.insecure_channel(otlp.grpc_target) as channel:
        reply = channel.unary_unary(method)(body, metadata=metadata, compression=compression, timeout=20)
        return ExportTraceServiceResponse.FromString(reply)


def refusal(otlp: Receiver, body: bytes, **how: object) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        export(otlp, body, **how)  # type: ignore[arg-type]
    return caught.value


def details(error: grpc.RpcError) -> Status:
    return Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_a_batch_is_journalled_as_it_came(otlp: Receiver, compression: grpc.Compression | None) -> None:
    body = make_request(make_span(1), make_span(2)).SerializeToString()

    response = export(otlp, body, compression=compression)

    assert not response.HasField("partial_success")
    assert [envelope.body for envelope in otlp.journal.envelopes] == [body]


def test_refused_spans_are_counted_and_the_rest_kept(otlp: Receiver) -> None:
    request = make_request(make_span(1), make_span(2, span_id=b"abc"), make_span(3, trace_id=bytes(16)))

    response = export(otlp, request.SerializeToString())

    assert response.partial_success.rejected_spans == 2
    assert "span id is not 8 bytes" in response.partial_success.error_message
    assert [span.name for span in otlp.journal.spans] == ["span 1"]


@pytest.mark.report("V11")
def test_garbage_is_invalid_argument(otlp: Receiver) -> None:
    error = refusal(otlp, b"\xff\xff")

    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert details(error).code == 3


@pytest.mark.report("V10")
@pytest.mark.parametrize(
    ("body", "compression"), [(bytes(5 * 2**20), None), (bytes(100 * 2**20), grpc.Compression.Gzip)]
)
def test_a_message_over_the_bound_is_resource_exhausted(
    otlp: Receiver, body: bytes, compression: grpc.Compression | None
) -> None:
    error = refusal(otlp, body, compression=compression)

    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(error.trailing_metadata())  # no RetryInfo: clients must drop it
    export(otlp, make_request(make_span()).SerializeToString())
    assert len(otlp.journal.spans) == 1


@pytest.mark.parametrize(
    "metadata", [("authorization", "Bearer good"), ("x-api-key", "good"), ("authentication", "good")]
)
def test_a_key_comes_in_metadata(otlp: Receiver, metadata: tuple[str, str]) -> None:
    otlp.grant(grants(key("good", instance="i-shop"), loopback=None))

    export(otlp, make_request(make_span()).SerializeToString(), metadata=[metadata])

    assert otlp.journal.envelopes[0].instance == "i-shop"


@pytest.mark.parametrize(
    ("secret", "code"),
    [("wrong", grpc.StatusCode.UNAUTHENTICATED), ("reader", grpc.StatusCode.PERMISSION_DENIED)],
)
def test_a_key_that_does_not_fit(otlp: Receiver, secret: str, code: grpc.StatusCode) -> None:
    error = refusal(otlp, make_request(make_span()).SerializeToString(), metadata=[("x-api-key", secret)])

    assert error.code() == code
    assert otlp.journal.envelopes == []


def test_a_proxied_call_without_a_key_is_unauthenticated(otlp: Receiver) -> None:
    error = refusal(otlp, b"", metadata=[("x-forwarded-for", "10.0.0.1")])

    assert error.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_full_journal_is_unavailable_with_retry_info(otlp: Receiver) -> None:
    otlp.journal.error = StorageFull("the journal is full", retry_after_seconds=7)

    error = refusal(otlp, make_request(make_span()).SerializeToString())

    retry = RetryInfo()
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert details(error).details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 7


def test_a_suspended_instance_is_denied_with_its_reason(tmp_path: Path) -> None:
    with receiver(tmp_path, grants(ingest=False, denial="suspended: unpaid since 1 November")) as otlp:
        error = refusal(otlp, make_request(make_span()).SerializeToString())

    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
    assert error.details() == "suspended: unpaid since 1 November"


@pytest.mark.parametrize("method", [LOGS, METRICS])
def test_other_signals_are_unimplemented(otlp: Receiver, method: str) -> None:
    error = refusal(otlp, b"", method=method)

    assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "traces only" in str(error.details())


@pytest.mark.parametrize("service", ["", "opentelemetry.proto.collector.trace.v1.TraceService"])
def test_the_health_service_says_serving(otlp: Receiver, service: str) -> None:
    with grpc.insecure_channel(otlp.grpc_target) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=10)

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
