"""Jaeger's query API as its UI and Grafana call it, over a store in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from spanhouse.base.errors import Unauthenticated
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.spans.model import Event, Resource, Span, SpanKind
from tests.kit.fake_reader import FakeReader
from tests.kit.peer_reader import PeerReader
from tests.kit.spans import BASE, make_span

MICROSECONDS = BASE // 1000
TRACE = f"{0xABC1:032x}"
ODD_NAMES = ["your/app/name", "商品服务", "🦊", "a%2Fb", "a b", "<img onerror>", "x?y#z"]


@pytest.fixture
def spans() -> list[Span]:
    resource = Resource({"service.name": "t", "host": "h1"})
    return [
        make_span(1, service="t", lasts=900, resource=resource, attributes={"http.url": "http://h/c?customer=567"}),
        make_span(2, 1, service="t", at=3, status_code=2, kind=SpanKind.CLIENT, events=(Event(BASE, "log", {"n": 1}),)),
        make_span(3, trace=0xABC2, service="t", at=5_000, status_code=1, attributes={"http.status_code": 200}),
        make_span(4, trace=0xABC3, service="t", at=6_000, attributes={"guid:x-request-id": 'a "b" c', "flag": True}),
        *(make_span(10 + n, trace=0xB00 + n, service=name, name=f"op {name}") for n, name in enumerate(ODD_NAMES)),
    ]


@pytest.fixture
def api(spans: list[Span], client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr("spanhouse.api.jaeger.query_scope", lambda request: Scope("local"))
    set_reader(PeerReader(spans))
    yield client
    set_reader(None)


def get(api: Client, path: str, *, status: int = 200, **asked: Any) -> Any:
    response = api.get(f"/jaeger/api{path}", asked)
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    return json.loads(response.content)


def found(api: Client, **asked: Any) -> list[str]:
    return [trace["traceID"][-4:] for trace in get(api, "/traces", service="t", **asked)["data"]]


def test_services_are_listed_in_the_envelope(api: Client) -> None:
    answer = get(api, "/services")

    assert answer["data"] == sorted(["t", *ODD_NAMES])
    assert answer["total"] == len(answer["data"])
    assert answer["errors"] is None


@pytest.mark.report("V28")
@pytest.mark.parametrize("name", ODD_NAMES)
def test_operations_of_a_service_of_any_name(api: Client, name: str) -> None:
    response = api.get(f"/jaeger/api/services/{quote(name, safe='')}/operations")

    assert json.loads(response.content)["data"] == [f"op {name}"]


def test_operations_come_with_their_kind(api: Client) -> None:
    data = get(api, "/operations", service="t", spanKind="client")["data"]

    assert data == [{"name": "n2", "spanKind": "client"}]


def test_a_trace_is_in_jaegers_model(api: Client) -> None:
    (trace,) = get(api, f"/traces/{TRACE}")["data"]

    root, child = trace["spans"]
    assert trace["traceID"] == TRACE
    assert root["startTime"] == MICROSECONDS
    assert root["duration"] == 900_000
    assert {"key": "http.url", "type": "string", "value": "http://h/c?customer=567"} in root["tags"]
    assert child["references"] == [{"refType": "CHILD_OF", "traceID": TRACE, "spanID": f"{1:016x}"}]
    assert child["logs"][0]["fields"] == [
        {"key": "event", "type": "string", "value": "log"},
        {"key": "n", "type": "int64", "value": 1},
    ]
    assert {"key": "error", "type": "bool", "value": True} in child["tags"]
    assert trace["processes"][root["processID"]] == {
        "serviceName": "t",
        "tags": [{"key": "host", "type": "string", "value": "h1"}],
    }


@pytest.mark.report("V16")
@pytest.mark.parametrize("written", ["abc1", "ABC1", TRACE, TRACE.upper()])
def test_a_trace_is_found_by_each_spelling_of_its_id(api: Client, written: str) -> None:
    assert get(api, f"/traces/{written}")["data"][0]["traceID"] == TRACE


@pytest.mark.report("V16")
@pytest.mark.parametrize(("written", "status"), [("abc9", 404), ("0" * 32, 404), ("xyz", 400)])
def test_an_unknown_or_malformed_id_is_an_error(api: Client, written: str, status: int) -> None:
    answer = get(api, f"/traces/{written}", status=status)

    assert answer["errors"][0]["code"] == status
    assert answer["data"] is None


def test_traces_named_are_returned_and_missing_ones_said(api: Client) -> None:
    answer = get(api, "/traces", traceID=["abc1", "abc2", "abc9"])

    assert [trace["traceID"][-4:] for trace in answer["data"]] == ["abc1", "abc2"]
    assert answer["errors"][0]["code"] == 404


@pytest.mark.report("V25")
def test_a_smaller_limit_gives_the_newest_of_a_larger_one(api: Client) -> None:
    assert found(api) == ["abc3", "abc2", "abc1"]
    assert found(api, limit=1) == ["abc3"]


@pytest.mark.report("V26", "V27")
@pytest.mark.parametrize(
    ("tags", "traces"),
    [
        ({"http.url": "http://h/c?customer=567"}, ["abc1"]),
        ({"guid:x-request-id": 'a "b" c'}, ["abc3"]),
        ({"http.status_code": "200"}, ["abc2"]),
        ({"flag": "true"}, ["abc3"]),
        ({"error": "true"}, ["abc1"]),
        ({"error": "false"}, ["abc3", "abc2", "abc1"]),
        ({"http.url": "http://h/*"}, []),
        ({"span.kind": "client"}, ["abc1"]),
    ],
)
def test_tags_find_spans(api: Client, tags: dict[str, str], traces: list[str]) -> None:
    assert found(api, tags=json.dumps(tags)) == traces


def test_a_tag_parts_at_its_first_colon(api: Client) -> None:
    assert found(api, tag="http.url:http://h/c?customer=567") == ["abc1"]


def test_durations_bound_the_span_and_times_the_range(api: Client) -> None:
    assert found(api, minDuration="500ms") == ["abc1"]
    assert found(api, maxDuration="500ms", operation="n4") == ["abc3"]
    assert found(api, start=MICROSECONDS + 5_000_000, end=MICROSECONDS + 5_000_000) == ["abc2"]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"service": "t", "tags": "{"},
        {"service": "t", "tags": '["a"]'},
        {"service": "t", "tags": '{"a":1}'},
        {"service": "t", "tag": "no colon"},
        {"service": "t", "minDuration": "soon"},
        {"service": "t", "minDuration": "2s", "maxDuration": "1s"},
        {"service": "t", "limit": "many"},
        {"service": "t", "start": "x"},
        {"traceID": "xyz"},
    ],
)
def test_what_makes_no_sense_is_refused_in_the_envelope(api: Client, asked: dict[str, str]) -> None:
    answer = get(api, "/traces", status=400, **asked)

    assert answer["data"] is None
    assert answer["errors"][0]["code"] == 400


def test_without_a_right_the_answer_is_401_in_the_envelope(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(request: object) -> Scope:
        raise Unauthenticated("who are you")

    monkeypatch.setattr("spanhouse.api.jaeger.query_scope", nobody)

    assert get(client, "/services", status=401)["errors"][0]["code"] == 401


def test_a_raw_trace_is_as_stored(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = [make_span(1, kind=3), make_span(1, kind=2, at=1), make_span(1, kind=2, at=1), make_span(2, 2, at=2)]
    monkeypatch.setattr("spanhouse.api.jaeger.query_scope", lambda request: Scope("local"))
    set_reader(FakeReader(spans))
    try:
        (shown,) = get(client, "/traces/abc1")["data"]
        (raw,) = get(client, "/traces/abc1", raw="true")["data"]
    finally:
        set_reader(None)

    assert len({span["spanID"] for span in shown["spans"]}) == len(shown["spans"]) == 3
    assert [span["spanID"][-1] for span in raw["spans"]] == ["1", "1", "1", "2"]
    assert raw["spans"][3]["references"][0]["spanID"] == raw["spans"][3]["spanID"]
    assert all(span["warnings"] is None for span in raw["spans"])


@pytest.mark.parametrize("path", ["/traces/abc1", "/traces"])
def test_raw_is_true_or_false(api: Client, path: str) -> None:
    assert get(api, path, status=400, service="t", raw="perhaps")["errors"][0]["code"] == 400


def test_a_limit_beyond_ours_is_said(api: Client) -> None:
    response = api.get("/jaeger/api/traces", {"service": "t", "limit": 1_500})

    assert response.status_code == 200
    assert "at most 1000 traces" in response["Spanhouse-Notice"]


def test_kiali_asks_for_durations_in_microseconds_and_a_clusters_tag(api: Client) -> None:
    ends = {"start": MICROSECONDS - 600_000_000, "end": MICROSECONDS + 600_000_000}

    assert found(api, minDuration="500000us", tags='{"http.url":"http://h/c?customer=567"}', **ends) == ["abc1"]
    assert found(api, minDuration="1us", tags='{"cluster":"Kubernetes"}', **ends) == []


@pytest.mark.parametrize(("method", "path", "status"), [("get", "/quality-metrics", 404), ("post", "/archive/1", 405)])
def test_what_is_not_answered_is_said_in_the_envelope(client: Client, method: str, path: str, status: int) -> None:
    response = getattr(client, method)(f"/jaeger/api{path}")

    assert response.status_code == status
    assert json.loads(response.content)["errors"][0]["code"] == status


def test_dependencies_may_be_of_one_service(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanhouse.api.jaeger.query_scope", lambda request: Scope("local"))
    chain = [make_span(n, n - 1, at=n, service=name) for n, name in enumerate(["a", "b", "c"], start=1)]
    set_reader(PeerReader(chain))
    end = BASE // 10**6 + 60_000
    try:
        every = get(client, "/dependencies", endTs=end, lookback=3_600_000)
        of_one = get(client, "/dependencies", endTs=end, lookback=3_600_000, service="a")
        before = get(client, "/dependencies", endTs=end - 120_000, lookback=10)
    finally:
        set_reader(None)

    first = {"parent": "a", "child": "b", "callCount": 1}
    assert every["data"] == [first, {"parent": "b", "child": "c", "callCount": 1}]
    assert of_one["data"] == [first]
    assert (before["data"], before["errors"]) == ([], None)
