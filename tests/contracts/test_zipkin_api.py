"""Zipkin's v2 query API as Lens, Grafana and Zipkin's clients call it, over a store in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import Settings

from spanhouse.base.clock import FixedClock
from spanhouse.base.errors import Unauthenticated
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.spans.model import Event, Resource, Span, SpanKind
from tests.kit.peer_reader import PeerReader
from tests.kit.spans import BASE, MS, make_span, trace_id

NOW_MS = BASE // MS + 60_000
SHORT = f"{0xABC1:016x}"
ODD_NAMES = ["your/app/name", "商品服务", "🦊", "a%2Fb", "a b", "<img onerror>", "x?y#z"]
CLIENT, SERVER = SpanKind.CLIENT, SpanKind.SERVER
URL = "http://h/c?customer=567"

SHOP = Resource({"service.name": "shop", "region": "eu"})
SPANS = [
    make_span(1, service="shop", name="get /", lasts=900, kind=SERVER, resource=SHOP, attributes={"http.url": URL}),
    make_span(
        2, 1, service="shop", name="call pay", at=3, kind=CLIENT, resource=SHOP,
        attributes={"peer.service": "pay"}, events=(Event(BASE + 4 * MS, "ws", {}),),
    ),
    make_span(3, 2, service="pay", name="charge", at=4, kind=SERVER, status_code=2, status_message="no money"),
    make_span(4, trace=0xABC2, service="shop", name="get /", at=5_000, lasts=20, resource=SHOP,
              attributes={"http.status_code": 200, "flag": True, "guid:x-request-id": 'a "b" c'}),
    make_span(5, trace=0xABC3, service="shop", name="job", at=6_000, kind=SpanKind.INTERNAL, resource=SHOP),
    *(make_span(10 + n, trace=0xB00 + n, service=name, name=f"op {name}") for n, name in enumerate(ODD_NAMES)),
]  # fmt: skip


@pytest.fixture
def reader() -> PeerReader:
    return PeerReader(SPANS)


@pytest.fixture
def api(reader: PeerReader, client: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Client]:
    monkeypatch.setattr("spanhouse.api.zipkin.query_scope", lambda request: Scope("local"))
    settings.CLOCK = FixedClock(NOW_MS * MS)
    set_reader(reader)
    yield client
    set_reader(None)


def get(api: Client, path: str, **asked: Any) -> Any:
    response = api.get(f"/zipkin/api/v2{path}", asked)
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "application/json"
    return json.loads(response.content, parse_constant=pytest.fail)


def refused(api: Client, path: str, status: int, **asked: Any) -> str:
    response = api.get(f"/zipkin/api/v2{path}", asked)
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    return response.content.decode()


def found(api: Client, **asked: Any) -> list[str]:
    return [spans[0]["traceId"][-4:] for spans in get(api, "/traces", **{"serviceName": "shop", **asked})]


def one(reader: PeerReader, api: Client, *spans: Span) -> list[dict[str, Any]]:
    """These spans, of one trace, as the API shows them."""
    reader.spans = list(spans)
    shown: list[dict[str, Any]] = get(api, f"/trace/{spans[0].trace_id.hex()}")
    return shown


# ── names ──


def test_services_are_a_sorted_list_of_names(api: Client) -> None:
    assert get(api, "/services") == sorted(["shop", "pay", *ODD_NAMES])


@pytest.mark.report("V28")
@pytest.mark.parametrize("name", ODD_NAMES)
def test_spans_of_a_service_of_any_name(api: Client, name: str) -> None:
    response = api.get(f"/zipkin/api/v2/spans?serviceName={quote(name, safe='')}")

    assert json.loads(response.content) == [f"op {name}"]


def test_remote_services_are_the_other_sides_of_the_services_calls(api: Client, reader: PeerReader) -> None:
    reader.spans += [
        make_span(20, service="shop", kind=CLIENT, attributes={"server.address": "db.local", "db.name": "x"}),
        make_span(21, service="shop", kind=CLIENT, attributes={"server.address": "10.0.0.1"}),
        make_span(22, service="shop", kind=SERVER, attributes={"server.address": "shop.local"}),
    ]

    assert get(api, "/remoteServices", serviceName="shop") == ["db.local", "pay"]


@pytest.mark.parametrize("path", ["/spans", "/remoteServices", "/autocompleteValues", "/dependencies", "/traceMany"])
def test_what_cannot_be_left_out_is_named(api: Client, path: str) -> None:
    assert "is missing" in refused(api, path, 400)


def test_keys_and_values_of_tags_are_those_of_spans_and_resources(api: Client) -> None:
    assert "http.url" in get(api, "/autocompleteKeys")
    assert get(api, "/autocompleteValues", key="http.url") == [URL]
    assert get(api, "/autocompleteValues", key="region") == ["eu"]
    assert get(api, "/autocompleteValues", key="none") == []


# ── one trace ──


def test_a_trace_is_a_list_of_its_spans(api: Client) -> None:
    root, call, served = get(api, f"/trace/{SHORT}")

    assert root == {
        "traceId": SHORT,
        "id": f"{1:016x}",
        "kind": "SERVER",
        "name": "get /",
        "timestamp": BASE // 1000,
        "duration": 900_000,
        "localEndpoint": {"serviceName": "shop"},
        "tags": {"http.url": URL, "region": "eu"},
    }
    assert call["parentId"] == root["id"]
    assert call["remoteEndpoint"] == {"serviceName": "pay"}
    assert call["annotations"] == [{"timestamp": BASE // 1000 + 4_000, "value": "ws"}]
    assert served["tags"] == {"otel.status_code": "ERROR", "error": "no money"}


@pytest.mark.report("V16")
@pytest.mark.parametrize("written", ["abc1", "ABC1", SHORT, SHORT.rjust(32, "0").upper()])
def test_a_trace_is_found_by_each_spelling_of_its_id(api: Client, written: str) -> None:
    assert get(api, f"/trace/{written}")[0]["traceId"] == SHORT


def test_an_id_of_128_bits_is_shown_with_its_zeros(reader: PeerReader, api: Client) -> None:
    number = 0x00EF << 96 | 3

    assert one(reader, api, make_span(trace=number))[0]["traceId"] == f"{number:032x}"


@pytest.mark.report("V16")
@pytest.mark.parametrize(("written", "status"), [("abc9", 404), ("0" * 32, 404), ("xyz", 400), ("1" * 33, 400)])
def test_an_unknown_or_malformed_id_is_said_in_text(api: Client, written: str, status: int) -> None:
    assert refused(api, f"/trace/{written}", status)


@pytest.mark.report("V21")
def test_a_chain_of_10_000_spans_comes_whole(reader: PeerReader, api: Client) -> None:
    assert len(one(reader, api, *(make_span(number + 1, number) for number in range(10_000)))) == 10_000


@pytest.mark.report("V22")
def test_a_span_without_a_time_is_found_by_its_id_only(reader: PeerReader, api: Client) -> None:
    (span,) = one(reader, api, make_span(start_time=0, end_time=0, service="shop"))

    assert "timestamp" not in span
    assert found(api) == []


def test_a_trace_that_an_answer_cannot_hold_says_so(
    reader: PeerReader, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanhouse.base.limits.TRACE_SPANS_MAX", 2)
    monkeypatch.setattr(reader, "trace", lambda scope, of, limit: PeerReader.trace(reader, scope, of, 2))

    response = api.get(f"/zipkin/api/v2/trace/{SHORT}")

    assert len(json.loads(response.content)) == 2
    assert "cut" in response["Spanhouse-Notice"]


# ── several traces ──


def test_several_traces_come_together(api: Client) -> None:
    traces = get(api, "/traceMany", traceIds="abc1,abc2,abc9")

    assert [spans[0]["traceId"][-4:] for spans in traces] == ["abc1", "abc2"]


@pytest.mark.parametrize("ids", ["", "abc1", "abc1,ABC1", f"abc1,{SHORT}", "abc1,xyz", "abc1,"])
def test_fewer_than_two_or_one_twice_is_refused(api: Client, ids: str) -> None:
    assert refused(api, "/traceMany", 400, traceIds=ids)


# ── search ──


@pytest.mark.report("V25")
def test_a_smaller_limit_gives_the_newest_of_a_larger_one(api: Client) -> None:
    assert found(api) == ["abc3", "abc2", "abc1"]
    assert found(api, limit=2) == ["abc3", "abc2"]
    assert found(api, limit=1) == ["abc3"]


@pytest.mark.report("V25")
def test_traces_of_equal_times_keep_their_order(reader: PeerReader, api: Client) -> None:
    reader.spans = [make_span(1, trace=number, service="shop") for number in range(30, 0, -1)]
    ten = found(api)

    assert [found(api, limit=limit) for limit in range(1, 10)] == [ten[:limit] for limit in range(1, 10)]


@pytest.mark.report("V26")
@pytest.mark.parametrize(
    ("query", "traces"),
    [
        (f"http.url={URL}", ["abc1"]),
        ("http.url", ["abc1"]),
        ("ws", ["abc1"]),
        ("ws and http.url", ["abc1"]),
        (f"http.url={URL} and region=eu", ["abc1"]),
        ("region=eu", ["abc3", "abc2", "abc1"]),
        ("http.url and flag", []),
        ("http.status_code=200", ["abc2"]),
        ("flag=true", ["abc2"]),
        ('guid:x-request-id=a "b" c', ["abc2"]),
        ("http.url=http://h/*", []),
        ("http.url=", ["abc1"]),
        ("  flag = true ", ["abc2"]),
    ],
)
def test_annotation_queries_find_traces(api: Client, query: str, traces: list[str]) -> None:
    assert found(api, annotationQuery=query) == traces


@pytest.mark.parametrize(
    ("query", "traces"),
    [("error", ["abc1"]), ("error=no money", ["abc1"]), ("error=other", []), ("otel.status_code=ERROR", ["abc1"])],
)
def test_failures_are_found_by_the_tags_that_show_them(api: Client, query: str, traces: list[str]) -> None:
    assert found(api, serviceName="pay", annotationQuery=query) == traces
    assert found(api, serviceName="shop", annotationQuery=query) == []


def test_conditions_need_not_hold_on_one_span_but_on_spans_of_the_service(api: Client) -> None:
    assert found(api, spanName="call pay", annotationQuery="http.url", minDuration=800_000) == ["abc1"]
    assert found(api, spanName="charge") == []
    assert found(api, serviceName="", spanName="charge", annotationQuery="http.url") == ["abc1"]


def test_the_other_side_is_a_condition(api: Client) -> None:
    assert found(api, remoteServiceName="pay") == ["abc1"]
    assert found(api, remoteServiceName="shop") == []
    assert found(api, remoteServiceName="10.0.0.1") == []


@pytest.mark.parametrize("name", ["all", "", " "])
def test_every_span_name_is_asked_for_by_all_or_none(api: Client, name: str) -> None:
    assert found(api, spanName=name) == ["abc3", "abc2", "abc1"]


@pytest.mark.parametrize(("service", "span"), [("SHOP", "GET /"), ("Shop", "get /")])
def test_names_that_differ_in_case_are_found_where_no_other_is(api: Client, service: str, span: str) -> None:
    assert found(api, serviceName=service, spanName=span) == ["abc2", "abc1"]


def test_a_name_that_is_there_is_not_mistaken_for_another(reader: PeerReader, api: Client) -> None:
    reader.spans = [make_span(trace=1, service="Shop"), make_span(trace=2, service="shop")]

    assert found(api, serviceName="Shop") == ["0001"]


@pytest.mark.parametrize(
    ("asked", "traces"),
    [
        ({"minDuration": 900_000}, ["abc1"]),
        ({"minDuration": 900_001}, []),
        ({"minDuration": 1, "maxDuration": 10_000}, ["abc3", "abc1"]),
        ({"minDuration": 20_000, "maxDuration": 20_000}, ["abc2"]),
    ],
)
def test_durations_are_microseconds_of_a_span_and_both_ends_count(
    api: Client, asked: dict[str, int], traces: list[str]
) -> None:
    assert found(api, **asked) == traces


def test_less_than_a_microsecond_is_found_as_the_one_it_is_shown_as(reader: PeerReader, api: Client) -> None:
    reader.spans = [make_span(trace=1, service="shop", end_time=BASE + 1), make_span(trace=2, service="shop", lasts=0)]

    assert found(api, minDuration=1, maxDuration=1) == ["0001"]


def test_the_window_ends_at_end_ts_and_both_ends_count(api: Client) -> None:
    second = BASE // MS + 5_000

    assert found(api, endTs=second, lookback=1) == ["abc2"]
    assert found(api, endTs=second + 10, lookback=10) == ["abc2"]
    assert found(api, endTs=second - 1, lookback=10) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0},
        {"limit": "x"},
        {"endTs": "soon"},
        {"endTs": 0},
        {"lookback": -1},
        {"minDuration": "1s"},
        {"minDuration": 0},
        {"minDuration": 5, "maxDuration": 4},
    ],
)
def test_what_makes_no_sense_is_refused_by_name(api: Client, asked: dict[str, Any]) -> None:
    assert next(reversed(asked)).removesuffix("s") in refused(api, "/traces", 400, **asked)


def test_a_limit_beyond_ours_is_said(api: Client) -> None:
    response = api.get("/zipkin/api/v2/traces", {"limit": 5_000})

    assert response.status_code == 200
    assert "at most 1000 traces" in response["Spanhouse-Notice"]


def test_traces_for_which_there_is_no_room_are_said(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanhouse.base.limits.ANSWER_SPANS_MAX", 2)

    response = api.get("/zipkin/api/v2/traces", {"serviceName": "shop"})

    assert len(json.loads(response.content)) == 2
    assert "1 traces are left out" in response["Spanhouse-Notice"]


def test_what_the_store_left_out_is_said(reader: PeerReader, api: Client) -> None:
    reader.warnings = ("older traces were not looked at",)

    assert api.get("/zipkin/api/v2/traces")["Spanhouse-Notice"] == "older traces were not looked at"


# ── the map, and what Lens asks first ──


@pytest.mark.report("V36")
def test_dependencies_count_calls_and_failures(api: Client) -> None:
    links = get(api, "/dependencies", endTs=NOW_MS, lookback=3_600_000)

    assert links == [{"parent": "shop", "child": "pay", "callCount": 1, "errorCount": 1}]
    assert get(api, "/dependencies", endTs=NOW_MS, lookback=1) == []


def test_lens_is_told_how_to_ask(client: Client) -> None:
    config = json.loads(client.get("/zipkin/config.json").content)

    assert config["queryLimit"] == 10
    assert config["searchEnabled"] is True
    assert config["dependency"]["enabled"] is True


def test_health_follows_the_store(client: Client) -> None:
    closed = client.get("/zipkin/health")
    set_reader(PeerReader())
    try:
        opened = client.get("/zipkin/health")
    finally:
        set_reader(None)

    assert (closed.status_code, json.loads(closed.content)["status"]) == (503, "DOWN")
    assert (opened.status_code, json.loads(opened.content)["status"]) == (200, "UP")


def test_the_version_is_told(client: Client) -> None:
    assert json.loads(client.get("/zipkin/info").content)["zipkin"]["version"]


@pytest.mark.parametrize(
    "path",
    ["services", "spans", "remoteServices", "traces", "trace/1", "traceMany", "dependencies", "autocompleteKeys",
     "autocompleteValues"],
)  # fmt: skip
def test_nothing_is_told_to_who_may_not_read(client: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def nobody(request: object) -> Scope:
        raise Unauthenticated("who are you")

    monkeypatch.setattr("spanhouse.api.zipkin.query_scope", nobody)

    assert "who are you" in refused(client, f"/{path}", 401)


def test_spans_of_one_trace_id_are_not_mixed_with_others(api: Client) -> None:
    (spans,) = get(api, "/traces", serviceName="pay")

    assert {span["traceId"] for span in spans} == {trace_id(0xABC1).hex()[16:]}
