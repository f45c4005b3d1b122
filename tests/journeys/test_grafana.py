"""The data sources that deploy/grafana provisions, and the calls that each makes: answers of the shape it reads.

What Grafana calls was read from its sources: pkg/tempo of grafana-tempo-datasource, pkg/tsdb/jaeger, pkg/tsdb/zipkin.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import yaml
from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spanhouse.api.proto import tempopb_pb2 as tempopb
from spanhouse.tracing.spans.model import Event, Resource, Span
from spanhouse.tracing.traces.otlp import to_json
from tests.kit.server import RunningServer, free_ports, wait_until
from tests.kit.spans import MS, make_span

DEPLOY = Path(__file__).parents[2] / "deploy" / "grafana" / "provisioning" / "datasources" / "spanhouse.yaml"
STARTED = time.time_ns() - 20_000 * MS
SECONDS = STARTED // 10**9
TRACE = f"{0x6AFA:032x}"


@dataclass(frozen=True)
class Source:
    """One data source as Grafana has it after provisioning."""

    type: str
    url: str
    token: str

    def get(self, path: str, headers: dict[str, str] | None = None, **asked: Any) -> httpx.Response:
        answer = httpx.get(
            f"{self.url}/{path}", params=asked, headers=headers, auth=("grafana", self.token), timeout=60
        )
        assert answer.status_code == 200, answer.text
        return answer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    (port,) = free_ports(1)
    with RunningServer(tmp_path_factory.mktemp("grafana") / "data", jaeger_query_port=port) as server:
        answer = httpx.post(f"{server.otlp_http}/v1/traces", json=to_json(spans()), timeout=30)
        assert answer.status_code == 200, answer.text
        wait_until(lambda: httpx.get(f"{server.console}/tempo/api/traces/{TRACE}").status_code == 200)
        yield server


@pytest.fixture(scope="module")
def token(server: RunningServer) -> str:
    return str(server.cli_json("key", "create", "grafana", "--scope", "query")["secret"])


@pytest.fixture(scope="module")
def sources(server: RunningServer, token: str) -> dict[str, Source]:
    provisioned = yaml.safe_load(DEPLOY.read_text())["datasources"]
    return {
        each["type"]: Source(
            each["type"],
            each["url"].replace("${GRAFANA_SPANHOUSE_URL}", server.console),
            each["secureJsonData"]["basicAuthPassword"].replace("${GRAFANA_SPANHOUSE_TOKEN}", token),
        )
        for each in provisioned
        if each["access"] == "proxy" and each["basicAuth"]
    }


def spans() -> list[Span]:
    shop, cart = Resource({"service.name": "shop"}), Resource({"service.name": "cart", "host.name": "h1"})
    return [
        make_span(1, trace=0x6AFA, start_time=STARTED, lasts=900, service="shop", name="GET /", resource=shop),
        make_span(
            2, 1, trace=0x6AFA, start_time=STARTED + MS, lasts=200, service="cart", name="add", status_code=2,
            resource=cart, attributes={"http.status_code": 500}, events=(Event(STARTED + 2 * MS, "exception", {}),),
        ),
    ]  # fmt: skip


def range_s() -> dict[str, int]:
    return {"start": SECONDS - 3_600, "end": SECONDS + 60}


def test_the_three_kinds_of_data_source_are_provisioned(sources: dict[str, Source]) -> None:
    assert set(sources) == {"tempo", "jaeger", "zipkin"}


# -- Tempo


def test_tempo_is_healthy(sources: dict[str, Source]) -> None:
    assert sources["tempo"].get("api/echo").text == "echo"


@pytest.mark.parametrize(("path", "asked"), [("api/v2/traces", {}), ("api/traces", {}), ("api/v2/traces", range_s())])
def test_tempo_gives_a_trace_as_protobuf(sources: dict[str, Source], path: str, asked: dict[str, int]) -> None:
    answer = sources["tempo"].get(f"{path}/{TRACE}", {"Accept": "application/protobuf"}, **asked)

    # TraceByIDResponse{trace = 1} of version 2 is a message whose first field is version 1's answer.
    content = answer.content[len(answer.content) - _length(answer.content) :] if "v2" in path else answer.content
    assert (
        sum(len(scope.spans) for each in TracesData.FromString(content).resource_spans for scope in each.scope_spans)
        == 2
    )


@pytest.mark.parametrize(
    "query",
    [
        '{resource.service.name="cart" && name="add"}',
        "{} >> { status = error }",
        "{ } | by(resource.service.name) | count() > 0 | select(span.http.status_code)",
    ],
)
def test_tempo_searches_as_grafana_reads_it(sources: dict[str, Source], query: str) -> None:
    answer = sources["tempo"].get("api/search", q=query, limit=20, spss=3, **range_s())

    (trace,) = json_format.Parse(answer.content, tempopb.SearchResponse()).traces
    assert (trace.traceID, trace.rootServiceName, trace.rootTraceName) == (TRACE, "shop", "GET /")
    assert trace.spanSets[0].spans[0].spanID


def test_tempo_completes_names_and_values(sources: dict[str, Source]) -> None:
    tempo = sources["tempo"]
    scopes = tempo.get("api/v2/search/tags", limit=5000).json()["scopes"]
    asked = {"limit": 5000, "q": '{resource.service.name="cart" && name=}', "tag": "span.http.status_code", **range_s()}
    values = tempo.get("api/v2/search/tag/span.http.status_code/values", **asked).json()["tagValues"]
    probe = tempo.get("api/v2/search/tag/resource.undefined/values").json()["tagValues"]

    assert {"resource", "span", "intrinsic"} <= {scope["name"] for scope in scopes}
    assert values == [{"type": "int", "value": "500"}]
    assert probe == []


def test_tempo_measures_over_time_and_at_once(sources: dict[str, Source]) -> None:
    query = "{ } | rate() by (resource.service.name)"
    over_time = sources["tempo"].get("api/metrics/query_range", q=query, step="30s", exemplars=100, **range_s())
    at_once = sources["tempo"].get("api/metrics/query", q="{ } | count_over_time()", **range_s())

    series = json_format.Parse(over_time.content, tempopb.QueryRangeResponse()).series
    assert {each.labels[0].value.string_value for each in series} == {"shop", "cart"}
    assert sum(sample.value for each in series for sample in each.samples) * 30 == pytest.approx(2)
    (total,) = json_format.Parse(at_once.content, tempopb.QueryInstantResponse()).series
    assert total.value == 2


def test_tempo_streams_over_grpc_with_the_same_credentials(server: RunningServer, token: str) -> None:
    basic = httpx.BasicAuth("grafana", token)._auth_header
    request = tempopb.SearchRequest(Query="{ status = error }", Limit=20, **range_s())

    with grpc.insecure_channel(f"127.0.0.1:{server.settings['jaeger_query_port']}") as channel:
        call = channel.unary_stream("/tempopb.StreamingQuerier/Search")
        messages = list(call(request.SerializeToString(), metadata=[("authorization", basic)], timeout=30))

    found = [trace.traceID for message in messages for trace in tempopb.SearchResponse.FromString(message).traces]
    assert found == [TRACE]


# -- Jaeger


def test_jaeger_lists_services_and_operations(sources: dict[str, Source]) -> None:
    jaeger = sources["jaeger"]

    assert jaeger.get("api/services").json()["data"] == ["cart", "shop"]
    assert jaeger.get("api/services/cart/operations").json()["data"] == ["add"]
    assert jaeger.get("api/v3/services").json()["services"] == ["cart", "shop"]
    operations = jaeger.get("api/v3/operations", service="cart").json()["operations"]
    assert [operation["name"] for operation in operations] == ["add"]


def test_jaeger_searches_and_gives_a_trace(sources: dict[str, Source]) -> None:
    jaeger = sources["jaeger"]
    within = {"start": (SECONDS - 60) * 10**6, "end": (SECONDS + 60) * 10**6}
    asked = {"service": "cart", "tags": json.dumps({"error": "true"}), "minDuration": "100ms", "limit": 20, **within}

    (found,) = jaeger.get("api/traces", **asked).json()["data"]
    (trace,) = jaeger.get(f"api/traces/{TRACE}").json()["data"]
    third = jaeger.get(f"api/v3/traces/{TRACE}").json()["result"]["resourceSpans"]

    assert found["traceID"] == trace["traceID"] == TRACE
    assert {trace["processes"][span["processID"]]["serviceName"] for span in trace["spans"]} == {"shop", "cart"}
    assert len(third) == 2


def test_jaeger_knows_who_calls_whom(sources: dict[str, Source]) -> None:
    end = SECONDS * 1000 + 60_000

    def edges() -> Any:
        return sources["jaeger"].get("api/dependencies", endTs=end, lookback=3_600_000).json()["data"]

    wait_until(lambda: edges() != [], 30)
    assert edges() == [{"parent": "shop", "child": "cart", "callCount": 1}]


# -- Zipkin


def test_zipkin_lists_services_and_spans_searches_and_gives_a_trace(sources: dict[str, Source]) -> None:
    zipkin = sources["zipkin"]
    within = {"lookback": 3_600_000, "endTs": SECONDS * 1000 + 60_000}

    assert zipkin.get("api/v2/services").json() == ["cart", "shop"]
    assert zipkin.get("api/v2/spans", serviceName="cart").json() == ["add"]
    (found,) = zipkin.get("api/v2/traces", serviceName="cart", spanName="add", **within).json()
    trace = zipkin.get(f"api/v2/trace/{TRACE}").json()
    assert len(found) == len(trace) == 2
    assert {span["localEndpoint"]["serviceName"] for span in trace} == {"shop", "cart"}


def _length(content: bytes) -> int:
    """Of the value of a message's first field, which is of the form length and bytes."""
    value = shift = 0
    for byte in content[1:]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value
    raise AssertionError("no length")
