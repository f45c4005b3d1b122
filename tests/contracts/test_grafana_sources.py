"""Every call that Grafana's Jaeger and Zipkin data sources make, and that the answer decodes as they decode it.

Their decoders take a missing member for its zero value and refuse one of another type; shapes below are read so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from spanhouse.base.clock import FixedClock
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.spans.model import Event, Link, Resource
from spanhouse.tracing.spans.model import Scope as Library
from tests.kit.peer_reader import PeerReader
from tests.kit.spans import BASE, MS, make_span, span_id, trace_id

TRACE = f"{0xABC1:032x}"
START_US, END_US = BASE // 1000 - 3_600_000_000, BASE // 1000 + 3_600_000_000

ANY: Any = object
PAIR = {"key": str, "type": str, "value": ANY}
SPAN = {
    "traceID": str,
    "spanID": str,
    "processID": str,
    "operationName": str,
    "startTime": int,
    "duration": int,
    "logs": [{"timestamp": int, "fields": [PAIR], "name": str}],
    "references": [{"refType": str, "spanID": str, "traceID": str}],
    "tags": [PAIR],
    "warnings": [str],
    "flags": int,
    "stackTraces": [str],
}
ENVELOPE = {"errors": ANY, "limit": int, "offset": int, "total": int}
PROCESSES = {"*": {"serviceName": str, "tags": [PAIR]}}
TRACES = {**ENVELOPE, "data": [{"processes": PROCESSES, "traceID": str, "warnings": [str], "spans": [SPAN]}]}
NAMES = {**ENVELOPE, "data": [str]}
LINKS = {"data": [{"parent": str, "child": str, "callCount": int}], "errors": [{"code": int, "msg": str}]}
VALUE = {"stringValue": str, "boolValue": bool, "intValue": str, "doubleValue": float, "bytesValue": str}
KEY_VALUES = [{"key": str, "value": VALUE}]
OTLP_SPAN = {
    "traceId": str,
    "spanId": str,
    "traceState": str,
    "parentSpanId": str,
    "flags": int,
    "name": str,
    "kind": int,
    "startTimeUnixNano": str,
    "endTimeUnixNano": str,
    "attributes": KEY_VALUES,
    "droppedAttributesCount": int,
    "events": [{"timeUnixNano": str, "name": str, "attributes": KEY_VALUES, "droppedAttributesCount": int}],
    "droppedEventsCount": int,
    "links": [{"traceId": str, "spanId": str, "traceState": str, "attributes": KEY_VALUES, "flags": int}],
    "droppedLinksCount": int,
    "status": {"message": str, "code": int},
}
SCOPE_SPANS = {"scope": {"name": str, "version": str}, "spans": [OTLP_SPAN], "schemaUrl": str}
RESOURCE_SPANS = {"resource": {"attributes": KEY_VALUES}, "scopeSpans": [SCOPE_SPANS], "schemaUrl": str}
RESULT = {"result": {"resourceSpans": [RESOURCE_SPANS]}, "error": {"httpCode": int, "message": str}}
ENDPOINT = {"serviceName": str, "ipv4": str, "ipv6": str, "port": int}
ZIPKIN_SPAN = {
    "traceId": str,
    "parentId": str,
    "id": str,
    "name": str,
    "timestamp": int,
    "duration": int,
    "kind": str,
    "localEndpoint": ENDPOINT,
    "remoteEndpoint": ENDPOINT,
    "annotations": [{"timestamp": int, "value": str}],
    "tags": {"*": str},
    "shared": bool,
}


def decodes(value: Any, shape: Any, where: str = "") -> None:
    """Fail where Go's decoder would: on a member that has another type than it reads."""
    if value is None or shape is ANY:
        return
    if isinstance(shape, dict):
        assert isinstance(value, dict), where
        for name, member in value.items():
            decodes(member, shape.get(name, shape.get("*", ANY)), f"{where}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), where
        for number, item in enumerate(value):
            decodes(item, shape[0], f"{where}[{number}]")
    else:
        allowed = (int, float) if shape is float else (shape,)
        assert type(value) in allowed, f"{where} is {value!r}"


@pytest.fixture
def api(client: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Client]:
    for module in ("jaeger", "jaeger_v3", "zipkin"):
        monkeypatch.setattr(f"spanhouse.api.{module}.query_scope", lambda request: Scope("local"))
    settings.CLOCK = FixedClock(BASE + 60_000 * MS)
    attributes: Any = {"s": "x", "i": 2**63 - 1, "b": True, "f": 0.5, "y": b"\xff", "n": None, "l": [1, {"k": "v"}]}
    full = make_span(
        1,
        service="shop",
        name="get /",
        lasts=900,
        flags=1,
        trace_state="a=b",
        status_code=2,
        status_message="boom",
        attributes=attributes,
        dropped_attributes=1,
        events=(Event(BASE + 1, "log", attributes, 1), Event(BASE, "", {})),
        links=(Link(trace_id(7), span_id(8), "c=d", 1, attributes),),
        resource=Resource({"service.name": "shop", **attributes}, schema_url="https://s"),
        scope=Library("lib", "1.0", {"x": 1}),
    )
    call = make_span(2, 1, at=1, service="shop", name="call", kind=3, attributes={"server.address": "10.0.0.1"})
    set_reader(PeerReader([full, call, make_span(3, 2, at=2, service="pay", end_time=BASE)]))
    yield client
    set_reader(None)


def get(api: Client, address: str) -> Any:
    response = api.get(address)
    assert response.status_code == 200, response.content
    return json.loads(response.content, parse_constant=pytest.fail)


# ── Jaeger ──


def test_jaeger_health_and_the_menu_of_services(api: Client) -> None:
    answer = get(api, "/jaeger/api/services")

    decodes(answer, NAMES)
    assert answer["data"] == ["pay", "shop"]


def test_jaeger_the_menu_of_operations(api: Client) -> None:
    answer = get(api, "/jaeger/api/services/shop/operations")

    decodes(answer, NAMES)
    assert answer["data"] == ["call", "get /"]


@pytest.mark.parametrize("path", ["/jaeger/api/traces", "/api/traces"])
def test_jaeger_search(api: Client, path: str) -> None:
    tags = "%7B%22s%22%3A%22x%22%7D"
    asked = f"service=shop&operation=get+%2F&tags={tags}&minDuration=1ms&maxDuration=2s&limit=20"

    answer = get(api, f"{path}?{asked}&start={START_US}&end={END_US}")

    decodes(answer, TRACES)
    (trace,) = answer["data"]
    assert trace["processes"][trace["spans"][0]["processID"]]["serviceName"] == "shop"


@pytest.mark.parametrize("times", ["", f"?start={START_US}&end={END_US}", f"?start={BASE // MS}&end={BASE // MS + 1}"])
def test_jaeger_a_trace_with_its_times_or_without(api: Client, times: str) -> None:
    answer = get(api, f"/jaeger/api/traces/{TRACE}{times}")

    decodes(answer, TRACES)
    assert len(answer["data"][0]["spans"]) == 3


def test_jaeger_a_trace_id_pasted_with_blanks(api: Client) -> None:
    assert get(api, f"/jaeger/api/traces/%20{TRACE}%0A")["data"][0]["traceID"] == TRACE


def test_jaeger_the_graph_of_services(api: Client) -> None:
    answer = get(api, f"/jaeger/api/dependencies?endTs={BASE // MS + 60_000}&lookback=3600000")

    decodes(answer, LINKS)
    assert answer["data"] == [{"parent": "shop", "child": "pay", "callCount": 1}]


def test_jaeger_v3_names(api: Client) -> None:
    services = get(api, "/jaeger/api/v3/services")
    operations = get(api, "/jaeger/api/v3/operations?service=shop")

    decodes(services, {"services": [str]})
    decodes(operations, {"operations": [{"name": str, "spanKind": str}]})
    assert [each["name"] for each in operations["operations"]] == ["call", "get /"]


@pytest.mark.parametrize("times", ["", "?start_time=2026-11-24T22:00:00+00:00&end_time=2026-11-25T01:00:00.000000001Z"])
def test_jaeger_v3_a_trace(api: Client, times: str) -> None:
    answer = get(api, f"/jaeger/api/v3/traces/{TRACE}{times}")

    decodes(answer, RESULT)
    assert len(answer["result"]["resourceSpans"]) == 2 + 1


def test_jaeger_v3_search_with_times_that_are_not_encoded(api: Client) -> None:
    times = "query.start_time_min=2026-11-24T23:00:00+01:00&query.start_time_max=2026-11-25T02:00:00+01:00"

    answer = get(api, f"/jaeger/api/v3/traces?query.service_name=shop&query.duration_min=1ms&{times}")

    decodes(answer, RESULT)
    assert answer["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == "get /"


# ── Zipkin ──


def test_zipkin_health_and_the_menu_of_services(api: Client) -> None:
    answer = get(api, "/zipkin/api/v2/services")

    decodes(answer, [str])
    assert answer == ["pay", "shop"]


def test_zipkin_the_menu_of_spans(api: Client) -> None:
    assert get(api, "/zipkin/api/v2/spans?serviceName=shop") == ["call", "get /"]


def test_zipkin_the_menu_of_traces(api: Client) -> None:
    answer = get(api, "/zipkin/api/v2/traces?serviceName=shop&spanName=get+%2F")

    decodes(answer, [[ZIPKIN_SPAN]])
    assert len(answer) == 1


def test_zipkin_a_trace(api: Client) -> None:
    answer = get(api, f"/zipkin/api/v2/trace/{TRACE}")

    decodes(answer, [ZIPKIN_SPAN])
    assert answer[1]["remoteEndpoint"] == {"ipv4": "10.0.0.1"}
    assert len(answer) == 3
