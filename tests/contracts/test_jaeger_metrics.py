"""What the monitor page of Jaeger's UI asks and reads, over a store in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from spanhouse.base.clock import FixedClock
from spanhouse.base.errors import Unauthenticated
from spanhouse.tracing.plan.calls import MINUTE_NS
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import set_reader
from tests.kit.peer_reader import PeerReader
from tests.kit.spans import BASE, MS, make_span

MINUTE = BASE // MINUTE_NS * MINUTE_NS
END = (MINUTE + 10 * MINUTE_NS) // MS
LATER = MINUTE + 5 * MINUTE_NS
SPANS = [
    *(make_span(n, trace=n, service="t", name="a", start_time=MINUTE + n, lasts=n * 10) for n in range(1, 61)),
    *(
        make_span(100 + n, trace=100 + n, service="t", name="b", start_time=LATER, status_code=2 * (n % 2))
        for n in range(30)
    ),
    make_span(200, trace=200, service="t", name="c", kind=3, start_time=MINUTE),
    make_span(201, trace=201, service="u", name="a", start_time=MINUTE),
]
ASKED = {"service": "t", "endTs": END, "lookback": 600_000, "step": 60_000, "ratePer": 60_000}


@pytest.fixture
def api(client: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Client]:
    for module in ("jaeger", "jaeger_metrics"):
        monkeypatch.setattr(f"spanhouse.api.{module}.query_scope", lambda request: Scope("local"))
    settings.CLOCK = FixedClock(END * MS)
    set_reader(PeerReader(SPANS))
    yield client
    set_reader(None)


def get(api: Client, path: str, *, status: int = 200, **asked: Any) -> Any:
    response = api.get(f"/jaeger/api/metrics/{path}", {name: value for name, value in asked.items() if value != ""})
    assert response.status_code == status, response.content
    return json.loads(response.content, parse_constant=pytest.fail)


def values(family: Any, number: int = 0) -> list[float | str]:
    return [point["gaugeValue"]["doubleValue"] for point in family["metrics"][number]["metricPoints"]]


def test_calls_are_a_rate_at_each_step(api: Client) -> None:
    family = get(api, "calls", **ASKED)

    assert (family["name"], family["type"]) == ("service_call_rate", "GAUGE")
    (metric,) = family["metrics"]
    assert metric["labels"] == [{"name": "service_name", "value": "t"}]
    assert values(family) == [1.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert metric["metricPoints"][0]["timestamp"] == "2026-11-24T23:12:00Z"
    assert metric["metricPoints"][1]["timestamp"] == "2026-11-24T23:13:00Z"


def test_a_point_looks_back_over_the_window(api: Client) -> None:
    assert values(get(api, "calls", **{**ASKED, "ratePer": 600_000, "lookback": 60_000})) == [0.15, 0.05]


def test_failures_are_a_share_and_none_where_nothing_was_called(api: Client) -> None:
    found = values(get(api, "errors", **ASKED))

    assert (found[0], found[1], found[5]) == (0.0, "NaN", 0.5)


@pytest.mark.parametrize(("quantile", "ms"), [("0.5", 310), ("0.75", 460), ("0.95", 580)])
def test_latencies_are_a_quantile_in_milliseconds(api: Client, quantile: str, ms: float) -> None:
    family = get(api, "latencies", **ASKED, quantile=quantile)

    assert family["name"] == "service_latencies"
    assert values(family)[0] == ms


def test_operations_have_lines_of_their_own(api: Client) -> None:
    family = get(api, "calls", **ASKED, groupByOperation="true")

    assert family["name"] == "service_operation_call_rate"
    assert [metric["labels"][1] for metric in family["metrics"]] == [
        {"name": "operation", "value": "a"},
        {"name": "operation", "value": "b"},
    ]
    assert values(family, 1)[5] == 0.5


def test_kinds_and_services_may_be_several(api: Client) -> None:
    calling = get(api, "calls", **ASKED, spanKind="client")
    either = get(api, "calls", **{**ASKED, "service": ["t", "u"], "spanKind": ["client", "server"]})

    assert values(calling)[0] == 1 / 60
    assert [metric["labels"][0]["value"] for metric in either["metrics"]] == ["t", "u"]
    assert values(either)[0] == 61 / 60


def test_a_service_without_calls_has_no_line(api: Client) -> None:
    assert get(api, "calls", **{**ASKED, "service": "none"})["metrics"] == []


def test_what_is_left_out_is_the_last_hour_by_the_minute(api: Client) -> None:
    assert len(values(get(api, "calls", service="t"))) == 61


def test_the_shortest_step_is_a_minute(api: Client) -> None:
    assert get(api, "minstep", service="t")["data"] == 60_000
    assert len(values(get(api, "calls", **{**ASKED, "step": 1_000}))) == 11


@pytest.mark.parametrize(
    ("path", "asked", "named"),
    [
        ("calls", {"service": ""}, "service"),
        ("calls", {"spanKind": "x"}, "span kind"),
        ("calls", {"step": "0"}, "step"),
        ("calls", {"endTs": "soon"}, "endTs"),
        ("calls", {"groupByOperation": "perhaps"}, "groupByOperation"),
        ("calls", {"lookback": 60_000 * 20_000}, "points"),
        ("latencies", {}, "quantile"),
        ("latencies", {"quantile": "95"}, "quantile"),
        ("latencies", {"quantile": "nan"}, "quantile"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(api: Client, path: str, asked: dict[str, Any], named: str) -> None:
    answer = get(api, path, status=400, **{**ASKED, **asked})

    assert named in answer["errors"][0]["msg"]


@pytest.mark.parametrize("path", ["calls", "errors", "latencies?quantile=0.5", "latencies?quantile=x", "minstep"])
def test_nothing_is_told_to_who_may_not_read(client: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def nobody(request: object) -> Scope:
        raise Unauthenticated("who are you")

    monkeypatch.setattr("spanhouse.api.jaeger_metrics.query_scope", nobody)

    assert client.get(f"/jaeger/api/metrics/{path}").status_code == 401
