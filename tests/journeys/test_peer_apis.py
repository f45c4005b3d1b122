"""From OTLP to the clients of other tracers, through real processes: gRPC, Jaeger's v3, its monitor, Zipkin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spanhouse.api.proto import jaeger_v2_pb2 as v2
from spanhouse.api.proto import jaeger_v3_pb2 as v3
from spanhouse.tracing.spans.model import Resource, Span, SpanKind
from spanhouse.tracing.traces.otlp import to_json, to_otlp
from tests.kit.query_grpc import Query
from tests.kit.server import RunningServer, wait_until
from tests.kit.spans import MS, make_span, trace_id

STARTED = time.time_ns() - 60_000 * MS
V2, V3 = "jaeger.api_v2.QueryService", "jaeger.api_v3.QueryService"
WHEN = {
    "start_time_min": Timestamp(seconds=STARTED // 10**9 - 3_600),
    "start_time_max": Timestamp(seconds=STARTED // 10**9 + 3_600),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("peers") / "data") as server:
        yield server


@pytest.fixture
def jaeger(server: RunningServer) -> Iterator[Query]:
    with grpc.insecure_channel(server.jaeger_query) as channel:
        yield Query(channel, V3)


def span(number: int, parent: int = 0, **fields: Any) -> Span:
    service = fields.pop("service", "shop")
    at = STARTED + fields.pop("at", 0) * MS
    return make_span(
        number, parent, service=service, resource=Resource({"service.name": service}), start_time=at, **fields
    )


def send(server: RunningServer, *spans: Span) -> None:
    answer = httpx.post(f"{server.otlp_http}/v1/traces", json=to_json(spans), timeout=30)
    assert answer.status_code == 200, answer.text
    last = spans[-1].trace_id.hex()
    wait_until(lambda: ask(server, f"/jaeger/api/traces/{last}").status_code == 200)


def ask(server: RunningServer, path: str, **asked: Any) -> httpx.Response:
    return httpx.get(f"{server.console}{path}", params=asked, timeout=60)


@pytest.fixture(scope="module")
def call(server: RunningServer) -> list[Span]:
    """A call from shop to pay, stored."""
    spans = [
        span(1, trace=0xF00D, lasts=900, name="checkout"),
        span(2, 1, trace=0xF00D, at=1, name="call", kind=SpanKind.CLIENT, attributes={"peer.service": "pay"}),
        span(3, 2, trace=0xF00D, at=2, name="charge", service="pay", status_code=2, status_message="no money"),
    ]
    send(server, *spans)
    return spans


def test_the_listener_is_announced_and_healthy(server: RunningServer) -> None:
    assert server.facts["jaeger_query"] == f"http://{server.jaeger_query}"
    with grpc.insecure_channel(server.jaeger_query) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=V3), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_trace_is_found_and_read_over_grpc(jaeger: Query, call: list[Span]) -> None:
    query = v3.TraceQueryParameters(service_name="pay", attributes={"error": "true"}, **WHEN)

    services = jaeger.one("GetServices", v3.GetServicesRequest(), v3.GetServicesResponse)
    (found,) = jaeger.several("FindTraces", v3.FindTracesRequest(query=query), TracesData)
    (summaries,) = jaeger.several(
        "FindTraceSummaries", v3.FindTraceSummariesRequest(query=query), v3.FindTraceSummariesResponse
    )
    (read,) = jaeger.several("GetTrace", v3.GetTraceRequest(trace_id="f00d", raw_traces=True), TracesData)

    assert {"pay", "shop"} <= set(services.services)
    assert found == read == to_otlp(call)
    (summary,) = summaries.summaries
    assert (summary.root_operation_name, summary.span_count, summary.orphan_span_count) == ("checkout", 3, 0)


def test_kiali_reads_the_same_trace_in_jaegers_model(jaeger: Query, call: list[Span]) -> None:
    query = v2.TraceQueryParameters(service_name="shop", search_depth=10, **WHEN)

    (found,) = jaeger.of(V2).several("FindTraces", v2.FindTracesRequest(query=query), v2.SpansResponseChunk)
    (read,) = jaeger.of(V2).several("GetTrace", v2.GetTraceRequest(trace_id=trace_id(0xF00D)), v2.SpansResponseChunk)

    assert found == read
    assert [each.process.service_name for each in read.spans] == ["shop", "shop", "pay"]


def code_of(jaeger: Query, **metadata: str) -> grpc.StatusCode | None:
    try:
        jaeger.one("GetServices", b"", v3.GetServicesResponse, metadata=tuple(metadata.items()))
    except grpc.RpcError as error:
        return error.code()  # type: ignore[no-any-return]
    return None


def test_a_call_needs_a_right_as_a_request_does(server: RunningServer, jaeger: Query) -> None:
    token = server.cli_json("key", "create", "reader", "--scope", "query")["secret"]
    ingest = server.cli_json("key", "create", "sender")["secret"]
    forwarded = {"x-forwarded-for": "203.0.113.9"}

    assert code_of(jaeger) is None
    assert code_of(jaeger, **forwarded) == grpc.StatusCode.UNAUTHENTICATED
    assert code_of(jaeger, **forwarded, authorization=f"Bearer {token}") is None
    assert code_of(jaeger, **forwarded, **{"x-api-key": token}) is None
    assert code_of(jaeger, **{"x-api-key": "shq_wrong"}) == grpc.StatusCode.UNAUTHENTICATED
    assert code_of(jaeger, **{"x-api-key": ingest}) == grpc.StatusCode.PERMISSION_DENIED
    assert code_of(jaeger, **{"x-scope-orgid": "another"}) == grpc.StatusCode.PERMISSION_DENIED
    assert code_of(jaeger, **{"x-scope-orgid": "a/b"}) == grpc.StatusCode.INVALID_ARGUMENT


def test_jaegers_ui_searches_by_summaries(server: RunningServer, call: list[Span]) -> None:
    window = {"query.startTimeMin": "2020-01-01T00:00:00Z", "query.startTimeMax": "2100-01-01T00:00:00Z"}
    (found,) = ask(server, "/jaeger/api/v3/trace-summaries", **{"query.serviceName": "shop"}, **window).json()[
        "summaries"
    ]

    assert found["traceId"] == f"{0xF00D:032x}"
    assert found["services"] == [
        {"name": "pay", "spanCount": 1, "errorSpanCount": 1},
        {"name": "shop", "spanCount": 2, "errorSpanCount": 0},
    ]


def test_jaegers_monitor_shows_calls_and_failures(server: RunningServer, call: list[Span]) -> None:
    asked = {"service": "pay", "lookback": 600_000, "step": 60_000, "ratePer": 600_000}

    errors = ask(server, "/jaeger/api/metrics/errors", **asked).json()
    latencies = ask(server, "/jaeger/api/metrics/latencies", **asked, quantile=0.75).json()

    assert _latest_value(errors) == 1.0
    assert _latest_value(latencies) == pytest.approx(10, rel=0.01)


def _latest_value(answer: dict[str, Any]) -> float:
    """Of the last step that has calls: a new minute may have begun since them."""
    values = [point["gaugeValue"]["doubleValue"] for point in answer["metrics"][0]["metricPoints"]]
    return [value for value in values if value != "NaN"][-1]


@pytest.mark.report("V26")
def test_zipkins_clients_find_a_trace_by_what_its_spans_have_together(server: RunningServer, call: list[Span]) -> None:
    (found,) = ask(
        server, "/zipkin/api/v2/traces", serviceName="shop", spanName="checkout", remoteServiceName="pay"
    ).json()
    read = ask(server, "/zipkin/api/v2/trace/f00d").json()

    assert found == read
    assert [each["name"] for each in read] == ["checkout", "call", "charge"]
    assert ask(server, "/zipkin/api/v2/remoteServices", serviceName="shop").json() == ["pay"]


@pytest.fixture(scope="module")
def calls_of_all_kinds(server: RunningServer, call: list[Span]) -> None:
    """Besides the call: one of a service to itself, work within a service, a database that traces itself."""
    send(
        server,
        span(1, trace=0xF001, service="loop", kind=SpanKind.CLIENT),
        span(2, 1, trace=0xF001, service="loop"),
        span(1, trace=0xF002, service="alone"),
        span(2, 1, trace=0xF002, service="alone", kind=SpanKind.INTERNAL),
        span(1, trace=0xF003, service="store", kind=SpanKind.CLIENT, attributes={"db.system.name": "mysql"}),
        span(2, 1, trace=0xF003, service="mysql"),
    )


@pytest.mark.report("V36")
def test_one_call_is_one_call_on_every_map(server: RunningServer, jaeger: Query, calls_of_all_kinds: None) -> None:
    expected = [("loop", "loop", 1), ("shop", "pay", 1), ("store", "mysql", 1)]
    ends = {"endTs": str(time.time_ns() // MS), "lookback": "3600000"}
    asked = v3.GetDependenciesRequest(start_time=WHEN["start_time_min"], end_time=WHEN["start_time_max"])

    def links(path: str) -> list[tuple[str, str, int]]:
        answer = ask(server, path, **ends).json()
        found = answer if isinstance(answer, list) else answer["data"]
        return [(link["parent"], link["child"], link["callCount"]) for link in found]

    wait_until(lambda: len(links("/jaeger/api/dependencies")) >= len(expected), 30)

    of_grpc = jaeger.one("GetDependencies", asked, v3.DependenciesResponse).dependencies
    assert links("/jaeger/api/dependencies") == expected
    assert links("/zipkin/api/v2/dependencies") == expected
    assert [(link.parent, link.child, link.call_count) for link in of_grpc] == expected


@pytest.mark.parametrize("path", ["/zipkin/api/v2/services", "/jaeger/api/v3/services", "/jaeger/api/metrics/minstep"])
def test_through_a_proxy_nothing_is_read_without_a_token(server: RunningServer, path: str) -> None:
    answer = httpx.get(f"{server.console}{path}", headers={"X-Forwarded-For": "203.0.113.9"}, timeout=30)

    assert answer.status_code == 401


def test_a_port_of_0_turns_the_listener_off(tmp_path: Any) -> None:
    with RunningServer(tmp_path / "data", jaeger_query_port=0) as server:
        assert "jaeger_query" not in server.facts
        assert ask(server, "/jaeger/api/v3/services").json() == {"services": []}
