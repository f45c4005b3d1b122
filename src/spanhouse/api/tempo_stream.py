"""Tempo's streaming API over gRPC, which Grafana's data source can be told to use.

Each answer comes in messages that every client takes. A search sends its traces newest first; of a trace that came
twice Grafana keeps the first, so each is sent once. An instant query's last message replaces those before, so it has
but one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from spanhouse.api import parameters, tempo_metrics
from spanhouse.api.grpc_calls import MESSAGE_BYTES_MAX, Call, Calls, Method
from spanhouse.api.proto import tempopb_pb2 as pb
from spanhouse.api.tempo_json import search_json
from spanhouse.api.tempo_tags import NAMES_MAX, VALUES_MAX
from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import InvalidQuery, Malformed
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.plan.values import ValueType
from spanhouse.tracing.search import find, metrics
from spanhouse.tracing.search.completion import condition_of
from spanhouse.tracing.search.tags import known_tags, tag_named, tag_values

SERVICE: Final = "tempopb.StreamingQuerier"
_TEXTS_AT_ONCE: Final = 1_000
_MS: Final = 1_000_000
Part = TypeVar("Part", bound=Message)


def add(server: grpc.aio.Server, calls: Calls) -> Sequence[str]:
    """Add the service; returns its name."""
    server.add_generic_rpc_handlers((calls.handlers(SERVICE, METHODS),))
    return (SERVICE,)


def _search(call: Call, request: pb.SearchRequest) -> Iterator[Message]:
    """Grafana tests its data source with a search for one trace, and waits for a message even when there is none."""
    if request.Query.strip() and find.is_metrics(request.Query):
        raise InvalidQuery("this is a metrics query: send it to MetricsQueryRange, or to MetricsQueryInstant")
    answer = find.search(
        call.scope,
        _seconds(request.start, request.end),
        find.spans_that([find.tag_predicate(*pair) for pair in sorted(request.Tags.items())], request.Query),
        limit=_at_most(request.Limit, limits.SEARCH_LIMIT_DEFAULT, limits.SEARCH_LIMIT_MAX, "limit"),
        spans_per_trace=_at_most(
            request.SpansPerSpanSet, limits.SPANS_PER_TRACE_DEFAULT, limits.SPANS_PER_SPANSET_MAX, "spss"
        ),
        trace_duration_min=request.MinDurationMs * _MS or None,
        trace_duration_max=request.MaxDurationMs * _MS or None,
    )
    call.notices.extend(answer.warnings)
    whole = json_format.ParseDict(search_json(answer), pb.SearchResponse())
    for traces in _parts(whole.traces):
        yield pb.SearchResponse(traces=traces, metrics=whole.metrics)


def _tags(call: Call, request: pb.SearchTagsRequest) -> Iterator[Message]:
    by_scope = _known_tags(call, request)
    yield pb.SearchTagsResponse(tagNames=sorted({name for names in by_scope.values() for name in names}))


def _tags_v2(call: Call, request: pb.SearchTagsRequest) -> Iterator[Message]:
    scopes = [pb.SearchTagsV2Scope(name=name, tags=names) for name, names in _known_tags(call, request).items()]
    yield pb.SearchTagsV2Response(scopes=scopes)


def _values(call: Call, request: pb.SearchTagValuesRequest) -> Iterator[Message]:
    texts = [text for _, text in _tag_values(call, request)]
    for at in range(0, max(1, len(texts)), _TEXTS_AT_ONCE):
        yield pb.SearchTagValuesResponse(tagValues=texts[at : at + _TEXTS_AT_ONCE])


def _values_v2(call: Call, request: pb.SearchTagValuesRequest) -> Iterator[Message]:
    values = [pb.TagValue(type=kind, value=text) for kind, text in _tag_values(call, request)]
    for at in range(0, max(1, len(values)), _TEXTS_AT_ONCE):
        yield pb.SearchTagValuesV2Response(tagValues=values[at : at + _TEXTS_AT_ONCE])


def _range(call: Call, request: pb.QueryRangeRequest) -> Iterator[Message]:
    measured = metrics.over_time(
        call.scope, request.query, _nanos(request.start, request.end), request.step or None, request.exemplars or None
    )
    call.notices.extend(measured.answer.warnings)
    whole = json_format.Parse(tempo_metrics.range_text(measured), pb.QueryRangeResponse())
    for series in _parts(whole.series):
        yield pb.QueryRangeResponse(series=series, metrics=whole.metrics, status=whole.status, message=whole.message)


def _instant(call: Call, request: pb.QueryInstantRequest) -> Iterator[Message]:
    measured = metrics.at_once(call.scope, request.query, _nanos(request.start, request.end))
    call.notices.extend(measured.answer.warnings)
    yield json_format.Parse(tempo_metrics.instant_text(measured), pb.QueryInstantResponse())


METHODS: Final = {
    "Search": Method(pb.SearchRequest, several=_search),
    "SearchTags": Method(pb.SearchTagsRequest, several=_tags),
    "SearchTagsV2": Method(pb.SearchTagsRequest, several=_tags_v2),
    "SearchTagValues": Method(pb.SearchTagValuesRequest, several=_values),
    "SearchTagValuesV2": Method(pb.SearchTagValuesRequest, several=_values_v2),
    "MetricsQueryRange": Method(pb.QueryRangeRequest, several=_range),
    "MetricsQueryInstant": Method(pb.QueryInstantRequest, several=_instant),
}


def _known_tags(call: Call, request: pb.SearchTagsRequest) -> dict[str, list[str]]:
    limit = min(request.maxTagsPerScope or NAMES_MAX, NAMES_MAX)
    found = known_tags(call.scope, _seconds(request.start, request.end), request.scope, condition_of(request.query))
    return {name: names[:limit] for name, names in found.items()}


def _tag_values(call: Call, request: pb.SearchTagValuesRequest) -> list[tuple[ValueType, str]]:
    field = tag_named(request.tagName)
    if field is None:
        raise Malformed(f"{request.tagName[:80]!r} is not a tag")
    limit = min(request.maxTagValues or VALUES_MAX, VALUES_MAX)
    return tag_values(call.scope, _seconds(request.start, request.end), field, limit, condition_of(request.query))


def _seconds(start: int, end: int) -> TimeRange:
    """Both ends included, the last second whole; 0 is no bound."""
    asked = {"start": str(start), "end": str(end)}
    return parameters.time_range(asked, NANOS_PER_SECOND)


def _nanos(start: int, end: int) -> TimeRange:
    if not 0 < start < end < 2**63:
        raise Malformed("start and end are in ns since 1970, the end after the start")
    return TimeRange(start, end)


def _at_most(asked: int, default: int, most: int, name: str) -> int:
    """0 is a field that was not set."""
    if asked > most:
        raise Malformed(f"{name} is at most {most}, not {asked}")
    return asked or default


def _parts(messages: Iterable[Part]) -> Iterator[list[Part]]:
    """In their order, as many at once as one message holds; at least one part, be it empty."""
    part: list[Part] = []
    size = 0
    for message in messages:
        if part and size + message.ByteSize() > MESSAGE_BYTES_MAX:
            yield part
            part, size = [], 0
        part.append(message)
        size += message.ByteSize()
    yield part
