"""From OTLP to the people who ask, through real processes: Tempo's API, Jaeger's, the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from spanhouse.tracing.spans.model import Resource, Span
from spanhouse.tracing.traces.otlp import to_json
from tests.kit.server import RunningServer, wait_until
from tests.kit.spans import MS, make_span

STARTED = time.time_ns() - 5_000 * MS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("query") / "data") as server:
        yield server


def send(server: RunningServer, *spans: Span) -> None:
    answer = httpx.post(f"{server.otlp_http}/v1/traces", json=to_json(spans), timeout=30)
    assert answer.status_code == 200, answer.text
    last = spans[-1].trace_id.hex()
    wait_until(lambda: ask(server, f"/tempo/api/traces/{last}").status_code == 200)


def ask(server: RunningServer, path: str, **asked: str) -> httpx.Response:
    return httpx.get(f"{server.console}{path}", params=asked, timeout=60)


def span(number: int, parent: int = 0, **fields: Any) -> Span:
    service = fields.pop("service", "shop")
    fields.setdefault("resource", Resource({"service.name": service}))
    return make_span(number, parent, service=service, start_time=STARTED, **fields)


def test_a_span_is_found_through_every_face(server: RunningServer) -> None:
    sent = span(1, trace=0xF00D, lasts=2_500, name="checkout", attributes={"order": 2**63 - 1})
    send(server, sent, span(2, 1, trace=0xF00D, service="pay", status_code=2))

    (tempo,) = ask(server, "/tempo/api/search", q="{ duration > 2s && span.order != nil }").json()["traces"]
    (jaeger,) = ask(server, "/jaeger/api/traces", service="pay", tags='{"error":"true"}').json()["data"]
    (printed,) = json.loads(server.cli("query", '{ name = "checkout" }', "--json").stdout)
    table = server.cli("query", "{ duration > 2s }", "--slowest").stdout

    trace = f"{0xF00D:032x}"
    assert tempo["traceID"] == jaeger["traceID"] == printed["trace_id"] == trace
    assert (tempo["rootTraceName"], tempo["durationMs"]) == ("checkout", 2_500)
    assert {"key": "order", "type": "int64", "value": 2**63 - 1} in jaeger["spans"][0]["tags"]
    assert trace in table
    assert "checkout" in table


@pytest.mark.report("V24")
def test_a_root_that_arrives_late_gives_the_trace_its_name(server: RunningServer) -> None:
    send(server, span(2, 1, trace=0xBEEF, name="child"))
    before = ask(server, "/tempo/api/search", q='{ name = "child" }').json()["traces"][0]
    send(server, span(1, trace=0xBEEF, name="late root"), span(3, trace=0xBEE0))

    (after,) = ask(server, "/tempo/api/search", q='{ name = "child" }').json()["traces"]

    assert before["rootTraceName"] == "<root span not yet received>"
    assert after["rootTraceName"] == "late root"


@pytest.mark.report("V21")
def test_a_chain_of_5_000_spans_comes_whole_through_each_api(server: RunningServer) -> None:
    send(server, *(span(number + 1, number, trace=0xDEE9) for number in range(5_000)))

    tempo = ask(server, "/tempo/api/traces/dee9").json()["batches"]
    (jaeger,) = ask(server, "/jaeger/api/traces/dee9").json()["data"]

    assert sum(len(scope["spans"]) for batch in tempo for scope in batch["scopeSpans"]) == 5_000
    assert len(jaeger["spans"]) == 5_000


@pytest.mark.report("V17")
def test_a_cycle_is_answered_in_time(server: RunningServer) -> None:
    send(server, span(1, 2, trace=0xC1C1), span(2, 1, trace=0xC1C1))

    (jaeger,) = ask(server, "/jaeger/api/traces/c1c1").json()["data"]

    assert len(jaeger["spans"]) == 2
    assert [len(each["references"]) for each in jaeger["spans"]] == [0, 1]


@pytest.mark.report("V28")
def test_names_of_any_script_and_sign_come_back(server: RunningServer) -> None:
    name = "商品/<img onerror>🦊"
    send(server, span(1, trace=0xABCD, service=name, name=name))

    (trace,) = ask(server, "/jaeger/api/traces", service=name, operation=name).json()["data"]

    assert trace["processes"]["p1"]["serviceName"] == name
    assert name in ask(server, "/jaeger/api/services").json()["data"]


def test_structure_and_pipelines_are_answered_through_every_face(server: RunningServer) -> None:
    send(
        server,
        span(1, trace=0xFACE, name="facade"),
        *(
            span(number, 1, trace=0xFACE, name="inner", attributes={"n": number}, lasts=number)
            for number in range(2, 6)
        ),
    )
    query = '{ name = "facade" } > { name = "inner" } | by(span.n) | select(status)'

    (tempo,) = ask(server, "/tempo/api/search", q=query).json()["traces"]
    (rest,) = ask(server, "/api/v1/traces", q=query).json()["traces"]
    counted = ask(server, "/tempo/api/search", q='{ name = "inner" } | count() > 3').json()["traces"]
    table = server.cli("query", query).stdout

    assert len(tempo["spanSets"]) == len(rest["span_sets"]) == 4
    assert [each["matched"] for each in rest["span_sets"]] == [1, 1, 1, 1]
    assert {"key": "by(span.n)", "value": {"intValue": "2"}} in [each["attributes"][0] for each in tempo["spanSets"]]
    assert {"key": "status", "value": {"stringValue": "unset"}} in rest["span_sets"][0]["spans"][0]["attributes"]
    assert [trace["traceID"] for trace in counted] == [f"{0xFACE:032x}"]
    assert "by(span.n) = 3" in table


def test_values_are_completed_from_what_was_sent(server: RunningServer) -> None:
    send(
        server,
        span(1, trace=0xC0DE, name="coded", attributes={"code": 200, 'odd/"name"': "x"}),
        span(2, 1, trace=0xC0DE, name="coded", attributes={"code": 500}, status_code=2),
    )

    def values(tag: str, **asked: str) -> list[tuple[str, str]]:
        found = ask(server, f"/tempo/api/v2/search/tag/{quote(tag, safe='')}/values", **asked).json()["tagValues"]
        return sorted((value["type"], value["value"]) for value in found)

    explained = ask(server, "/api/v1/values", tag="span.code", explain="true").json()
    assert {value["value"] for value in explained["values"]} == {"200", "500"}
    assert "SELECT" in explained["statements"][-1]["sql"]
    assert values("span.code") == [("int", "200"), ("int", "500")]
    assert values("span.code", q="{ status = error && name = ") == [("int", "500")]
    assert values('span."odd/\\"name\\""') == [("string", "x")]
    assert values("status", q='{ name = "coded" }') == [("keyword", "error"), ("keyword", "unset")]
    assert ("string", "coded") in values("name")
    assert values("resource.undefined") == []


@pytest.mark.report("V31")
def test_attributes_of_odd_names_are_asked_for_as_they_are_called(server: RunningServer) -> None:
    attributes = {
        "resource.id": "r",
        "my attr": 1,
        'a"b': True,
        "account-channel": "web",
        'db.st"ateme"nt': "q",
        "duration": "long",
        "x": 2,
    }
    resource = Resource({"service.name": "shop", "x": 1})
    send(server, span(1, trace=0x0DD, name="odd", attributes=attributes, resource=resource))

    def found(condition: str) -> bool:
        answer = ask(server, "/tempo/api/search", q=f'{{ name = "odd" && {condition} }}')
        assert answer.status_code == 200, answer.text
        return answer.json()["traces"] != []

    for condition in (
        'span.resource.id = "r"',
        'span."my attr" = 1',
        '."a\\"b" = true',
        'span.account-channel = "web"',
        'span.db.st"ateme"nt != nil || span."db.st\\"ateme\\"nt" != nil',
        '.duration = "long"',
        "span:duration < 1s && duration < 1s",
        ".x = 2",
        "resource.x = 1",
    ):
        assert found(condition), condition
    assert not found(".x = 1")


@pytest.mark.report("V37")
@pytest.mark.parametrize("path", ["/tempo/api/search", "/api/v1/traces", "/tempo/api/v2/search/tags", "/api/v1/usage"])
def test_a_tenant_that_is_none_of_ours_reads_nothing(server: RunningServer, path: str) -> None:
    before = sorted(server.data.iterdir())

    for tenant in ("..", ".", "a/b", "a\\b", "t#1", "x" * 151, "", "|a", "a||b", "a|..", "LOCAL"):
        answer = httpx.get(f"{server.console}{path}", headers={"X-Scope-OrgID": tenant}, timeout=30)
        assert 400 <= answer.status_code < 500, tenant

    assert sorted(server.data.iterdir()) == before


@pytest.mark.report("V25")
def test_a_limit_cuts_after_the_condition_and_pages_go_on(server: RunningServer) -> None:
    """Three old traces among many newer ones are what is asked for."""
    many = [span(1, trace=0x2500 + n, name="many", attributes={"rare": n < 3}) for n in range(60)]
    send(server, *many)

    few = ask(server, "/tempo/api/search", q="{ span.rare = true }", limit="20").json()["traces"]
    pages: list[str] = []
    following: dict[str, str] = {}
    while True:
        page = ask(server, "/api/v1/traces", q='{ name = "many" }', limit="25", **following).json()
        pages += [trace["trace_id"] for trace in page["traces"]]
        if page["next"] is None:
            break
        following = {"cursor": page["next"]}

    assert len(few) == 3
    assert sorted(pages) == sorted(each.trace_id.hex() for each in many)
    whole = ask(server, "/api/v1/traces", q='{ name = "many" }', limit="100").json()["traces"]
    assert pages == [trace["trace_id"] for trace in whole]


def test_a_metric_is_printed_as_a_line_and_explained(server: RunningServer) -> None:
    send(server, span(1, trace=0x3E7A, name="measured", service="meter"))

    line = server.cli("query", '{ name = "measured" } | count_over_time() by (resource.service.name)').stdout
    value = server.cli("query", '{ name = "measured" } | count_over_time()', "--instant").stdout
    explained = server.cli("query", '{ name = "measured" }', "--explain").stdout

    assert "resource.service.name = meter" in line
    assert "█" in line
    assert value.split()[-1] == "1"
    assert "SELECT" in explained
    assert "rows" in explained
    assert '= "measured"' in explained


def test_what_arrives_is_followed_until_it_is_interrupted(server: RunningServer) -> None:
    command = [sys.executable, "-m", "spanhouse", "query", '{ name = "followed" }', "--follow", "--json"]
    with subprocess.Popen(command, env=server.environment(), stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            send(server, now(1, trace=0xF0110, name="followed"))
            first = json.loads(following.stdout.readline())
            send(server, now(1, trace=0xF0111, name="followed"), now(2, trace=0xF0110, name="followed"))
            second = json.loads(following.stdout.readline())
        finally:
            following.send_signal(signal.SIGINT)
        rest = following.stdout.read()

    assert [first["trace_id"], second["trace_id"]] == [f"{0xF0110:032x}", f"{0xF0111:032x}"]
    assert rest == ""
    assert following.returncode == 0


def test_points_of_a_metric_are_followed_as_its_steps_end(server: RunningServer) -> None:
    query = '{ name = "ticking" } | count_over_time()'
    command = [sys.executable, "-m", "spanhouse", "query", query, "--follow", "--step", "2s", "--json"]
    with subprocess.Popen(command, env=server.environment(), stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            points = [json.loads(following.stdout.readline())]
            send(server, now(1, trace=0x71CC, name="ticking"))
            while points[-1]["value"] == 0 and len(points) < 20:
                points.append(json.loads(following.stdout.readline()))
        finally:
            following.send_signal(signal.SIGINT)

    assert points[-1]["value"] == 1
    assert len({point["time"] for point in points}) == len(points)
    assert following.returncode == 0


def test_without_a_console_the_command_says_so_in_one_line(server: RunningServer) -> None:
    done = server.cli("query", "{ }", "--url", "http://127.0.0.1:9", check=False)

    assert done.returncode == 2
    assert "no console answers" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def now(number: int, **fields: Any) -> Span:
    return make_span(number, start_time=time.time_ns(), service="shop", **fields)


def test_a_query_that_is_wrong_says_so_in_one_line(server: RunningServer) -> None:
    done = server.cli("query", "{ name = nil }", check=False)

    assert done.returncode == 2
    assert "column 8" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", ["/tempo/api/search", "/jaeger/api/services", "/tempo/api/traces/abc1"])
def test_through_a_proxy_nothing_is_read_without_a_token(server: RunningServer, path: str) -> None:
    answer = httpx.get(f"{server.console}{path}", headers={"X-Forwarded-For": "203.0.113.9"}, timeout=30)

    assert answer.status_code == 401
