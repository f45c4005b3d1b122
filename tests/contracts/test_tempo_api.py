"""Tempo's API as Grafana calls it, over a store in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spanhouse.base.errors import Unauthenticated
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.traces.otlp import to_otlp
from tests.kit.fake_reader import FakeReader
from tests.kit.spans import BASE, make_span

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
def api(spans: list[Span], client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr("spanhouse.api.tempo.query_scope", lambda request: Scope("local"))
    set_reader(FakeReader(spans))
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

    inner = to_otlp(spans[:11]).SerializeToString()
    assert response.content.startswith(b"\x0a")
    assert response.content.endswith(inner)


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
        {"q": "{ } | count() > 1"},
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
    assert "duration" in scopes["intrinsic"]
    assert "http.status_code" in get(api, "/api/search/tags")["tagNames"]


@pytest.mark.report("V29")
@pytest.mark.parametrize(
    ("tag", "values"),
    [
        ("span.http.status_code", ["500"]),
        ("http.status_code", ["500"]),
        ("resource.undefined", []),
        ("span.%22a%2Fb%22", []),
        ("status", ["error", "ok", "unset"]),
        ("resource.service.name", ["cart", "shop", "web"]),
    ],
)
def test_values_of_a_tag(api: Client, tag: str, values: list[str]) -> None:
    answer = get(api, f"/api/v2/search/tag/{tag}/values")

    assert [value["value"] for value in answer["tagValues"]] == values


@pytest.mark.report("V29")
@pytest.mark.parametrize("path", ["/api/v2/search/tag/%7B/values", "/api/v2/search/tags?scope=nonsense"])
def test_what_is_no_tag_or_scope_is_refused(api: Client, path: str) -> None:
    assert api.get(f"/tempo{path}").status_code == 400
