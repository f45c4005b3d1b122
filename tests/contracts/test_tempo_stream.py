"""Tempo's streaming API, asked of the real listener as Grafana's data source does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from spanhouse.api import tempo_stream
from spanhouse.api.proto import tempopb_pb2 as pb
from spanhouse.tracing.plan.metrics import MetricsAnswer, MetricSeries, MetricsRequest
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import set_reader
from tests.kit.fake_reader import FakeReader
from tests.kit.query_grpc import Query, query_listener
from tests.kit.spans import BASE, MS, make_span

SECONDS = BASE // 10**9
WITHIN = {"start": SECONDS - 60, "end": SECONDS + 60}


class Reader(FakeReader):
    """With a metric of many series."""

    def metrics(self, request: MetricsRequest) -> MetricsAnswer:
        step = request.step or request.range.end - request.range.start
        series = tuple(
            MetricSeries((("n", n),), (float(n), float("inf"))[: 2 if request.step else 1]) for n in range(5)
        )
        return MetricsAnswer((BASE, BASE + step)[: 2 if request.step else 1], series, warnings=("too many series",))


@pytest.fixture
def tempo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Query]:
    spans = [
        make_span(1, lasts=900, service="shop", attributes={"code": 200}),
        *(make_span(number, 1, at=number, name="child", service="cart") for number in range(2, 12)),
        make_span(20, trace=0xABC2, at=5_000, status_code=2, attributes={"code": 500}),
    ]
    monkeypatch.setattr("spanhouse.api.grpc_calls.call_scope", lambda caller: Scope("local"))
    set_reader(Reader(spans))
    with query_listener() as target, grpc.insecure_channel(target) as channel:
        yield Query(channel, tempo_stream.SERVICE)
    set_reader(None)


def searched(tempo: Query, **fields: Any) -> list[pb.SearchResponse]:
    return tempo.several("Search", pb.SearchRequest(**{**WITHIN, **fields}), pb.SearchResponse)


def found(tempo: Query, **fields: Any) -> list[str]:
    return [trace.traceID[-4:] for message in searched(tempo, **fields) for trace in message.traces]


def refusal(tempo: Query, method: str, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        tempo.several(method, request, pb.SearchResponse)
    return caught.value.code(), caught.value.details()


def test_the_health_check_of_the_data_source_gets_a_message(tempo: Query) -> None:
    nothing = searched(tempo, Query="{}", Limit=1, start=SECONDS - 600, end=SECONDS - 500)

    assert len(nothing) == 1
    assert not nothing[0].traces


@pytest.mark.report("V35")
def test_a_search_finds_the_newest_with_their_spansets(tempo: Query) -> None:
    (message,) = searched(tempo, Query='{ name = "child" }')
    (trace,) = message.traces

    assert found(tempo, Query="{ }") == ["abc2", "abc1"]
    assert trace.spanSets[0].matched == 10
    assert len(trace.spanSets[0].spans) == 3
    assert trace.rootServiceName == "shop"
    assert message.metrics.completedJobs == message.metrics.totalJobs


@pytest.mark.parametrize(
    ("fields", "traces"),
    [
        ({"Limit": 1}, ["abc2"]),
        ({"Tags": {"error": "true"}}, ["abc2"]),
        ({"end": SECONDS}, ["abc1"]),
        ({"start": 0, "end": 0}, ["abc2", "abc1"]),
    ],
)
def test_fields_of_the_request_narrow_a_search(tempo: Query, fields: dict[str, Any], traces: list[str]) -> None:
    assert found(tempo, **fields) == traces


def test_a_large_answer_comes_in_several_messages(tempo: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempo_stream, "MESSAGE_BYTES_MAX", 10)

    messages = searched(tempo)

    assert [len(message.traces) for message in messages] == [1, 1]


def test_names_and_values_of_tags_are_those_of_the_http_api(tempo: Query) -> None:
    tags = tempo.several("SearchTags", pb.SearchTagsRequest(scope="span"), pb.SearchTagsResponse)
    scopes = tempo.several("SearchTagsV2", pb.SearchTagsRequest(maxTagsPerScope=1), pb.SearchTagsV2Response)
    of_code = pb.SearchTagValuesRequest(tagName="span.code", query="{ status = error && name = ")
    values = tempo.several("SearchTagValuesV2", of_code, pb.SearchTagValuesV2Response)
    texts = tempo.several("SearchTagValues", pb.SearchTagValuesRequest(tagName="code"), pb.SearchTagValuesResponse)

    assert list(tags[0].tagNames) == ["code"]
    assert all(len(scope.tags) == 1 for scope in scopes[0].scopes)
    assert [(value.type, value.value) for value in values[0].tagValues] == [("int", "500")]
    assert sorted(texts[0].tagValues) == ["200", "500"]


def test_a_metric_over_time_comes_with_its_samples(tempo: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempo_stream, "MESSAGE_BYTES_MAX", 100)
    request = pb.QueryRangeRequest(query="{ } | rate() by (.n)", start=BASE, end=BASE + 1_000 * MS, step=500 * MS)

    messages = tempo.several("MetricsQueryRange", request, pb.QueryRangeResponse)

    series = [each for message in messages for each in message.series]
    assert len(messages) > 1
    assert [each.samples[0].value for each in series] == [0, 1, 2, 3, 4]
    assert series[0].samples[1].value == float("inf")
    assert series[0].samples[0].timestamp_ms * MS == BASE + 500 * MS
    assert {message.status for message in messages} == {pb.PARTIAL}
    assert messages[0].message == "too many series"


def test_an_instant_metric_comes_in_one_message(tempo: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempo_stream, "MESSAGE_BYTES_MAX", 10)
    request = pb.QueryInstantRequest(query="{ } | rate() by (.n)", start=BASE, end=BASE + 1_000 * MS)

    (message,) = tempo.several("MetricsQueryInstant", request, pb.QueryInstantResponse)

    assert [each.value for each in message.series] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("method", "request_", "said"),
    [
        ("Search", pb.SearchRequest(Query="{"), "line 1"),
        ("Search", pb.SearchRequest(Query="{ } | rate()"), "MetricsQueryRange"),
        ("Search", pb.SearchRequest(Limit=100_000), "limit"),
        ("Search", pb.SearchRequest(start=20, end=10), "end"),
        ("SearchTags", pb.SearchTagsRequest(scope="nonsense"), "scope"),
        ("SearchTagValuesV2", pb.SearchTagValuesRequest(tagName="{"), "tag"),
        ("MetricsQueryRange", pb.QueryRangeRequest(query="{ } | rate()"), "start"),
        ("MetricsQueryRange", pb.QueryRangeRequest(query="{ }", start=1, end=2), "metrics"),
        ("MetricsQueryInstant", pb.QueryInstantRequest(query="{ } | rate()", start=2, end=1), "start"),
    ],
)
def test_what_makes_no_sense_is_an_invalid_argument(tempo: Query, method: str, request_: Any, said: str) -> None:
    code, details = refusal(tempo, method, request_)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert said in details
