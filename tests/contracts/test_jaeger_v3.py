"""Jaeger's API v3 over HTTP as its UI and Grafana call it, over a store in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from spanhouse.base.clock import to_datetime
from spanhouse.base.errors import Unauthenticated
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.spans.model import Link, Resource, Span, SpanKind
from spanhouse.tracing.traces.otlp import to_json
from tests.kit.peer_reader import PeerReader
from tests.kit.spans import BASE, MS, make_span, span_id, trace_id

TRACE = f"{0xABC1:032x}"
WINDOW = {"query.startTimeMin": "2026-11-24T00:00:00Z", "query.startTimeMax": "2026-11-26T00:00:00Z"}
OTHER = Resource({"service.name": "pay", "host.name": "h1"})

SPANS = [
    make_span(1, service="t", lasts=900, attributes={"http.url": "http://h/c?customer=567"}),
    make_span(2, 1, service="pay", at=3, status_code=2, kind=SpanKind.CLIENT, resource=OTHER),
    make_span(3, trace=0xABC2, service="t", at=5_000, attributes={"http.status_code": 200}),
    make_span(4, 9, trace=0xABC3, service="t", at=6_000),
    make_span(5, 4, trace=0xABC3, service="t", at=6_001),
]


@pytest.fixture
def reader() -> PeerReader:
    return PeerReader(SPANS)


@pytest.fixture
def api(reader: PeerReader, client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr("spanhouse.api.jaeger_v3.query_scope", lambda request: Scope("local"))
    set_reader(reader)
    yield client
    set_reader(None)


def get(api: Client, path: str, *, status: int = 200, **asked: Any) -> Any:
    response = api.get(f"/jaeger/api/v3{path}", asked)
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    return json.loads(response.content, parse_constant=pytest.fail)


def spans_of(answer: Any) -> list[dict[str, Any]]:
    resources = answer["result"]["resourceSpans"]
    return [span for of in resources for scope in of["scopeSpans"] for span in scope["spans"]]


def found(api: Client, **asked: Any) -> list[str]:
    summaries = get(api, "/trace-summaries", **{**WINDOW, **asked})["summaries"]
    return [summary["traceId"][-4:] for summary in summaries]


def message(answer: Any, code: int) -> str:
    assert answer["error"]["httpCode"] == code
    return str(answer["error"]["message"])


# ── names ──


def test_services_are_names(api: Client) -> None:
    assert get(api, "/services") == {"services": ["pay", "t"]}


def test_operations_have_names_and_kinds(api: Client, reader: PeerReader) -> None:
    reader.spans = [make_span(1, service="t", kind=3), make_span(2, service="t", kind=0)]

    assert get(api, "/operations", service="t") == {
        "operations": [{"name": "n1", "spanKind": "client"}, {"name": "n2", "spanKind": "internal"}]
    }
    assert get(api, "/operations", service="t", span_kind="client")["operations"] == [
        {"name": "n1", "spanKind": "client"}
    ]


@pytest.mark.report("V28")
@pytest.mark.parametrize("name", ["your/app/name", "商品服务", "a%2Fb", "a b", "x?y#z"])
def test_operations_of_a_service_of_any_name(api: Client, reader: PeerReader, name: str) -> None:
    reader.spans = [make_span(service=name)]

    response = api.get(f"/jaeger/api/v3/operations?service={quote(name, safe='')}")

    assert json.loads(response.content)["operations"] == [{"name": "n1", "spanKind": "server"}]


# ── one trace ──


def test_a_trace_is_otlp_in_a_result(api: Client) -> None:
    answer = get(api, f"/traces/{TRACE}")

    assert answer["result"] == to_json([SPANS[0], SPANS[1]])
    assert [span["spanId"] for span in spans_of(answer)] == [f"{1:016x}", f"{2:016x}"]


@pytest.mark.report("V16")
@pytest.mark.parametrize("written", ["abc1", "ABC1", TRACE, TRACE.upper()])
def test_a_trace_is_found_by_each_spelling_of_its_id(api: Client, written: str) -> None:
    assert spans_of(get(api, f"/traces/{written}"))[0]["traceId"] == TRACE


@pytest.mark.report("V16")
@pytest.mark.parametrize(("written", "status"), [("abc9", 404), ("0" * 32, 404), ("xyz", 400)])
def test_an_unknown_or_malformed_id_is_an_error(api: Client, written: str, status: int) -> None:
    assert message(get(api, f"/traces/{written}", status=status), status)


@pytest.mark.report("V15")
def test_shared_and_resent_spans_are_told_apart_unless_raw_is_asked_for(api: Client, reader: PeerReader) -> None:
    client, server = make_span(1, kind=3), make_span(1, at=1, kind=2, service="pay")
    reader.spans = [client, server, make_span(2, 1, at=2, service="pay"), server]

    shown = spans_of(get(api, "/traces/abc1"))
    raw = spans_of(get(api, "/traces/abc1", rawTraces="true"))

    by_id = {span["spanId"]: span for span in shown}
    assert len(by_id) == len(shown) == 3
    served = next(span for span in shown if span["kind"] == 2 and span["name"] == "n1")
    assert served["parentSpanId"] == f"{1:016x}"
    assert by_id[f"{2:016x}"]["parentSpanId"] == served["spanId"]
    assert [span["spanId"] for span in raw].count(f"{1:016x}") == 3


@pytest.mark.report("V17", "V23")
def test_what_is_odd_is_warned_of_and_nothing_stored_is_changed(api: Client, reader: PeerReader) -> None:
    link = Link(trace_id(0xABC1), span_id(1))
    reader.spans = [
        make_span(1, 2, attributes={"ip": 0x08080808}, links=(link, Link(b"", b""))),
        make_span(2, 1, at=-50),
    ]
    before = list(reader.spans)

    shown = get(api, "/traces/abc1")
    again = get(api, "/traces/abc1")

    late, first = sorted(spans_of(shown), key=lambda span: span["spanId"])
    assert shown == again
    assert reader.spans == before
    assert "parentSpanId" not in first
    assert "links" not in late
    assert {"key": "ip", "value": {"stringValue": "8.8.8.8"}} in late["attributes"]
    assert first["attributes"][-1]["key"] == "@jaeger@warnings"
    assert get(api, "/traces/abc1", raw_traces="1")["result"] == to_json(reader.spans[::-1])


@pytest.mark.report("V19")
@pytest.mark.parametrize("attributes", [{}, {"service.name": ""}, {"service.name": 5}])
def test_a_service_without_a_name_is_named(api: Client, reader: PeerReader, attributes: dict[str, Any]) -> None:
    reader.spans = [make_span(service="unknown_service", resource=Resource(attributes))]

    (resource,) = get(api, "/traces/abc1")["result"]["resourceSpans"]
    (summary,) = get(api, "/trace-summaries", **WINDOW)["summaries"]

    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "unknown_service"}}]
    assert summary["rootServiceName"] == "unknown_service"


@pytest.mark.report("V21")
def test_a_chain_of_10_000_spans_comes_whole(api: Client, reader: PeerReader) -> None:
    reader.spans = [make_span(number + 1, number) for number in range(10_000)]

    assert len(spans_of(get(api, "/traces/abc1"))) == 10_000


@pytest.mark.report("V23")
def test_spans_keep_their_times(api: Client, reader: PeerReader) -> None:
    reader.spans = [make_span(1, lasts=5), make_span(2, 1, at=-3_000, lasts=9_000, service="pay")]

    assert [(span["startTimeUnixNano"], span["endTimeUnixNano"]) for span in spans_of(get(api, "/traces/abc1"))] == [
        (str(BASE), str(BASE + 5 * MS)),
        (str(BASE - 3_000 * MS), str(BASE + 6_000 * MS)),
    ]


# ── search ──


def test_traces_found_come_whole_each_with_its_own_resources(api: Client) -> None:
    answer = get(api, "/traces", **WINDOW, **{"query.service_name": "t"})

    firsts = [of["scopeSpans"][0]["spans"][0]["traceId"][-4:] for of in answer["result"]["resourceSpans"]]
    assert firsts == ["abc3", "abc2", "abc1", "abc1"]


def test_no_trace_found_is_not_found(api: Client) -> None:
    assert message(get(api, "/traces", status=404, **WINDOW, **{"query.serviceName": "none"}), 404)


def test_summaries_tell_what_a_list_of_results_shows(api: Client) -> None:
    incomplete, _, whole = get(api, "/trace-summaries", **WINDOW)["summaries"]

    assert whole == {
        "traceId": TRACE,
        "rootServiceName": "t",
        "rootOperationName": "n1",
        "minStartTimeUnixNano": str(BASE),
        "maxEndTimeUnixNano": str(BASE + 900 * MS),
        "spanCount": 2,
        "errorSpanCount": 1,
        "orphanSpanCount": 0,
        "services": [
            {"name": "pay", "spanCount": 1, "errorSpanCount": 1},
            {"name": "t", "spanCount": 1, "errorSpanCount": 0},
        ],
    }
    assert (incomplete["orphanSpanCount"], incomplete["rootServiceName"]) == (1, "")


def test_no_summary_found_is_an_empty_list(api: Client) -> None:
    assert get(api, "/trace-summaries", **WINDOW, **{"query.serviceName": "none"}) == {"summaries": []}


@pytest.mark.report("V25")
def test_a_smaller_depth_gives_the_newest_of_a_larger_one(api: Client) -> None:
    every = found(api)

    assert every == ["abc3", "abc2", "abc1"]
    assert [found(api, **{"query.searchDepth": depth}) for depth in (1, 2)] == [every[:1], every[:2]]
    assert found(api, **{"query.num_traces": 1}) == every[:1]
    assert found(api, **{"query.search_depth": 0}) == every


@pytest.mark.parametrize("camel", [True, False])
def test_parameters_come_in_either_spelling(api: Client, camel: bool) -> None:
    names = {"serviceName": "t", "operationName": "n1", "durationMin": "500ms", "durationMax": "2s"}
    spelled = {
        f"query.{name if camel else ''.join(f'_{c.lower()}' if c.isupper() else c for c in name)}": value
        for name, value in names.items()
    }

    assert found(api, **spelled) == ["abc1"]


@pytest.mark.report("V26", "V27")
@pytest.mark.parametrize(
    ("tags", "traces"),
    [
        ({"http.url": "http://h/c?customer=567"}, ["abc1"]),
        ({"http.status_code": "200"}, ["abc2"]),
        ({"error": "true"}, ["abc1"]),
        ({"error": "true", "http.status_code": "200"}, []),
    ],
)
def test_attributes_find_spans(api: Client, tags: dict[str, str], traces: list[str]) -> None:
    assert found(api, **{"query.attributes": json.dumps(tags)}) == traces


def test_both_ends_of_the_window_count_to_the_nanosecond(api: Client, reader: PeerReader) -> None:
    start = BASE + 123_456_789
    reader.spans = [make_span(start_time=start)]

    def within(first: int, last: int) -> bool:
        ends = [f"{to_datetime(at).strftime('%Y-%m-%dT%H:%M:%S')}.{at % 10**9:09d}Z" for at in (first, last)]
        return bool(found(api, **dict(zip(WINDOW, ends, strict=True))))

    assert within(start, start)
    assert within(start - 1, start)
    assert not within(start - 2, start - 1)
    assert not within(start + 1, start + 2)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-11-24T23:12:00+00:00", "2026-11-24T23:12:00+00:00"),
        ("2026-11-25T01:12:00+02:00", "2026-11-25T01:12:00 02:00"),
        ("2026-11-24T18:12:00-05:00", "2026-11-24T23:12:00.000Z"),
    ],
)
def test_times_may_have_an_offset_even_with_its_plus_read_as_a_blank(
    api: Client, reader: PeerReader, first: str, last: str
) -> None:
    reader.spans = [make_span(start_time=1_795_561_920 * 10**9)]

    assert found(api, **{"query.startTimeMin": first, "query.startTimeMax": last}) == ["abc1"]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"query.startTimeMin": ""}, "query.startTimeMin"),
        ({"query.startTimeMax": "yesterday"}, "query.startTimeMax"),
        ({"query.startTimeMax": "2026-13-01T00:00:00Z"}, "query.startTimeMax"),
        ({"query.startTimeMax": "2026-02-30T00:00:00Z"}, "query.startTimeMax"),
        ({"query.startTimeMax": "0000-01-01T00:00:00Z"}, "query.startTimeMax"),
        ({"query.startTimeMax": "2026-11-25T00:00:00+24:00"}, "query.startTimeMax"),
        ({"query.startTimeMax": "2020-01-01T00:00:00Z"}, "before"),
        ({"query.durationMin": "soon"}, "query.durationMin"),
        ({"query.durationMin": "2s", "query.durationMax": "1s"}, "shorter"),
        ({"query.searchDepth": "-1"}, "query.searchDepth"),
        ({"query.attributes": "{"}, "query.attributes"),
        ({"query.attributes": '{"a":1}'}, "query.attributes"),
        ({"query.rawTraces": "perhaps"}, "query.rawTraces"),
        ({"query.filter": '{"op":"eq"}'}, "query.filter"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(api: Client, asked: dict[str, str], named: str) -> None:
    assert named in message(get(api, "/traces", status=400, **{**WINDOW, **asked}), 400)


def test_a_limit_beyond_ours_is_said(api: Client) -> None:
    response = api.get("/jaeger/api/v3/trace-summaries", {**WINDOW, "query.searchDepth": 1_500})

    assert response.status_code == 200
    assert "at most 1000 traces" in response["Spanhouse-Notice"]


# ── the rest ──


def test_dependencies_are_calls_between_services(api: Client) -> None:
    answer = get(api, "/dependencies", startTime="2026-11-24T00:00:00Z", end_time="2026-11-26T00:00:00Z")

    assert answer == {"dependencies": [{"parent": "t", "child": "pay", "callCount": "1"}]}


@pytest.mark.parametrize(("method", "path", "status"), [("get", "/nothing", 404), ("post", "/traces", 405)])
def test_what_is_not_answered_is_said_in_the_apis_form(api: Client, method: str, path: str, status: int) -> None:
    response = getattr(api, method)(f"/jaeger/api/v3{path}")

    assert message(json.loads(response.content), status)


@pytest.mark.parametrize("path", ["services", "operations", "traces", "traces/1", "trace-summaries", "dependencies"])
def test_nothing_is_told_to_who_may_not_read(client: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def nobody(request: object) -> Scope:
        raise Unauthenticated("who are you")

    monkeypatch.setattr("spanhouse.api.jaeger_v3.query_scope", nobody)

    assert message(get(client, f"/{path}", status=401), 401) == "who are you"


# ── what Grafana's data source and Jaeger's UI read ──


def test_grafana_reads_names_and_a_trace_with_its_times(api: Client) -> None:
    names = [operation["name"] for operation in get(api, "/operations", service="t")["operations"]]
    answer = get(api, f"/traces/{TRACE}", start_time="2026-11-24T00:00:00Z", end_time="2026-11-26T00:00:00Z")

    assert names
    for of in answer["result"]["resourceSpans"]:
        assert of["resource"]["attributes"][0]["value"]["stringValue"]
        for span in (span for scope in of["scopeSpans"] for span in scope["spans"]):
            assert isinstance(span["startTimeUnixNano"], str)
            assert isinstance(span["kind"], int)
            assert isinstance(span["status"].get("code", 0), int)


def test_jaegers_ui_validates_each_summary(api: Client, reader: PeerReader) -> None:
    reader.spans = [make_span(trace=number, number=number, service="t") for number in range(1, 4)] + [
        Span(trace_id(9), span_id(9), b"", "", 0, 0, 0)
    ]
    asked = {**WINDOW, "query.startTimeMin": "1970-01-01T00:00:00.000Z", "query.searchDepth": "20"}

    for summary in get(api, "/trace-summaries", **asked)["summaries"]:
        assert len(summary["traceId"]) == 32
        assert summary["minStartTimeUnixNano"].isdigit()
        assert summary["maxEndTimeUnixNano"].isdigit()
        assert min(summary["spanCount"], summary["errorSpanCount"], summary["orphanSpanCount"]) >= 0
