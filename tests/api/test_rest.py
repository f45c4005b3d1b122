"""Our own API: traces page by page, services, attributes, metrics, and how it refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.test import Client

from spanhouse.base.errors import QueryLimitReached, Unauthenticated
from spanhouse.tracing.plan.metrics import Exemplar, MetricsAnswer, MetricSeries, MetricsRequest
from spanhouse.tracing.plan.requests import Edge, SearchAnswer, Sent, TraceSearch, UsageRow
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.search.registry import set_reader
from tests.kit.fake_reader import FakeReader
from tests.kit.spans import BASE, MS, make_span, span_id, trace_id

WITHIN = {"start": str(BASE), "end": str(BASE + 60_000 * MS)}
TRACE = f"{0xABC1:032x}"


def get(rest: Client, path: str, **asked: Any) -> Any:
    response = rest.get(f"/api/v1/{path}", {**WITHIN, **asked})
    assert response.status_code == 200, response.content
    assert response["Content-Type"].startswith("application/json")
    return json.loads(response.content)


def refused(rest: Client, path: str, **asked: Any) -> Any:
    response = rest.get(f"/api/v1/{path}", asked)
    assert response["Content-Type"] == "application/problem+json", response.content
    problem = json.loads(response.content)
    assert problem["status"] == response.status_code
    assert problem["detail"]
    return problem


def ids(page: Any) -> list[str]:
    return [trace["trace_id"][-4:] for trace in page["traces"]]


def test_a_search_gives_what_the_list_of_the_console_shows(rest: Client) -> None:
    (trace,) = get(rest, "traces", q='{ name = "child" }')["traces"]

    assert trace["trace_id"] == TRACE
    assert trace["start"] == "2026-11-24T23:12:00.000000000Z"
    assert (trace["duration_ns"], trace["spans"], trace["errors"], trace["matched"]) == (900 * MS, 11, 0, 10)
    assert (trace["root_service"], trace["root_name"]) == ("shop", "n1")
    assert {"service": "cart", "spans": 10, "errors": 0} in trace["services"]
    assert [span["name"] for span in trace["span_sets"][0]["spans"]] == ["child"] * 3


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"service": "cart"}, ["abc1"]),
        ({"status": "error"}, ["abc2"]),
        ({"operation": "late", "kind": "server"}, ["abc3"]),
        ({"kind": "client"}, []),
        ({"min_duration": "500ms"}, ["abc1"]),
        ({"max_duration": "100ms", "service": "shop"}, []),
        ({"tags": "http.route=/b"}, ["abc2"]),
        ({"tags": "http.route=/b", "q": "{ status = ok }"}, []),
        ({"order": "slowest", "limit": 1}, ["abc1"]),
        ({"end": str(BASE + 5_500 * MS)}, ["abc2", "abc1"]),
        ({"start": "2026-11-25T07:12:05+08:00", "end": "2026-11-24T23:12:06Z"}, ["abc3", "abc2"]),
    ],
)
def test_fields_of_the_form_narrow_a_search(rest: Client, asked: dict[str, Any], found: list[str]) -> None:
    assert ids(get(rest, "traces", **asked)) == found


def test_a_trace_without_its_root_names_none(rest: Client) -> None:
    (trace,) = get(rest, "traces", q='{ name = "late" }')["traces"]

    assert trace["root_service"] is None
    assert trace["root_name"] is None


@pytest.mark.report("V25")
@pytest.mark.parametrize("order", ["newest", "slowest"])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_together_are_the_whole_without_gap_or_repeat(rest: Client, order: str, size: int) -> None:
    """All traces start at one of two times and last equally long, so that only ids part them."""
    spans = [make_span(n, trace=n, at=n % 2) for n in range(1, 20)]
    set_reader(FakeReader(spans))
    whole = ids(get(rest, "traces", order=order, limit=100))

    pages = list(_pages(rest, order=order, limit=size))

    assert [trace for page in pages for trace in ids(page)] == whole
    assert all(len(page["traces"]) == size for page in pages[:-1])


def test_spans_that_arrive_meanwhile_do_not_shift_the_pages(rest: Client) -> None:
    reader = FakeReader([make_span(n, trace=n, at=n) for n in range(1, 7)])
    set_reader(reader)
    first = get(rest, "traces", limit=3)
    reader.spans += [make_span(n, trace=n, at=n) for n in range(7, 20)]
    reader.spans.append(make_span(99, trace=99, at=2))

    second = get(rest, "traces", limit=3, cursor=first["next"])

    assert ids(first) == ["0006", "0005", "0004"]
    assert ids(second) == ["0003", "0002", "0063"]


def test_a_cursor_keeps_the_range_of_the_first_page(rest: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Asked()
    set_reader(reader)
    reader.spans = [make_span(n, trace=n, at=n) for n in range(1, 4)]
    first = json.loads(rest.get("/api/v1/traces", {**WITHIN, "limit": 1}).content)

    rest.get("/api/v1/traces", {**WITHIN, "limit": 1, "cursor": first["next"]})

    assert reader.searches[1].range == reader.searches[0].range
    assert reader.searches[1].after is not None


@pytest.mark.parametrize(
    "cursor",
    [
        "abc",
        "____",
        base64.urlsafe_b64encode(b"{}").decode().rstrip("="),
        base64.urlsafe_b64encode(b'["x",2,1,0,0,"00"]').decode().rstrip("="),
        base64.urlsafe_b64encode(b'["x",true,1,0,0,"00"]').decode().rstrip("="),
        base64.urlsafe_b64encode(b"[" * 700).decode().rstrip("="),
    ],
)
def test_what_is_no_cursor_is_refused(rest: Client, cursor: str) -> None:
    assert "cursor" in refused(rest, "traces", cursor=cursor)["detail"]


def test_a_cursor_of_another_question_is_refused(rest: Client) -> None:
    first = get(rest, "traces", limit=1)

    assert "another question" in refused(rest, "traces", cursor=first["next"], q="{ status = error }")["detail"]


def test_explain_shows_the_statements(rest: Client) -> None:
    sent = Sent("candidates", "SELECT 1 WHERE a = {p1:String}", {"p1": "x"}, 10, 200, 1_500_000)
    set_reader(Explained(sent))

    explained = get(rest, "traces", explain="true")
    plain = get(rest, "traces")
    measured = get(rest, "metrics", q="{ } | rate()", explain="true")

    assert explained["statements"] == measured["statements"]
    assert explained["statements"] == [
        {
            "purpose": "candidates",
            "sql": sent.sql,
            "parameters": {"p1": "x"},
            "rows": 10,
            "bytes": 200,
            "milliseconds": 1.5,
        }
    ]
    assert "statements" not in plain
    assert explained["warnings"] == ["narrow the time range"]


@pytest.mark.report("V16")
@pytest.mark.parametrize("written", ["abc1", "ABC1", TRACE, TRACE.upper(), f"{0xABC1:016x}"])
def test_one_trace_comes_as_columns_and_as_otlp(rest: Client, written: str) -> None:
    columns = get(rest, f"traces/{written}")
    otlp = get(rest, f"traces/{written}/otlp")
    one = get(rest, f"traces/{written}/spans/{1:x}")

    assert (columns["trace_id"], len(columns["rows"]["id"]), columns["truncated"]) == (TRACE, 11, False)
    spans = [span for resource in otlp["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]]
    assert len(spans) == 11
    (span,) = one["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert {"key": "big", "value": {"intValue": str(2**63 - 1)}} in span["attributes"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("traces/abc9", 404),
        ("traces/0", 404),
        ("traces/xyz", 400),
        (f"traces/{'1' * 33}", 400),
        ("traces/abc1/spans/99", 404),
        ("traces/abc1/nonsense", 404),
        ("nonsense", 404),
        ("", 404),
        ("docs", 404),
    ],
)
def test_what_is_not_there_is_a_problem(rest: Client, path: str, status: int) -> None:
    assert refused(rest, path)["status"] == status


def test_services_operations_and_series_come_with_rates(rest: Client) -> None:
    services = {row["service"]: row for row in get(rest, "services")["services"]}
    (operation,) = get(rest, "operations", service="shop")["operations"]
    series = get(rest, "series", service="shop", step_minutes=5)

    assert services["cart"]["calls"] == 10
    assert services["cart"]["calls_per_second"] == pytest.approx(10 / 60)
    assert (operation["name"], operation["kind"], operation["p50_ns"]) == ("n1", "server", 900 * MS)
    assert series["step_seconds"] == 300
    assert sum(point["calls"] for point in series["points"]) == 1


def test_edges_and_usage_are_given_as_the_store_has_them(rest: Client) -> None:
    set_reader(Asked())

    assert get(rest, "edges")["edges"] == [{"parent": "shop", "child": "cart", "calls": 3, "errors": 1}]
    usage = json.loads(rest.get("/api/v1/usage").content)
    assert usage["total"] == {"spans": 5, "bytes": 700}
    assert usage["hours"][0]["hour"] == "2026-11-24T23:00:00Z"


def test_names_and_values_complete_a_query(rest: Client) -> None:
    scopes = {each["scope"]: each["names"] for each in get(rest, "tags")["scopes"]}
    values = get(rest, "values", tag="span.http.route", q="{ status = error && name = ")

    assert "http.route" in scopes["span"]
    assert "duration" in scopes["intrinsic"]
    assert values == {"values": [{"type": "string", "value": "/b", "seen": 1}], "complete": True}


@pytest.mark.parametrize("name", ["parent", "parent.x"])
def test_a_word_of_the_language_that_has_no_values_is_an_attribute(rest: Client, reader: FakeReader, name: str) -> None:
    reader.spans.append(make_span(40, trace=0xABC4, attributes={name: "p"}))

    assert get(rest, "values", tag=name)["values"] == [{"type": "string", "value": "p", "seen": 1}]


@pytest.mark.report("V29")
@pytest.mark.parametrize("tag", ["{", "a = 1", "}", "a || b"])
def test_what_is_no_tag_is_refused(rest: Client, tag: str) -> None:
    assert refused(rest, "values", tag=tag)["status"] == 400


def test_a_metric_has_its_times_series_and_exemplars(rest: Client) -> None:
    exemplar = Exemplar(trace_id(1), span_id(2), BASE, float("inf"))
    series = MetricSeries((("status", "error"), ("code", 500)), (1.0, None, float("nan")), (exemplar,))
    set_reader(Asked(MetricsAnswer((BASE, BASE + MS, BASE + 2 * MS), (series,))))

    answer = get(rest, "metrics", q="{ } | rate() by (status, span.code)", step="1ms")

    (only,) = answer["series"]
    assert answer["times"][1] == "2026-11-24T23:12:00.001000000Z"
    assert answer["step_ns"] == MS
    assert only["points"] == [1.0, None, "NaN"]
    assert only["labels"][1] == {"key": "code", "value": {"intValue": "500"}}
    assert only["exemplars"][0]["value"] == "Infinity"


def test_an_instant_metric_is_one_point_for_the_range(rest: Client) -> None:
    reader = Asked()
    set_reader(reader)

    get(rest, "metrics", q="{ } | rate()", instant="true")

    assert reader.measures[0].step is None
    assert reader.measures[0].range == TimeRange(BASE, BASE + 60_000 * MS)


@pytest.mark.parametrize(
    ("path", "asked", "said"),
    [
        ("traces", {"limit": "0"}, "limit"),
        ("traces", {"limit": "x"}, "limit"),
        ("traces", {"order": "random"}, "order"),
        ("traces", {"start": "yesterday"}, "start"),
        ("traces", {"start": "2026-13-01T00:00:00Z"}, "start"),
        ("traces", {"start": "2026-02-30T00:00:00Z"}, "start"),
        ("traces", {"end": "9" * 19}, "end"),
        ("traces", {"start": "20", "end": "10"}, "end"),
        ("traces", {"min_duration": "5"}, "min_duration"),
        ("traces", {"tags": 'a="'}, "key=value"),
        ("traces", {"q": "{ } | rate()"}, "/api/v1/metrics"),
        ("traces", {"status": "broken"}, "status"),
        ("metrics", {"q": "{ }"}, "/api/v1/traces"),
        ("metrics", {}, "q"),
        ("metrics", {"q": "{ } | rate()", "step": "0s"}, "step"),
        ("metrics", {"q": "{ } | rate()", "start": "10", "end": "10"}, "end"),
        ("series", {"step_minutes": "0"}, "step_minutes"),
        ("values", {}, "tag"),
        ("tags", {"scope": "nonsense"}, "scope"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(rest: Client, path: str, asked: dict[str, str], said: str) -> None:
    problem = refused(rest, path, **asked)

    assert problem["status"] == 400
    assert said in problem["detail"]


def test_a_query_that_cannot_be_read_says_where(rest: Client) -> None:
    problem = refused(rest, "traces", q="{ status = error &&\n  name == 1 }")

    assert (problem["line"], problem["column"]) == (2, 9)
    assert problem["expected"]


def test_only_reading_methods_are_answered(rest: Client) -> None:
    posted = rest.post("/api/v1/traces")

    assert posted.status_code == 405
    assert posted["Content-Type"] == "application/problem+json"
    assert posted["Allow"] == "GET, HEAD"
    assert rest.head("/api/v1/traces").status_code == 200


def test_without_a_right_the_answer_is_401(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(request: object) -> Scope:
        raise Unauthenticated("who are you")

    monkeypatch.setattr("spanhouse.api.rest.app.query_scope", nobody)

    response = client.get("/api/v1/traces")

    assert response.status_code == 401
    assert "Bearer" in response["WWW-Authenticate"]
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("error", "status"), [(QueryLimitReached("the query took too long; narrow the time range"), 422), (KeyError(), 500)]
)
def test_what_fails_in_the_store_is_a_problem(rest: Client, error: Exception, status: int) -> None:
    set_reader(Failing(error))

    assert refused(rest, "traces")["status"] == status


def test_while_the_store_is_not_open_the_answer_is_503(rest: Client) -> None:
    set_reader(None)

    response = rest.get("/api/v1/traces")

    assert response.status_code == 503
    assert response["Retry-After"]


class Asked(FakeReader):
    """Remembers what it was asked."""

    def __init__(self, measured: MetricsAnswer | None = None) -> None:
        super().__init__()
        self.searches: list[TraceSearch] = []
        self.measures: list[MetricsRequest] = []
        self._measured = measured or MetricsAnswer((), ())

    def search(self, request: TraceSearch) -> SearchAnswer:
        self.searches.append(request)
        return super().search(request)

    def metrics(self, request: MetricsRequest) -> MetricsAnswer:
        self.measures.append(request)
        return self._measured

    def edges(self, scope: Scope, time_range: TimeRange) -> list[Edge]:
        return [Edge("shop", "cart", 3, 1)]

    def usage(self, scope: Scope, received: TimeRange) -> list[UsageRow]:
        hour = BASE // (3_600_000 * MS) * 3_600_000 * MS
        return [UsageRow(hour, "shop", 2, 300), UsageRow(hour, "cart", 3, 400)]


class Explained(FakeReader):
    def __init__(self, sent: Sent) -> None:
        super().__init__()
        self._sent = sent

    def search(self, request: TraceSearch) -> SearchAnswer:
        return SearchAnswer((), statements=(self._sent,), warnings=("narrow the time range",))

    def metrics(self, request: MetricsRequest) -> MetricsAnswer:
        return MetricsAnswer((), (), statements=(self._sent,))


class Failing(FakeReader):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def search(self, request: TraceSearch) -> SearchAnswer:
        raise self._error


def _pages(rest: Client, **asked: Any) -> Any:
    following: dict[str, str] = {}
    while True:
        page = get(rest, "traces", **asked, **following)
        yield page
        if page["next"] is None:
            return
        following = {"cursor": page["next"]}
