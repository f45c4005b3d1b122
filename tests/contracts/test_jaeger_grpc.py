"""Jaeger's query APIs over gRPC, asked of the real listener over a store in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spanhouse.api import grpc_calls
from spanhouse.api.proto import jaeger_v2_pb2 as v2
from spanhouse.api.proto import jaeger_v3_pb2 as v3
from spanhouse.base.errors import Forbidden, QueryLimitReached, Unauthenticated, Unavailable
from spanhouse.tracing.ingest.admission import Caller
from spanhouse.tracing.plan.requests import StoredTrace
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.spans.model import Event, Link, Resource, SpanKind
from spanhouse.tracing.store.cancel import current
from spanhouse.tracing.traces.otlp import to_otlp
from tests.kit.peer_reader import PeerReader
from tests.kit.query_grpc import Query, query_listener
from tests.kit.spans import BASE, MS, make_span, span_id, trace_id

V2, V3 = "jaeger.api_v2.QueryService", "jaeger.api_v3.QueryService"
TRACE = f"{0xABC1:032x}"
START, END = Timestamp(seconds=BASE // 10**9 - 3_600), Timestamp(seconds=BASE // 10**9 + 3_600)
PAY = Resource({"service.name": "pay", "host": "h1"})

SPANS = [
    make_span(1, service="t", lasts=900, attributes={"http.url": "/"}, links=(Link(trace_id(7), span_id(8)),)),
    make_span(
        2, 1, service="pay", at=3, status_code=2, kind=SpanKind.CLIENT, resource=PAY, flags=0x101,
        attributes={"i": 2**63 - 1, "b": False, "f": 0.5, "y": b"\xff", "n": float("nan")},
        events=(Event(BASE + 1, "log", {"k": 1}),),
    ),
    make_span(3, trace=0xABC2, service="t", at=5_000),
    make_span(4, 9, trace=0xABC3, service="t", at=6_000),
]  # fmt: skip


@pytest.fixture
def reader() -> Iterator[PeerReader]:
    reader = PeerReader(SPANS)
    set_reader(reader)
    yield reader
    set_reader(None)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Caller]:
    """Who has called; all may read `local`."""
    callers: list[Caller] = []

    def scope(caller: Caller) -> Scope:
        callers.append(caller)
        return Scope("local")

    monkeypatch.setattr("spanhouse.api.grpc_calls.call_scope", scope)
    return callers


@pytest.fixture
def target(reader: PeerReader, seen: list[Caller]) -> Iterator[str]:
    with query_listener() as target:
        yield target


@pytest.fixture
def jaeger(target: str) -> Iterator[Query]:
    with grpc.insecure_channel(target) as channel:
        yield Query(channel, V3)


def query_v3(**fields: Any) -> v3.FindTracesRequest:
    query = v3.TraceQueryParameters(**{"start_time_min": START, "start_time_max": END, **fields})
    return v3.FindTracesRequest(query=query)


def query_v2(**fields: Any) -> v2.FindTracesRequest:
    query = v2.TraceQueryParameters(**{"start_time_min": START, "start_time_max": END, **fields})
    return v2.FindTracesRequest(query=query)


def found(jaeger: Query, **fields: Any) -> list[str]:
    request = v3.FindTraceSummariesRequest(query=query_v3(**fields).query)
    chunks = jaeger.several("FindTraceSummaries", request, v3.FindTraceSummariesResponse)
    return [summary.trace_id[-4:] for chunk in chunks for summary in chunk.summaries]


def refusal(jaeger: Query, method: str, request: Any, **how: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        jaeger.several(method, request, TracesData, **how)
    return caught.value.code(), caught.value.details()


# ── v3 ──


def test_v3_names(jaeger: Query) -> None:
    services = jaeger.one("GetServices", v3.GetServicesRequest(), v3.GetServicesResponse)
    operations = jaeger.one("GetOperations", v3.GetOperationsRequest(service="pay"), v3.GetOperationsResponse)
    none = jaeger.one(
        "GetOperations", v3.GetOperationsRequest(service="pay", span_kind="server"), v3.GetOperationsResponse
    )

    assert list(services.services) == ["pay", "t"]
    assert [(each.name, each.span_kind) for each in operations.operations] == [("n2", "client")]
    assert not none.operations


@pytest.mark.report("V16")
@pytest.mark.parametrize("written", ["abc1", "ABC1", TRACE])
def test_v3_a_trace_is_otlp(jaeger: Query, written: str) -> None:
    (data,) = jaeger.several("GetTrace", v3.GetTraceRequest(trace_id=written), TracesData)

    assert data == to_otlp(SPANS[:2])


def test_v3_traces_come_newest_first_each_in_messages_of_its_own(jaeger: Query) -> None:
    chunks = jaeger.several("FindTraces", query_v3(), TracesData)

    ids = [[s.trace_id[-2:].hex() for r in c.resource_spans for o in r.scope_spans for s in o.spans] for c in chunks]
    assert ids == [["abc3"], ["abc2"], ["abc1", "abc1"]]


def test_v3_a_summary_has_all_that_a_list_of_results_shows(jaeger: Query) -> None:
    request = v3.FindTraceSummariesRequest(query=query_v3().query)
    (chunk,) = jaeger.several("FindTraceSummaries", request, v3.FindTraceSummariesResponse)

    assert chunk.summaries[2] == v3.TraceSummary(
        trace_id=TRACE,
        root_service_name="t",
        root_operation_name="n1",
        min_start_time_unix_nano=BASE,
        max_end_time_unix_nano=BASE + 900 * MS,
        span_count=2,
        error_span_count=1,
        services=[
            v3.ServiceSummary(name="pay", span_count=1, error_span_count=1),
            v3.ServiceSummary(name="t", span_count=1),
        ],
    )
    assert chunk.summaries[0].orphan_span_count == 1


@pytest.mark.parametrize(
    ("fields", "traces"),
    [
        ({}, ["abc3", "abc2", "abc1"]),
        ({"search_depth": 1}, ["abc3"]),
        ({"search_depth": -1}, ["abc3", "abc2", "abc1"]),
        ({"service_name": "pay"}, ["abc1"]),
        ({"service_name": "t", "operation_name": "n3"}, ["abc2"]),
        ({"attributes": {"http.url": "/", "error": "false"}}, ["abc1"]),
        ({"attributes": {"error": "true"}}, ["abc1"]),
        ({"duration_min": Duration(nanos=500_000_000)}, ["abc1"]),
        ({"duration_max": Duration(nanos=500_000_000), "service_name": "t"}, ["abc3", "abc2"]),
        ({"duration_min": Duration(), "duration_max": Duration()}, ["abc3", "abc2", "abc1"]),
        ({"start_time_min": START, "start_time_max": START}, []),
        ({"start_time_min": Timestamp(seconds=-1), "start_time_max": END}, ["abc3", "abc2", "abc1"]),
    ],
)
def test_v3_each_field_is_a_condition(jaeger: Query, fields: Mapping[str, Any], traces: list[str]) -> None:
    assert found(jaeger, **fields) == traces


@pytest.mark.report("V25")
def test_v3_both_ends_of_the_window_count(jaeger: Query) -> None:
    at = Timestamp(seconds=(BASE + 5_000 * MS) // 10**9, nanos=(BASE + 5_000 * MS) % 10**9)

    assert found(jaeger, start_time_min=at, start_time_max=at) == ["abc2"]


def test_v3_dependencies(jaeger: Query) -> None:
    request = v3.GetDependenciesRequest(start_time=START, end_time=END)

    answer = jaeger.one("GetDependencies", request, v3.DependenciesResponse)

    assert list(answer.dependencies) == [v3.Dependency(parent="t", child="pay", call_count=1)]


@pytest.mark.parametrize(
    ("method", "request_", "said"),
    [
        ("FindTraces", v3.FindTracesRequest(), "start_time_min"),
        ("FindTraces", query_v3(start_time_min=END, start_time_max=START), "before"),
        ("FindTraces", query_v3(filter=b""), "filter"),
        ("FindTraces", query_v3(duration_min=Duration(seconds=2), duration_max=Duration(seconds=1)), "shorter"),
        ("GetOperations", v3.GetOperationsRequest(), "service"),
        ("GetOperations", v3.GetOperationsRequest(service="t", span_kind="x"), "span kind"),
        ("GetTrace", v3.GetTraceRequest(trace_id="xyz"), "trace id"),
        ("GetTrace", b"\xff\xff", "not the message"),
        ("GetDependencies", v3.GetDependenciesRequest(start_time=START), "end_time"),
    ],
)
def test_v3_what_makes_no_sense_is_an_invalid_argument(jaeger: Query, method: str, request_: Any, said: str) -> None:
    code, details = refusal(jaeger, method, request_)

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert said in details


@pytest.mark.parametrize("method", ["GetTrace", "Nothing"])
def test_what_is_not_there_is_said_by_its_code(jaeger: Query, method: str) -> None:
    code, _ = refusal(jaeger, method, v3.GetTraceRequest(trace_id="abc9"))

    assert code == {"GetTrace": grpc.StatusCode.NOT_FOUND, "Nothing": grpc.StatusCode.UNIMPLEMENTED}[method]


@pytest.mark.report("V15")
def test_v3_shared_ids_are_told_apart_unless_raw_traces_are_asked_for(jaeger: Query, reader: PeerReader) -> None:
    reader.spans = [make_span(1, kind=3), make_span(1, kind=2, at=1, service="pay")]

    (shown,) = jaeger.several("GetTrace", v3.GetTraceRequest(trace_id="abc1"), TracesData)
    (raw,) = jaeger.several("GetTrace", v3.GetTraceRequest(trace_id="abc1", raw_traces=True), TracesData)

    ids = {span.span_id for of in shown.resource_spans for scope in of.scope_spans for span in scope.spans}
    assert len(ids) == 2
    assert raw == to_otlp(reader.spans)


# ── v2, which Kiali calls ──


def test_v2_names(jaeger: Query) -> None:
    jaeger = jaeger.of(V2)

    services = jaeger.one("GetServices", v2.GetServicesRequest(), v2.GetServicesResponse)
    operations = jaeger.one("GetOperations", v2.GetOperationsRequest(service="t"), v2.GetOperationsResponse)

    assert list(services.services) == ["pay", "t"]
    assert list(operations.operationNames) == ["n1", "n3", "n4"]
    assert {each.span_kind for each in operations.operations} == {"server"}


@pytest.mark.parametrize("written", [trace_id(0xABC1), trace_id(0xABC1)[8:]])
def test_v2_a_trace_is_in_jaegers_model(jaeger: Query, written: bytes) -> None:
    (chunk,) = jaeger.of(V2).several("GetTrace", v2.GetTraceRequest(trace_id=written), v2.SpansResponseChunk)

    root, child = chunk.spans
    own = {"trace_id": trace_id(0xABC1)}
    assert (root.trace_id, root.span_id, root.operation_name) == (trace_id(0xABC1), span_id(1), "n1")
    assert root.duration == Duration(nanos=900 * MS)
    assert list(root.references) == [v2.SpanRef(trace_id=trace_id(7), span_id=span_id(8), ref_type=v2.FOLLOWS_FROM)]
    assert list(child.references) == [v2.SpanRef(**own, span_id=span_id(1), ref_type=v2.CHILD_OF)]
    assert child.start_time.ToNanoseconds() == BASE + 3 * MS
    assert child.flags == 1
    assert child.process == v2.Process(service_name="pay", tags=[v2.KeyValue(key="host", v_str="h1")])
    assert child.logs[0].timestamp.ToNanoseconds() == BASE + 1
    assert list(child.logs[0].fields) == [
        v2.KeyValue(key="event", v_str="log"),
        v2.KeyValue(key="k", v_type=v2.INT64, v_int64=1),
    ]
    tags = {tag.key: tag for tag in child.tags}
    assert tags["i"] == v2.KeyValue(key="i", v_type=v2.INT64, v_int64=2**63 - 1)
    assert tags["b"] == v2.KeyValue(key="b", v_type=v2.BOOL, v_bool=False)
    assert tags["f"] == v2.KeyValue(key="f", v_type=v2.FLOAT64, v_float64=0.5)
    assert tags["y"] == v2.KeyValue(key="y", v_type=v2.BINARY, v_binary=b"\xff")
    assert tags["n"].v_float64 != tags["n"].v_float64
    assert tags["error"] == v2.KeyValue(key="error", v_type=v2.BOOL, v_bool=True)
    assert tags["span.kind"].v_str == "client"


def test_v2_kialis_search_finds_spans_by_service_tags_and_duration(jaeger: Query) -> None:
    asked = query_v2(service_name="t", tags={"http.url": "/"}, duration_min=Duration(), search_depth=10)

    chunks = jaeger.of(V2).several("FindTraces", asked, v2.SpansResponseChunk)
    none = jaeger.of(V2).several("FindTraces", query_v2(service_name="t", tags={"cluster": "K"}), v2.SpansResponseChunk)

    assert [[span.operation_name for span in chunk.spans] for chunk in chunks] == [["n1", "n2"]]
    assert none == []


@pytest.mark.parametrize("written", [b"", bytes(16), b"x" * 17])
def test_v2_an_id_that_is_none_is_an_invalid_argument(jaeger: Query, written: bytes) -> None:
    code, _ = refusal(jaeger.of(V2), "GetTrace", v2.GetTraceRequest(trace_id=written))

    assert code == grpc.StatusCode.INVALID_ARGUMENT


def test_v2_dependencies(jaeger: Query) -> None:
    request = v2.GetDependenciesRequest(start_time=START, end_time=END)

    answer = jaeger.of(V2).one("GetDependencies", request, v2.GetDependenciesResponse)

    assert list(answer.dependencies) == [v2.DependencyLink(parent="t", child="pay", call_count=1)]


def test_v2_warnings_come_with_their_spans(jaeger: Query, reader: PeerReader) -> None:
    reader.spans = [make_span(1, 9)]

    (chunk,) = jaeger.of(V2).several("GetTrace", v2.GetTraceRequest(trace_id=trace_id(0xABC1)), v2.SpansResponseChunk)

    assert list(chunk.spans[0].warnings) == ["the parent span is not in this trace"]


# ── size, time, errors ──


@pytest.mark.parametrize("service", [V2, V3])
def test_large_traces_come_in_messages_that_any_client_takes(jaeger: Query, reader: PeerReader, service: str) -> None:
    text = "x" * 3_000
    reader.spans = [make_span(n, 1 if n > 1 else 0, at=n, attributes={"t": text}) for n in range(1, 2_502)]
    request: Any = v3.GetTraceRequest(trace_id="abc1")
    answer: Any = TracesData
    if service == V2:
        request, answer = v2.GetTraceRequest(trace_id=trace_id(0xABC1)), v2.SpansResponseChunk

    chunks = jaeger.of(service).several("GetTrace", request, answer)

    spans = [
        span.span_id
        for chunk in chunks
        for span in (chunk.spans if service == V2 else chunk.resource_spans[0].scope_spans[0].spans)
    ]
    assert max(chunk.ByteSize() for chunk in chunks) <= grpc_calls.MESSAGE_BYTES_MAX
    assert spans == [span_id(n) for n in range(1, 2_502)]


def test_a_request_that_is_too_large_is_refused(jaeger: Query) -> None:
    code, _ = refusal(jaeger, "GetTrace", v3.GetTraceRequest(trace_id="a" * 100_000))

    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (QueryLimitReached("the query took too long"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Unavailable("starting"), grpc.StatusCode.UNAVAILABLE),
        (ZeroDivisionError("secret"), grpc.StatusCode.INTERNAL),
    ],
)
def test_what_goes_wrong_while_reading_is_said_by_its_code(
    jaeger: Query, reader: PeerReader, monkeypatch: pytest.MonkeyPatch, error: Exception, code: grpc.StatusCode
) -> None:
    def fails(*arguments: object) -> StoredTrace:
        raise error

    monkeypatch.setattr(reader, "trace", fails)

    found_code, details = refusal(jaeger, "GetTrace", v3.GetTraceRequest(trace_id="abc1"))

    assert found_code == code
    assert "secret" not in details


def test_a_store_that_is_not_open_yet_is_unavailable(jaeger: Query) -> None:
    set_reader(None)

    assert refusal(jaeger, "FindTraces", query_v3())[0] == grpc.StatusCode.UNAVAILABLE


def test_a_deadline_bounds_the_question_to_the_store(jaeger: Query, reader: PeerReader) -> None:
    scopes: list[Scope] = []
    reader.trace = lambda scope, of, limit: scopes.append(scope) or PeerReader.trace(reader, scope, of, limit)  # type: ignore

    jaeger.several("GetTrace", v3.GetTraceRequest(trace_id="abc1"), TracesData, timeout=3)
    jaeger.several("GetTrace", v3.GetTraceRequest(trace_id="abc1"), TracesData, timeout=None)

    assert scopes[0].limits.seconds <= 3
    assert scopes[1].limits.seconds == Scope("local").limits.seconds


def test_a_call_that_is_cancelled_is_not_answered_to_its_end(jaeger: Query, reader: PeerReader) -> None:
    reader.spans = [make_span(1, trace=number, at=number) for number in range(1, 500)]
    reads, go = [], threading.Event()

    def slowly(scope: Scope, ids: Any, limit: int) -> Any:
        reads.append(len(ids))
        go.wait(20)
        return PeerReader.traces(reader, scope, ids, limit)

    reader.traces = slowly  # type: ignore[method-assign]
    stream = jaeger.started("FindTraces", query_v3(search_depth=500))
    while not reads:
        assert stream.is_active()
    stream.cancel()
    go.set()

    assert found(jaeger, search_depth=1) == [trace_id(499).hex()[-4:]]
    assert sum(reads) < 499


@pytest.mark.parametrize("how", ["cancelled", "too late"])
def test_whoever_gave_up_ends_what_runs_in_the_store(jaeger: Query, reader: PeerReader, how: str) -> None:
    running, killed = threading.Event(), threading.Event()

    def runs_long(scope: Scope, of: bytes, limit: int) -> StoredTrace:
        cancellation = current()
        assert cancellation is not None
        with cancellation.running(killed.set):
            running.set()
            killed.wait(20)
        return StoredTrace(())

    reader.trace = runs_long  # type: ignore[method-assign]
    stream = jaeger.started("GetTrace", v3.GetTraceRequest(trace_id="abc1"), timeout=20 if how == "cancelled" else 0.5)
    assert running.wait(20)

    if how == "cancelled":
        stream.cancel()

    assert killed.wait(10)


def test_what_a_limit_left_out_is_told_at_the_end(jaeger: Query, reader: PeerReader) -> None:
    reader.warnings = ("older traces were not looked at",)
    stream = jaeger.started("FindTraces", query_v3(search_depth=5_000))
    assert len(list(stream)) == 3

    notice = dict(stream.trailing_metadata())[grpc_calls.NOTICE]

    assert "older traces were not looked at" in notice
    assert "at most 1000 traces" in notice


# ── who asks ──


def test_metadata_says_who_asks(jaeger: Query, seen: list[Caller]) -> None:
    metadata = (("authorization", "Bearer s"), ("x-scope-orgid", "i-1"), ("x-forwarded-for", "10.0.0.1"))

    jaeger.one("GetServices", v3.GetServicesRequest(), v3.GetServicesResponse, metadata=metadata)

    (caller,) = seen
    assert {name: caller.header(name) for name, _ in metadata} == dict(metadata)
    assert caller.peer == "127.0.0.1"
    assert caller.host is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unauthenticated("who are you"), grpc.StatusCode.UNAUTHENTICATED),
        (Forbidden("not yours"), grpc.StatusCode.PERMISSION_DENIED),
    ],
)
@pytest.mark.parametrize("service", [V2, V3])
@pytest.mark.parametrize("method", ["GetTrace", "FindTraces", "GetServices", "GetOperations", "GetDependencies"])
def test_nothing_is_told_to_who_may_not_read(
    jaeger: Query, monkeypatch: pytest.MonkeyPatch, error: Exception, code: Any, service: str, method: str
) -> None:
    def nobody(caller: Caller) -> Scope:
        raise error

    monkeypatch.setattr("spanhouse.api.grpc_calls.call_scope", nobody)

    assert refusal(jaeger.of(service), method, b"") == (code, str(error))


@pytest.mark.parametrize("service", ["", V2, V3])
def test_the_health_service_says_serving(target: str, service: str) -> None:
    with grpc.insecure_channel(target) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=10)

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
