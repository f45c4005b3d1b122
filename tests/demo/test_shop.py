"""The sample shop, run for ten simulated minutes with its real SDKs and an exporter that keeps the spans."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.runtime.demo.shop.opening import timetable
from spanhouse.runtime.demo.shop.staff import hire

OPENED = 1_790_000_000 * NANOS_PER_SECOND
MINUTES = 10


@pytest.fixture(scope="module")
def spans() -> list[ReadableSpan]:
    kept = InMemorySpanExporter()
    shop = hire(lambda protocol: kept, random.Random(7))
    timetable(shop, OPENED, requests_per_second=2)
    for minute in range(MINUTES):
        shop.agenda.run_until(OPENED + (minute + 1) * 60 * NANOS_PER_SECOND)
        for service in shop.services.values():
            service._provider.force_flush()
    shop.close()
    return list(kept.get_finished_spans())


def service_of(span: ReadableSpan) -> str:
    return str(span.resource.attributes["service.name"])


def by_id(spans: list[ReadableSpan]) -> dict[int, ReadableSpan]:
    return {span.get_span_context().span_id: span for span in spans}


def test_at_least_eight_services_work(spans: list[ReadableSpan]) -> None:
    assert len({service_of(span) for span in spans}) >= 8


def test_each_service_has_a_resource_of_its_own(spans: list[ReadableSpan]) -> None:
    resources = {service_of(span): span.resource.attributes for span in spans}

    for attributes in resources.values():
        assert {"service.version", "service.instance.id", "host.name", "deployment.environment.name"} <= set(attributes)
        assert attributes["telemetry.sdk.name"] == "opentelemetry"
    assert len({attributes["service.instance.id"] for attributes in resources.values()}) == len(resources)


def test_every_parent_exists_and_is_of_the_same_trace(spans: list[ReadableSpan]) -> None:
    known = by_id(spans)

    for span in spans:
        if span.parent is not None:
            assert known[span.parent.span_id].get_span_context().trace_id == span.get_span_context().trace_id


def test_children_lie_inside_their_parents_on_one_host(spans: list[ReadableSpan]) -> None:
    known = by_id(spans)

    for span in spans:
        parent = known[span.parent.span_id] if span.parent else None
        if parent and parent.kind is not SpanKind.PRODUCER:
            assert parent.start_time <= span.start_time <= span.end_time <= parent.end_time, span.name


def test_a_checkout_crosses_the_whole_shop(spans: list[ReadableSpan]) -> None:
    services: dict[int, set[str]] = {}
    for span in spans:
        services.setdefault(span.get_span_context().trace_id, set()).add(service_of(span))

    assert max(len(names) for names in services.values()) >= 8


@pytest.mark.parametrize(("topic", "consumer"), [("order.placed", "shipping"), ("stock.low", "purchasing")])
def test_consumers_link_to_what_they_consume(spans: list[ReadableSpan], topic: str, consumer: str) -> None:
    known = by_id(spans)

    consumed = [s for s in spans if s.kind is SpanKind.CONSUMER and service_of(s) == consumer]

    assert consumed
    for span in consumed:
        assert {known[link.context.span_id].name for link in span.links} == {f"send {topic}"}


def test_a_batch_of_mail_links_to_several_orders(spans: list[ReadableSpan]) -> None:
    batches = [s for s in spans if service_of(s) == "mail" and len(s.links) > 1]

    assert batches
    assert all(s.parent is None and s.attributes["messaging.batch.message_count"] == len(s.links) for s in batches)


def test_failures_carry_the_stack_they_were_raised_from(spans: list[ReadableSpan]) -> None:
    seen = Counter(
        str(event.attributes["exception.type"]).rpartition(".")[2]
        for span in spans
        for event in span.events
        if event.name == "exception" and "Traceback" in event.attributes["exception.stacktrace"]
    )

    assert {"CardDeclined", "OutOfStock", "BankTimeout", "BadTemplate"} <= set(seen)


def test_most_requests_succeed_and_some_fail(spans: list[ReadableSpan]) -> None:
    roots = [s for s in spans if s.parent is None and service_of(s) == "web-shop"]
    failed = [s for s in roots if s.status.status_code is StatusCode.ERROR]

    assert 0 < len(failed) < len(roots) / 20


def test_a_slow_query_incident_comes_and_goes(spans: list[ReadableSpan]) -> None:
    listings = [s for s in spans if s.name == "SELECT products" and "LIMIT" in s.attributes["db.query.text"]]
    slow = [s for s in listings if s.end_time - s.start_time > NANOS_PER_SECOND // 2]

    assert 0 < len(slow) < len(listings) / 2
    assert all(s.start_time // NANOS_PER_SECOND % 240 < 40 for s in slow)


def test_a_report_is_one_trace_with_several_roots(spans: list[ReadableSpan]) -> None:
    roots = Counter(s.get_span_context().trace_id for s in spans if s.parent is None and service_of(s) == "reports")

    assert set(roots.values()) == {3}


def test_http_requests_are_named_and_described_by_the_conventions(spans: list[ReadableSpan]) -> None:
    for span in spans:
        if span.kind is SpanKind.SERVER and "http.route" in span.attributes:
            assert span.name == f"{span.attributes['http.request.method']} {span.attributes['http.route']}"
            assert {"url.path", "http.response.status_code", "server.address"} <= set(span.attributes)
