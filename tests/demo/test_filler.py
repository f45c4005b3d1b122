"""Bodies made by hand-written encoding, read back by the real message classes; and sending them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanhouse.base.clock import NANOS_PER_SECOND, FixedClock
from spanhouse.base.errors import ConfigurationError, Refused, Unavailable
from spanhouse.runtime.demo import sending
from spanhouse.runtime.demo.filler import bodies
from spanhouse.runtime.demo.filling import Filling, fill
from spanhouse.runtime.demo.sending import Target, send_all
from tests.demo.stub import Answer, receiver, refusing

NEWEST = 1_790_000_000 * NANOS_PER_SECOND


def spans_of(encoded: Iterator[bytes]) -> list[Span]:
    requests = [ExportTraceServiceRequest.FromString(body) for body in encoded]
    return [span for r in requests for rs in r.resource_spans for ss in rs.scope_spans for span in ss.spans]


@pytest.fixture(scope="module")
def spans() -> list[Span]:
    return spans_of(bodies(5_500, newest_ns=NEWEST, seed=1))


@pytest.mark.parametrize("count", [1, 7, 999, 1000, 1001, 2500])
def test_exactly_as_many_spans_as_asked_for(count: int) -> None:
    assert len(spans_of(bodies(count, newest_ns=NEWEST))) == count


@pytest.mark.parametrize("services", [1, 5, 24, 60])
def test_as_many_services_as_asked_for(services: int) -> None:
    requests = [
        ExportTraceServiceRequest.FromString(body) for body in bodies(20_000, newest_ns=NEWEST, services=services)
    ]

    names = {
        attribute.value.string_value
        for request in requests
        for group in request.resource_spans
        for attribute in group.resource.attributes
        if attribute.key == "service.name"
    }

    assert len(names) == services


def test_ids_never_repeat_even_from_one_seed(spans: list[Span]) -> None:
    again = spans_of(bodies(5_500, newest_ns=NEWEST, seed=1))

    ids = {span.span_id for span in [*spans, *again]}

    assert len(ids) == 11_000
    assert not {span.trace_id for span in spans} & {span.trace_id for span in again}


def test_every_parent_is_there(spans: list[Span]) -> None:
    known = {(span.trace_id, span.span_id) for span in spans}

    children = [span for span in spans if span.parent_span_id]

    assert len(children) > len(spans) / 2
    assert all((span.trace_id, span.parent_span_id) in known for span in children)


def test_children_lie_inside_their_parents(spans: list[Span]) -> None:
    known = {(span.trace_id, span.span_id): span for span in spans}

    for span in spans:
        parent = known.get((span.trace_id, span.parent_span_id))
        if parent is not None:
            assert parent.start_time_unix_nano <= span.start_time_unix_nano
            assert span.end_time_unix_nano <= parent.end_time_unix_nano


def test_times_spread_over_the_range_and_not_beyond() -> None:
    starts = [s.start_time_unix_nano for s in spans_of(bodies(20_000, newest_ns=NEWEST, range_seconds=600))]

    assert NEWEST - 600 * NANOS_PER_SECOND <= min(starts) < NEWEST - 570 * NANOS_PER_SECOND
    assert NEWEST - 30 * NANOS_PER_SECOND < max(starts) <= NEWEST


def test_some_spans_fail_with_an_exception(spans: list[Span]) -> None:
    failed = [span for span in spans if span.status.code == 2]

    assert 0 < len(failed) < len(spans) / 20
    for span in failed:
        assert [event.name for event in span.events] == ["exception"]
        assert span.events[0].time_unix_nano == span.end_time_unix_nano


def test_each_acknowledged_span_is_counted_once() -> None:
    counted: list[int] = []

    with receiver() as server:
        fill(Filling(spans=4_321, services=6), Target(server.endpoint), FixedClock(NEWEST), counted.append)

    assert sum(counted) == 4_321
    assert len(spans_of(iter(server.taken))) == 4_321


def test_a_busy_endpoint_is_asked_again() -> None:
    counted: list[int] = []
    busy = Answer(503, headers=(("Retry-After", "0"),))

    with receiver(busy, Answer(429), busy) as server:
        send_all(Target(server.endpoint), [(b"body", 10)], acknowledged=counted.append)

    assert counted == [10]
    assert server.taken == [b"body"]


def test_refused_spans_are_not_counted_as_acknowledged() -> None:
    counted: list[int] = []

    with receiver(refusing(3)) as server:
        send_all(Target(server.endpoint), [(b"body", 10)], acknowledged=counted.append)

    assert counted == [7]


def test_a_refusal_ends_the_run_with_its_reason() -> None:
    with receiver(Answer(401, b"")) as server, pytest.raises(Refused, match="401"):
        send_all(Target(server.endpoint), [(b"body", 10)] * 50, in_flight=1)

    assert server.taken == []


def test_the_key_is_sent_as_a_bearer_token() -> None:
    with receiver() as server:
        send_all(Target(server.endpoint, "shi_secret"), [(b"body", 1)])

    assert server.headers[0]["authorization"] == "Bearer shi_secret"
    assert server.headers[0]["content-type"] == "application/x-protobuf"


def test_nobody_there_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PATIENCE_SECONDS", 0.05)

    with pytest.raises(Unavailable, match="does not answer"):
        send_all(Target("http://127.0.0.1:9"), [(b"body", 1)])


def test_an_endpoint_must_be_a_web_address() -> None:
    with pytest.raises(ConfigurationError, match="localhost:4318"):
        send_all(Target("localhost:4318"), [(b"body", 1)])
