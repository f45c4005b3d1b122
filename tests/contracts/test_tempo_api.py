"""Tempo's API as Grafana calls it, over a store in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spanhouse.api.proto.tempopb_pb2 import SearchResponse
from spanhouse.base.errors import Unauthenticated
from spanhouse.tracing.plan.predicates import Compare, Intrinsic
from spanhouse.tracing.plan.requests import (
    FoundSpanset,
    FoundTrace,
    MatchedSpan,
    SearchAnswer,
    StoredTrace,
    TraceSearch,
    TraceSummary,
)
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.plan.spansets import Both, Keep, Piped, Related
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.spans.model import Span, StatusCode
from spanhouse.tracing.traces.otlp import to_otlp
from tests.kit.fake_reader import FakeReader
from tests.kit.spans import BASE, make_span, span_id, trace_id

SECONDS = BASE // 10**9
TRACE = f"{0xABC1:032x}"


@pytest.fixture
def spans() -> list[Span]:
    return [
        make_span(1, lasts=900, service="shop"),
        *(make_span(number, 1, at=number, name="child", service="cart") for number in range(2, 12)),
        make_span(20, trace=0xABC2, at=5_000, status_code=2, attributes={"http.status_code": 500, "ok": float("nan")}),
        make_span(30, 29, trace=0xABC3, at=6_000, name="late"),
    ]


@pytest.fixture
def reader(spans: list[Span]) -> FakeReader:
    return FakeReader(spans)


@pytest.fixture
def api(reader: FakeReader, client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    for module in ("tempo", "tempo_tags"):
        monkeypatch.setattr(f"spanhouse.api.{module}.query_scope", lambda request: Scope("local"))
    set_reader(reader)
    yield client
    set_reader(None)


def get(api: Client, path: str, **asked: Any) -> Any:
    response = api.get(f"/tempo{path}", asked)
    assert response.status_code == 200, response.content
    return json.loads(response.content, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def found(api: Client, **asked: Any) -> list[str]:
    return [trace["traceID"][-4:] for trace in get(api, "/api/search", **asked)["traces"]]


def test_the_version_is_one_that_clients_can_compare(api: Client) -> None:
    number, _, build = get(api, "/api/status/buildinfo")["version"].partition("+")

    assert [part.isdigit() for part in number.split(".")] == [True, True, True]
    assert build.startswith("spanhouse.")


@pytest.mark.parametrize(("path", "text"), [("/api/echo", b"echo"), ("/ready", b"ready\n")])
def test_health_addresses_answer(api: Client, path: str, text: bytes) -> None:
    assert api.get(f"/tempo{path}").content == text


@pytest.mark.report("V16")
@pytest.mark.parametrize("written", ["abc1", "ABC1", TRACE, TRACE.upper(), f"{0xABC1:016x}"])
@pytest.mark.parametrize("version", ["", "v2/"])
def test_a_trace_is_found_by_each_spelling_of_its_id(api: Client, written: str, version: str) -> None:
    answer = get(api, f"/api/{version}traces/{written}")

    batches = answer["batches"] if not version else answer["trace"]["resourceSpans"]
    assert batches[0]["scopeSpans"][0]["spans"][0]["traceId"] == TRACE


@pytest.mark.report("V05", "V16")
@pytest.mark.parametrize(
    ("written", "status"),
    [("abc9", 404), ("0" * 32, 404), ("xyz", 400), ("1" * 33, 400), ("Z6z8LqVvEI", 400)],
)
@pytest.mark.parametrize("version", ["", "v2/"])
def test_an_unknown_or_malformed_id_has_its_status(api: Client, written: str, status: int, version: str) -> None:
    response = api.get(f"/tempo/api/{version}traces/{written}")

    assert response.status_code == status
    assert response["Content-Type"].startswith("text/plain")


def test_a_trace_comes_as_protobuf_when_asked(api: Client, spans: list[Span]) -> None:
    response = api.get(f"/tempo/api/traces/{TRACE}", headers={"Accept": "application/protobuf"})

    assert response["Content-Type"] == "application/protobuf"
    assert TracesData.FromString(response.content) == to_otlp(spans[:11])


def test_version_2_wraps_the_trace_in_a_response(api: Client, spans: list[Span]) -> None:
    response = api.get(f"/tempo/api/v2/traces/{TRACE}", headers={"Accept": "application/protobuf"})
    in_json = get(api, f"/api/v2/traces/{TRACE}")

    fields = proto_fields(response.content)
    assert TracesData.FromString(fields[1]) == to_otlp(spans[:11])
    assert 3 not in fields
    assert in_json["status"] == "COMPLETE"


def test_a_trace_that_is_cut_says_so(api: Client, reader: FakeReader) -> None:
    set_reader(Cut(reader.spans))

    in_json = get(api, f"/api/v2/traces/{TRACE}")
    fields = proto_fields(api.get(f"/tempo/api/v2/traces/{TRACE}", headers={"Accept": "application/protobuf"}).content)
    old = api.get(f"/tempo/api/traces/{TRACE}")

    assert in_json["status"] == "PARTIAL"
    assert "holds 11 spans" in in_json["message"]
    assert fields[3] == 1
    assert fields[4].decode() == in_json["message"]
    assert "holds 11 spans" in old["Spanhouse-Notice"]


@pytest.mark.parametrize("version", ["", "v2/"])
@pytest.mark.parametrize(
    ("start", "end", "status"),
    [(0, 0, 200), (-10, 10, 200), (0, 1, 200), (-10, -1, 404), (1, 10, 404), (-10, "", 200), ("", -1, 404)],
)
def test_a_trace_outside_the_time_asked_for_is_not_found(
    api: Client, version: str, start: int | str, end: int | str, status: int
) -> None:
    """The trace lasts for 0.9 s of one second."""
    asked = {"start": start if start == "" else SECONDS + int(start), "end": end if end == "" else SECONDS + int(end)}

    response = api.get(f"/tempo/api/{version}traces/{TRACE}", asked)

    assert response.status_code == status
    assert (b"outside the time range" in response.content) == (status == 404)


def test_a_search_names_the_trace_its_root_and_what_matched(api: Client) -> None:
    (trace,) = get(api, "/api/search", q='{ name = "child" }')["traces"]

    assert trace["traceID"] == TRACE
    assert (trace["rootServiceName"], trace["rootTraceName"]) == ("shop", "n1")
    assert trace["startTimeUnixNano"] == str(BASE)
    assert trace["durationMs"] == 900
    assert trace["spanSet"] == trace["spanSets"][0]
    assert trace["spanSet"]["matched"] == 10
    assert trace["serviceStats"]["cart"] == {"spanCount": 10}


@pytest.mark.report("V35")
@pytest.mark.parametrize(("spss", "returned"), [({}, 3), ({"spss": 1}, 1), ({"spss": 0}, 10), ({"spss": 100}, 10)])
def test_spss_bounds_the_spans_returned_not_the_count(api: Client, spss: dict[str, int], returned: int) -> None:
    (trace,) = get(api, "/api/search", q='{ name = "child" }', **spss)["traces"]

    assert trace["spanSets"][0]["matched"] == 10
    assert {span["name"] for span in trace["spanSets"][0]["spans"]} == {"child"}
    assert len(trace["spanSets"][0]["spans"]) == returned


def test_a_search_answers_with_the_fields_of_the_message_and_no_other(api: Client) -> None:
    """Grafana parses strictly."""
    response = api.get("/tempo/api/search", {"q": "{ }", "spss": 0})

    message = json_format.Parse(response.content, SearchResponse())

    assert len(message.traces) == 3
    assert message.traces[2].spanSets[0].matched == 11
    assert message.traces[2].durationMs == 900


@pytest.mark.report("V35")
def test_each_spanset_has_its_attributes_and_the_spans_theirs(api: Client) -> None:
    groups = tuple(
        FoundSpanset(5, (MatchedSpan(span_id(n), "cart", "child", BASE, 7, {"code": n, "ok": float("inf")}),), (label,))
        for n, label in ((1, ("by(name)", "child")), (2, ("avg(duration)", 1.5)))
    )
    summary = TraceSummary(trace_id(0xABC1), BASE, BASE, 10, 0, (("cart", 10, 0),), "shop", "n1")
    set_reader(Found(SearchAnswer((FoundTrace(summary, groups),))))

    response = api.get("/tempo/api/search", {"q": "{ } | by(name) | select(.code)"})
    (trace,) = json_format.Parse(response.content, SearchResponse()).traces

    assert [spanset.matched for spanset in trace.spanSets] == [5, 5]
    assert trace.spanSet == trace.spanSets[0]
    assert trace.spanSets[0].attributes[0].key == "by(name)"
    assert trace.spanSets[1].attributes[0].value.double_value == 1.5
    attributes = {pair.key: pair.value for pair in trace.spanSets[1].spans[0].attributes}
    assert attributes["code"].int_value == 2
    assert attributes["ok"].double_value == float("inf")


def test_what_a_limit_left_out_is_said(api: Client) -> None:
    set_reader(Found(SearchAnswer((), warnings=("only the first 10 traces: narrow the time range",))))

    response = api.get("/tempo/api/search", {"q": "{ }"})

    assert "narrow the time range" in response["Spanhouse-Notice"]
    metrics = json_format.Parse(response.content, SearchResponse()).metrics
    assert metrics.completedJobs < metrics.totalJobs


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("{ } >> { status = error }", Related),
        ("{ } | count() > 2", Piped),
        ("{ status = error } && { kind = client }", Both),
    ],
)
def test_structure_and_pipelines_are_searched_for(api: Client, query: str, where: type) -> None:
    reader = Found(SearchAnswer(()))
    set_reader(reader)

    get(api, "/api/search", q=query)
    get(api, "/api/search", q=query, tags="error=true")

    assert isinstance(reader.asked[0].where, where)
    assert reader.asked[1].where == Piped(
        reader.asked[0].where, (Keep(Compare(Intrinsic.STATUS, "=", StatusCode.ERROR)),)
    )


@pytest.mark.parametrize("query", ["{ } | rate()", "{ } | quantile_over_time(duration, .9) by (name)"])
def test_a_metrics_query_is_told_where_to_go(api: Client, query: str) -> None:
    response = api.get("/tempo/api/search", {"q": query})

    assert response.status_code == 400
    assert b"/api/metrics/query_range" in response.content


@pytest.mark.report("V24")
def test_a_trace_without_its_root_says_so(api: Client) -> None:
    (trace,) = get(api, "/api/search", q='{ name = "late" }')["traces"]

    assert trace["rootServiceName"] == "<root span not yet received>"


def test_newest_traces_come_first_and_slowest_when_asked(api: Client) -> None:
    assert found(api) == ["abc3", "abc2", "abc1"]
    assert found(api, limit=2) == ["abc3", "abc2"]
    assert found(api, order="slowest", limit=1) == ["abc1"]


def test_both_ends_of_the_range_are_included(api: Client) -> None:
    assert found(api, start=SECONDS, end=SECONDS) == ["abc1"]
    assert found(api, start=SECONDS + 5, end=SECONDS + 6) == ["abc3", "abc2"]


@pytest.mark.report("V27")
@pytest.mark.parametrize("tags", ["error=true", "http.status_code=500", 'http.status_code="500" error=true'])
def test_tags_find_by_text_whatever_the_type(api: Client, tags: str) -> None:
    assert found(api, tags=tags) == ["abc2"]


@pytest.mark.report("V26")
@pytest.mark.parametrize(
    "tags",
    [
        "http.url=http://h/c?customer=567",
        'http.url="http://h/c?customer=567"',
        '"guid:x-request-id"=7',
        "guid:x-request-id=7",
        'note="a \\"quoted\\" *"',
        'foo="bar baz" http.url=http://h/c?customer=567',
    ],
)
def test_values_and_names_of_tags_may_hold_any_sign(api: Client, tags: str) -> None:
    attributes: dict[str, Any] = {
        "http.url": "http://h/c?customer=567",
        "guid:x-request-id": 7,
        "note": 'a "quoted" *',
        "foo": "bar baz",
    }
    set_reader(
        FakeReader([make_span(1, attributes=attributes), make_span(2, trace=0xABC2, attributes={"note": "a b"})])
    )

    assert found(api, tags=tags) == ["abc1"]


@pytest.mark.report("V25")
@pytest.mark.parametrize("order", ["newest", "slowest"])
def test_the_answer_to_a_lower_limit_begins_that_to_a_higher_one(api: Client, order: str) -> None:
    set_reader(
        FakeReader([make_span(n, trace=n, at=n % 3, lasts=n % 4, attributes={"rare": n < 5}) for n in range(1, 60)])
    )

    most = found(api, order=order, limit=500)

    assert len(most) == 59
    assert [found(api, order=order, limit=limit) for limit in (5, 20)] == [most[:5], most[:20]]
    assert len(found(api, order=order, limit=20, q="{ span.rare = true }")) == 4


@pytest.mark.report("V09")
def test_answers_are_strict_json(api: Client) -> None:
    answer = get(api, "/api/traces/abc2")

    (span,) = answer["batches"][0]["scopeSpans"][0]["spans"]
    assert {"key": "ok", "value": {"doubleValue": "NaN"}} in span["attributes"]


@pytest.mark.parametrize(
    "asked",
    [
        {"q": "{ span.foo =~ `[` }"},
        {"q": "{ name = nil }"},
        {"q": "{"},
        {"q": "{ } | count() >"},
        {"q": "{ } | rate()"},
        {"minDuration": "2s", "maxDuration": "1s"},
        {"spss": "10001"},
        {"limit": "1001"},
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "9" * 30},
        {"spss": "x"},
        {"start": "yesterday"},
        {"start": "20", "end": "10"},
        {"end": "NaN"},
        {"minDuration": "5"},
        {"tags": 'a="'},
        {"order": "random"},
    ],
)
def test_what_makes_no_sense_is_refused_in_plain_text(api: Client, asked: dict[str, str]) -> None:
    response = api.get("/tempo/api/search", asked)

    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/plain")
    assert response.content.strip()


def test_only_reading_methods_are_answered(api: Client) -> None:
    assert api.post("/tempo/api/search").status_code == 405


def test_without_a_right_the_answer_is_401(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(request: object) -> Scope:
        raise Unauthenticated("who are you")

    monkeypatch.setattr("spanhouse.api.tempo.query_scope", nobody)

    response = client.get("/tempo/api/search")

    assert response.status_code == 401
    assert "Bearer" in response["WWW-Authenticate"]


def test_while_the_store_is_not_open_the_answer_is_503(api: Client) -> None:
    set_reader(None)

    response = api.get("/tempo/api/search")

    assert response.status_code == 503
    assert response["Retry-After"]


def test_names_of_tags_come_by_scope(api: Client) -> None:
    scopes = {scope["name"]: scope["tags"] for scope in get(api, "/api/v2/search/tags")["scopes"]}

    assert scopes["span"] == ["http.status_code", "ok"]
    assert {"duration", "span:duration", "rootServiceName", "trace:rootService"} <= set(scopes["intrinsic"])
    assert "http.status_code" in get(api, "/api/search/tags")["tagNames"]


def test_names_of_tags_are_limited_in_each_scope_and_by_a_query(api: Client) -> None:
    limited = get(api, "/api/v2/search/tags", limit=1)["scopes"]
    filtered = get(api, "/api/v2/search/tags", q="{ status = ok }", scope="span")["scopes"]
    only = get(api, "/api/v2/search/tags", scope="intrinsic")["scopes"]

    assert all(len(scope["tags"]) == 1 for scope in limited)
    assert filtered == []
    assert [scope["name"] for scope in only] == ["intrinsic"]


@pytest.mark.report("V29")
@pytest.mark.parametrize(
    ("tag", "values"),
    [
        ("span.http.status_code", [("int", "500")]),
        ("http.status_code", [("int", "500")]),
        ("resource.undefined", []),
        ("span.%22a%2Fb%22", []),
        ("span.a//b", []),
        ("span.%22my%20attr%22", []),
        ("status", [("keyword", "error"), ("keyword", "ok"), ("keyword", "unset")]),
        ("span:status", [("keyword", "error"), ("keyword", "ok"), ("keyword", "unset")]),
        ("resource.service.name", [("string", "cart"), ("string", "web"), ("string", "shop")]),
        ("span:parentID", []),
        ("parent", []),
        ("nestedSetLeft", []),
    ],
)
def test_values_of_a_tag_are_typed(api: Client, reader: FakeReader, tag: str, values: list[tuple[str, str]]) -> None:
    answer = get(api, f"/api/v2/search/tag/{tag}/values")

    found = [(value["type"], value["value"]) for value in answer["tagValues"]]
    assert found[: len(values) or None] == values


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('{ resource.service.name = "cart" }', ["child"]),
        ('{resource.service.name="cart"}', ["child"]),
        ("{ status = error && name = }", ["n20"]),
        ("{ status = error && span.", ["n20"]),
        ("{ status = error && span.foo }", ["n20"]),
        ("{ status = error && (kind = server || kind = client) }", ["n20"]),
        ('{ status = error || name = "late" }', ["late", "n20"]),
    ],
)
def test_values_are_those_of_spans_that_the_whole_conditions_of_a_query_leave(
    api: Client, query: str, names: list[str]
) -> None:
    answer = get(api, "/api/v2/search/tag/name/values", q=query)

    assert sorted(value["value"] for value in answer["tagValues"]) == names


@pytest.mark.parametrize(
    "query",
    [
        "{ name = }",
        "{ status = error || name = }",
        "{ span.foo }",
        "{",
        "",
        "nonsense",
        "{ name =~ `[` }",
        '{ name = "child" } && { status = error }',
        '{ name = "a } && {',
    ],
)
def test_a_query_that_says_nothing_whole_leaves_all_values(api: Client, query: str) -> None:
    answer = get(api, "/api/v2/search/tag/name/values", q=query)

    assert {"n1", "child", "n20", "late"} == {value["value"] for value in answer["tagValues"]}


def test_values_are_bound_by_time_and_number(api: Client) -> None:
    late = get(api, "/api/v2/search/tag/name/values", start=SECONDS + 6, end=SECONDS + 6)
    few = get(api, "/api/search/tag/name/values", limit=1)

    assert late["tagValues"] == [{"type": "string", "value": "late"}]
    assert few == {"tagValues": ["child"]}


@pytest.mark.parametrize(("tag", "values"), [("error", ["true"]), ("status.code", ["error", "ok", "unset"])])
def test_version_1_knows_tags_that_stand_for_fields(api: Client, tag: str, values: list[str]) -> None:
    assert get(api, f"/api/search/tag/{tag}/values")["tagValues"] == values


@pytest.mark.report("V29")
@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/search/tag/%7B/values",
        "/api/v2/search/tag/a%20%3D%201/values",
        "/api/v2/search/tags?scope=nonsense",
        "/api/v2/search/tag/name/values?limit=x",
        "/api/v2/search/tag/name/values?start=x",
    ],
)
def test_what_is_no_tag_scope_or_number_is_refused(api: Client, path: str) -> None:
    assert api.get(f"/tempo{path}").status_code == 400


class Cut(FakeReader):
    """Has more of every trace than an answer holds."""

    def trace(self, scope: Scope, trace_id: bytes, span_limit: int) -> StoredTrace:
        return StoredTrace(super().trace(scope, trace_id, span_limit).spans, truncated=True)


class Found(FakeReader):
    """Has one answer to every search, and remembers what was asked."""

    def __init__(self, answer: SearchAnswer) -> None:
        super().__init__()
        self._answer = answer
        self.asked: list[TraceSearch] = []

    def search(self, request: TraceSearch) -> SearchAnswer:
        self.asked.append(request)
        return self._answer


def proto_fields(content: bytes) -> dict[int, Any]:
    """Number → value of the fields of a message whose numbers are small and not repeated."""
    fields: dict[int, Any] = {}
    at = 0
    while at < len(content):
        number, kind = content[at] >> 3, content[at] & 7
        value, at = _varint(content, at + 1)
        fields[number] = value
        if kind == 2:
            fields[number], at = content[at : at + value], at + value
    return fields


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (content[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if content[at - 1] < 0x80:
            return value, at
