"""A trace in Zipkin's v2 model, by OpenTelemetry's mapping."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from spanhouse.tracing.spans.model import Event, Resource, Span, SpanKind
from spanhouse.tracing.spans.model import Scope as Library
from spanhouse.tracing.traces.zipkin import to_zipkin, zipkin_text
from tests.kit.spans import BASE, make_span

CLIENT, SERVER = SpanKind.CLIENT, SpanKind.SERVER
SHOP = Resource({"service.name": "shop", "region": "eu"})


def read(spans: Sequence[Span]) -> list[dict[str, Any]]:
    """These spans, of one trace, as strict JSON says them."""
    found: list[dict[str, Any]] = json.loads(zipkin_text(spans), parse_constant=pytest.fail)
    assert found == to_zipkin(spans)
    return found


@pytest.mark.report("V13")
@pytest.mark.parametrize(
    ("nanoseconds", "shown"), [(0, None), (-5_000, None), (1, 1), (999, 1), (1_234, 1), (2_999, 2), (10**9, 10**6)]
)
def test_durations_are_whole_microseconds_and_none_is_zero(nanoseconds: int, shown: int | None) -> None:
    (span,) = read([make_span(end_time=BASE + nanoseconds)])

    assert span.get("duration") == shown


@pytest.mark.report("V14")
def test_every_tag_is_text() -> None:
    attributes = {
        "i": 200,
        "b": False,
        "t": True,
        "f": 0.5,
        "n": None,
        "l": ["x", 1],
        "d": {"k": b"y"},
        "nan": float("nan"),
    }

    (span,) = read([make_span(attributes=attributes)])

    assert span["tags"] == {
        "i": "200", "b": "false", "t": "true", "f": "0.5", "n": "", "l": '["x",1]', "d": '{"k":"eQ=="}', "nan": "NaN",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, {}),
        ({"status_code": 1, "status_message": "x"}, {"otel.status_code": "OK"}),
        ({"status_code": 2}, {"otel.status_code": "ERROR", "error": ""}),
        ({"status_code": 2, "attributes": {"error": True}}, {"otel.status_code": "ERROR", "error": ""}),
        ({"attributes": {"error": False}}, {}),
        ({"attributes": {"error": "boom"}}, {"error": "boom"}),
        (
            {"scope": Library("lib", "1.0", {"x": 1})},
            {"otel.scope.name": "lib", "otel.scope.version": "1.0", "otel.library.name": "lib",
             "otel.library.version": "1.0", "x": "1"},
        ),
        (
            {"dropped_attributes": 1, "dropped_events": 2, "dropped_links": 3},
            {"otel.dropped_attributes_count": "1", "otel.dropped_events_count": "2", "otel.dropped_links_count": "3"},
        ),
        ({"attributes": {"region": "us"}, "resource": SHOP}, {"region": "us"}),
    ],
)  # fmt: skip
def test_what_has_no_member_of_its_own_is_a_tag(fields: dict[str, Any], shown: dict[str, str]) -> None:
    (span,) = read([make_span(**fields)])

    assert span.get("tags", {}) == shown


def test_an_event_with_attributes_is_its_name_and_they() -> None:
    (span,) = read([make_span(events=(Event(BASE + 999, 'a "b"', {"k": 1, "t": "é"}),))])

    assert span["annotations"] == [{"timestamp": BASE // 1000, "value": '"a \\"b\\"": {"k":1,"t":"é"}'}]


@pytest.mark.parametrize(
    ("kind", "attributes", "shown"),
    [
        (CLIENT, {"peer.service": "pay", "server.address": "h"}, {"serviceName": "pay"}),
        (CLIENT, {"server.address": "h", "server.port": 80, "db.name": "x"}, {"serviceName": "h", "port": 80}),
        (CLIENT, {"server.address": "10.0.0.1", "server.port": 80}, {"ipv4": "10.0.0.1", "port": 80}),
        (CLIENT, {"net.peer.name": "h", "net.peer.port": "443"}, {"serviceName": "h", "port": 443}),
        (CLIENT, {"network.peer.address": "::1", "network.peer.port": 1}, {"ipv6": "::1", "port": 1}),
        (CLIENT, {"db.name": "x", "net.peer.ip": "10.0.0.1"}, {"serviceName": "x", "ipv4": "10.0.0.1"}),
        (SpanKind.CONSUMER, {"server.address": "kafka"}, {"serviceName": "kafka"}),
        (SERVER, {"server.address": "own"}, None),
        (SERVER, {"peer.service": "caller"}, {"serviceName": "caller"}),
        (CLIENT, {"server.address": "h", "server.port": 99999}, {"serviceName": "h"}),
        (CLIENT, {"peer.service": 5}, None),
    ],
)
def test_the_other_side_is_named_by_the_preferred_attribute(
    kind: SpanKind, attributes: dict[str, Any], shown: dict[str, Any] | None
) -> None:
    (span,) = read([make_span(kind=kind, attributes=attributes)])

    assert span.get("remoteEndpoint") == shown


@pytest.mark.parametrize("kind", [0, SpanKind.INTERNAL, 9])
def test_a_kind_that_the_format_lacks_is_left_out(kind: int) -> None:
    assert "kind" not in read([make_span(kind=kind)])[0]


@pytest.mark.report("V15")
def test_a_shared_id_shows_both_sides_and_a_resent_span_once() -> None:
    client = make_span(1, kind=CLIENT)
    server = make_span(1, kind=SERVER, at=1, service="pay")

    spans = read([client, server, make_span(2, 1, at=2, service="pay"), server])

    assert [(span["id"], span.get("kind"), span.get("shared")) for span in spans] == [
        (f"{1:016x}", "CLIENT", None),
        (f"{1:016x}", "SERVER", True),
        (f"{2:016x}", "SERVER", None),
    ]


@pytest.mark.report("V17")
def test_parents_in_a_circle_end() -> None:
    assert len(read([make_span(1, 2), make_span(2, 1)])) == 2


@pytest.mark.report("V17")
def test_a_span_that_is_its_own_parent_has_none() -> None:
    assert "parentId" not in read([make_span(1, 1)])[0]
