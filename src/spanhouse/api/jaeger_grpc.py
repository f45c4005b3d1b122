"""Jaeger's query APIs over gRPC: v3 in OTLP, v2 in Jaeger's own model, which Kiali calls.

Unset fields ask nothing. Traces are sent in chunks, each of spans of one trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spanhouse.api import jaeger_proto
from spanhouse.api.grpc_calls import MESSAGE_BYTES_MAX, Call, Calls, Method
from spanhouse.api.proto import jaeger_v2_pb2 as v2
from spanhouse.api.proto import jaeger_v3_pb2 as v3
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.requests import Edge, SearchAnswer, StoredTrace
from spanhouse.tracing.plan.scope import ALL_TIME, TimeRange
from spanhouse.tracing.search import find
from spanhouse.tracing.search import jaeger as asking
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.search.whole import whole_traces
from spanhouse.tracing.spans.model import TRACE_ID_BYTES
from spanhouse.tracing.traces.adjust import adjusted, shown_spans, unadjusted
from spanhouse.tracing.traces.otlp import to_otlp

V2: Final = "jaeger.api_v2.QueryService"
V3: Final = "jaeger.api_v3.QueryService"
SPANS_AT_ONCE: Final = 1_000
"""A chunk has at most so many spans, and is halved where they are too large for one message."""
SUMMARIES_AT_ONCE: Final = 100

Item = TypeVar("Item")


def add(server: grpc.aio.Server, calls: Calls) -> Sequence[str]:
    """Add both services; returns their names."""
    server.add_generic_rpc_handlers((calls.handlers(V2, V2_METHODS), calls.handlers(V3, V3_METHODS)))
    return V2, V3


# ── v3 ──


def _services_v3(call: Call, request: v3.GetServicesRequest) -> Message:
    return v3.GetServicesResponse(services=reader().service_names(call.scope, ALL_TIME))


def _operations_v3(call: Call, request: v3.GetOperationsRequest) -> Message:
    found = asking.operations(call.scope, request.service, request.span_kind)
    return v3.GetOperationsResponse(operations=[v3.Operation(name=each.name, span_kind=each.kind) for each in found])


def _dependencies_v3(call: Call, request: v3.GetDependenciesRequest) -> Message:
    links = [
        v3.Dependency(parent=edge.parent, child=edge.child, call_count=edge.calls) for edge in _edges(call, request)
    ]
    return v3.DependenciesResponse(dependencies=links)


def _trace_v3(call: Call, request: v3.GetTraceRequest) -> Iterator[Message]:
    found = find.trace(call.scope, find.parse_trace_id(request.trace_id))
    yield from _traces_v3(call, [found], raw=request.raw_traces)


def _find_v3(call: Call, request: v3.FindTracesRequest) -> Iterator[Message]:
    answer = _search_v3(call, request.query)
    found = whole_traces(call.scope, (each.summary for each in answer.traces))
    yield from _traces_v3(call, found, raw=request.query.raw_traces)


def _summaries_v3(call: Call, request: v3.FindTraceSummariesRequest) -> Iterator[Message]:
    answer = _search_v3(call, request.query)
    orphans = asking.orphans(call.scope, (each.summary for each in answer.traces))
    summaries = [jaeger_proto.summary(each.summary, orphans.get(each.summary.trace_id, 0)) for each in answer.traces]
    for some in _parts(summaries, SUMMARIES_AT_ONCE):
        yield v3.FindTraceSummariesResponse(summaries=some)


def _search_v3(call: Call, query: v3.TraceQueryParameters) -> SearchAnswer:
    if query.HasField("filter"):
        raise Malformed("filter is not offered here; ask by the other fields")
    return _search(call, query, query.attributes)


def _traces_v3(call: Call, found: Iterable[StoredTrace], *, raw: bool) -> Iterator[TracesData]:
    for trace in found:
        _note(call, trace)
        yield from _chunks(list(shown_spans(trace.spans, raw=raw)), to_otlp)


# ── v2 ──


def _services_v2(call: Call, request: v2.GetServicesRequest) -> Message:
    return v2.GetServicesResponse(services=reader().service_names(call.scope, ALL_TIME))


def _operations_v2(call: Call, request: v2.GetOperationsRequest) -> Message:
    found = asking.operations(call.scope, request.service, request.span_kind)
    return v2.GetOperationsResponse(
        operationNames=sorted({each.name for each in found}),
        operations=[v2.Operation(name=each.name, span_kind=each.kind) for each in found],
    )


def _dependencies_v2(call: Call, request: v2.GetDependenciesRequest) -> Message:
    links = [
        v2.DependencyLink(parent=edge.parent, child=edge.child, call_count=edge.calls) for edge in _edges(call, request)
    ]
    return v2.GetDependenciesResponse(dependencies=links)


def _trace_v2(call: Call, request: v2.GetTraceRequest) -> Iterator[Message]:
    trace_id = request.trace_id.rjust(TRACE_ID_BYTES, b"\0")
    if len(trace_id) != TRACE_ID_BYTES or not any(trace_id):
        raise Malformed("a trace id is 16 or 8 bytes that are not all zero")
    yield from _traces_v2(call, [find.trace(call.scope, trace_id)], raw=request.raw_traces)


def _find_v2(call: Call, request: v2.FindTracesRequest) -> Iterator[Message]:
    answer = _search(call, request.query, request.query.tags)
    found = whole_traces(call.scope, (each.summary for each in answer.traces))
    yield from _traces_v2(call, found, raw=request.query.raw_traces)


def _traces_v2(call: Call, found: Iterable[StoredTrace], *, raw: bool) -> Iterator[Message]:
    for trace in found:
        _note(call, trace)
        shown = [jaeger_proto.span(each) for each in (unadjusted if raw else adjusted)(trace.spans)]
        yield from _chunks(shown, lambda spans: v2.SpansResponseChunk(spans=spans))


# ── both ──


def _search(call: Call, query: Any, tags: Any) -> SearchAnswer:
    """Of either version's TraceQueryParameters."""
    asked = asking.JaegerQuery(
        range=_range(query, "start_time_min", "start_time_max"),
        service=query.service_name,
        operation=query.operation_name,
        tags=sorted(tags.items()),
        duration_min=_duration(query, "duration_min"),
        duration_max=_duration(query, "duration_max") or None,  # clients send the zero value for none
        limit=query.search_depth if query.search_depth > 0 else asking.LIMIT_DEFAULT,
    )
    answer = asking.search(call.scope, asked)
    call.notices.extend(answer.warnings)
    return answer


def _edges(call: Call, request: Any) -> Sequence[Edge]:
    return reader().edges(call.scope, _range(request, "start_time", "end_time"))


def _range(request: Any, first: str, last: str) -> TimeRange:
    """Both ends must be given, and both count."""
    if not (request.HasField(first) and request.HasField(last)):
        raise Malformed(f"{first} and {last} must be given")
    start, end = _nanos(getattr(request, first)), _nanos(getattr(request, last))
    if end < start:
        raise Malformed(f"{last} lies before {first}")
    return TimeRange(start, end)


def _duration(query: Any, name: str) -> int | None:
    return _nanos(getattr(query, name)) if query.HasField(name) else None


def _nanos(of: Timestamp | Duration) -> int:
    return min(max(of.seconds * NANOS_PER_SECOND + of.nanos, 0), ALL_TIME.end)


def _note(call: Call, trace: StoredTrace) -> None:
    if trace.truncated:
        call.notices.append(f"a trace is cut: an answer holds {len(trace.spans)} spans of one")


def _chunks(items: Sequence[Item], message: Callable[[Sequence[Item]], Any]) -> Iterator[Any]:
    """Messages that together hold these; one is larger than allowed only if a single item is."""
    pending = [list(part) for part in _parts(items, SPANS_AT_ONCE)][::-1]
    while pending:
        some = pending.pop()
        made = message(some)
        if len(some) > 1 and made.ByteSize() > MESSAGE_BYTES_MAX:
            middle = len(some) // 2
            pending += [some[middle:], some[:middle]]
        else:
            yield made


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


V3_METHODS: Final = {
    "GetTrace": Method(v3.GetTraceRequest, several=_trace_v3),
    "FindTraces": Method(v3.FindTracesRequest, several=_find_v3),
    "GetServices": Method(v3.GetServicesRequest, one=_services_v3),
    "GetOperations": Method(v3.GetOperationsRequest, one=_operations_v3),
    "GetDependencies": Method(v3.GetDependenciesRequest, one=_dependencies_v3),
    "FindTraceSummaries": Method(v3.FindTraceSummariesRequest, several=_summaries_v3),
}
V2_METHODS: Final = {
    "GetTrace": Method(v2.GetTraceRequest, several=_trace_v2),
    "FindTraces": Method(v2.FindTracesRequest, several=_find_v2),
    "GetServices": Method(v2.GetServicesRequest, one=_services_v2),
    "GetOperations": Method(v2.GetOperationsRequest, one=_operations_v2),
    "GetDependencies": Method(v2.GetDependenciesRequest, one=_dependencies_v2),
}
