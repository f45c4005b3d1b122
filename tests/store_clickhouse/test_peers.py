"""What the APIs of other tracers ask of the real store, held against a Reader in memory."""

from __future__ import annotations

import random

import pytest

from spanhouse.tracing.plan.calls import MINUTE_NS, CallsRequest
from spanhouse.tracing.plan.requests import TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.spansets import Both
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.search.zipkin import ZipkinQuery, parse_annotation_query, where
from spanhouse.tracing.spans.model import Event, Span
from tests.kit.peer_reader import PeerReader
from tests.kit.spans import BASE, HOSTILE, MS, make_span, trace_id
from tests.kit.store import Store

ALL = TimeRange(0, 2**64 - 1)
MINUTE = BASE // MINUTE_NS * MINUTE_NS


def both(store: Store, *spans: Span) -> tuple[Scope, PeerReader]:
    instance = store.new_instance()
    store.put(instance, spans)
    return Scope(instance), PeerReader(spans, instance)


def random_calls(count: int) -> list[Span]:
    chance = random.Random(7)
    return [
        make_span(
            number + 1,
            trace=number + 1,
            service=chance.choice(["a", "b", "c"]),
            name=chance.choice(["x", "y"]),
            kind=chance.choice([1, 2, 2, 3]),
            status_code=chance.choice([0, 2]),
            start_time=MINUTE + chance.randrange(30 * MINUTE_NS),
            lasts=chance.randrange(1, 500),
        )
        for number in range(count)
    ]


def test_orphans_are_spans_whose_parent_is_not_in_their_trace(store: Store) -> None:
    scope, memory = both(
        store,
        make_span(1, trace=1),
        make_span(2, 1, trace=1),
        make_span(3, 9, trace=1),
        make_span(4, 1, trace=2),
        make_span(5, 1, trace=2),
        make_span(6, trace=3),
    )
    ids = [trace_id(number) for number in (1, 2, 3, 4)]

    assert (
        store.reader.orphans(scope, ids) == memory.orphans(scope, ids) == {ids[0]: 1, ids[1]: 2, ids[2]: 0, ids[3]: 0}
    )
    assert store.reader.orphans(scope, []) == {}


def test_a_parent_that_the_scope_hides_is_not_missing(store: Store) -> None:
    scope, _ = both(store, make_span(1, service="hidden"), make_span(2, 1), make_span(3, 8))
    limited = Scope(scope.instance, frozenset({"web"}))

    assert store.reader.orphans(limited, [trace_id(0xABC1)]) == {trace_id(0xABC1): 1}


def test_the_first_attribute_that_holds_a_text_is_the_value(store: Store) -> None:
    names = ["one", HOSTILE[0], "three"]
    scope, memory = both(
        store,
        make_span(1, kind=3, attributes={"one": "first", "three": "third"}),
        make_span(2, kind=3, attributes={"one": 5, HOSTILE[0]: HOSTILE[1]}),
        make_span(3, kind=3, attributes={"one": "", "three": "third"}),
        make_span(4, kind=2, attributes={"one": "of another kind"}),
        make_span(5, kind=3, service="other", attributes={"one": "of another service"}),
        make_span(6, kind=3),
    )

    found = store.reader.first_attribute_values(scope, ALL, "web", names, {3, 4}, 100)

    assert found == memory.first_attribute_values(scope, ALL, "web", names, {3, 4}, 100)
    assert found == [HOSTILE[1], "first", "third"]
    assert len(store.reader.first_attribute_values(scope, ALL, "web", names, {3}, 1)) == 1


@pytest.mark.parametrize(
    ("step", "window", "points"), [(1, 1, 30), (1, 10, 30), (5, 10, 7), (5, 3, 6), (7, 60, 4), (1, 1, 1)]
)
@pytest.mark.parametrize("by_operation", [False, True])
def test_calls_look_back_over_their_window(
    store: Store, step: int, window: int, points: int, by_operation: bool
) -> None:
    scope, memory = both(store, *random_calls(400))
    request = CallsRequest(
        scope,
        first=MINUTE + 2 * MINUTE_NS,
        points=points,
        step=step * MINUTE_NS,
        window=window * MINUTE_NS,
        services=frozenset({"a", "b", "none"}),
        kinds=frozenset({2, 3}),
        by_operation=by_operation,
    )

    found, expected = store.reader.calls(request), memory.calls(request)

    figures = [(p.service, p.operation, p.at, p.calls, p.errors) for p in expected]
    assert [(p.service, p.operation, p.at, p.calls, p.errors) for p in found] == figures
    assert figures


@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.75, 0.95, 1.0])
def test_any_quantile_comes_from_the_sketch(store: Store, quantile: float) -> None:
    spans = [make_span(number, trace=number, start_time=MINUTE, lasts=number) for number in range(1, 1001)]
    scope, _ = both(store, *spans)
    request = CallsRequest(scope, MINUTE, 1, MINUTE_NS, MINUTE_NS, frozenset({"web"}), frozenset({2}), False, quantile)

    (point,) = store.reader.calls(request)

    assert point.duration == pytest.approx(max(1, quantile * 1000) * MS, rel=0.01)


@pytest.mark.parametrize(
    "changed",
    [{"first": MINUTE + 1}, {"step": 1}, {"window": 1}, {"points": 0}, {"step": 0}, {"quantile": 1.1}],
)
def test_calls_are_asked_for_by_whole_minutes(changed: dict[str, float]) -> None:
    asked = {"first": MINUTE, "points": 1, "step": MINUTE_NS, "window": MINUTE_NS, "quantile": 0.5, **changed}

    with pytest.raises(ValueError, match=r"minute|point"):
        CallsRequest(Scope("i"), services=frozenset(), kinds=frozenset(), **asked)  # type: ignore[arg-type]


ZIPKIN_SPANS = [
    make_span(1, service="shop", name="get /", lasts=900, attributes={"http.url": "http://h/c?customer=567"}),
    make_span(2, 1, service="shop", name="call", kind=3, attributes={"peer.service": "pay"},
              events=(Event(BASE, "ws", {}),)),
    make_span(3, 2, service="pay", name="charge", status_code=2, status_message="no money"),
    make_span(4, trace=0xABC2, service="shop", name="get /", lasts=20, attributes={"flag": True, "error": "odd"}),
    make_span(5, trace=0xABC3, service="shop", kind=3, attributes={"server.address": "db", "db.name": "pay"}),
]  # fmt: skip


@pytest.mark.report("V26")
@pytest.mark.parametrize(
    "query",
    [
        ZipkinQuery(ALL),
        ZipkinQuery(ALL, service="shop", annotations=parse_annotation_query("http.url=http://h/c?customer=567 and ws")),
        ZipkinQuery(ALL, service="shop", span_name="call", duration_min=800_000),
        ZipkinQuery(ALL, remote_service="pay"),
        ZipkinQuery(ALL, remote_service="db"),
        ZipkinQuery(ALL, annotations=parse_annotation_query("error")),
        ZipkinQuery(ALL, annotations=parse_annotation_query("error=no money")),
        ZipkinQuery(ALL, annotations=parse_annotation_query("error=odd")),
        ZipkinQuery(ALL, annotations={"flag": "true"}),
        ZipkinQuery(ALL, service="none"),
        ZipkinQuery(ALL, service="shop", duration_min=1, duration_max=20_000),
    ],
)
def test_what_zipkin_asks_is_answered_as_in_memory(store: Store, query: ZipkinQuery) -> None:
    scope, memory = both(store, *ZIPKIN_SPANS)
    set_reader(memory)
    try:
        request = TraceSearch(scope, ALL, where(scope, query))
    finally:
        set_reader(None)

    found, expected = store.reader.search(request), memory.search(request)

    assert [trace.summary.trace_id for trace in found.traces] == [trace.summary.trace_id for trace in expected.traces]


def test_conditions_of_zipkin_are_a_set_of_spans_each() -> None:
    memory = PeerReader(ZIPKIN_SPANS)
    set_reader(memory)
    try:
        asked = where(Scope("local"), ZipkinQuery(ALL, service="shop", annotations={"a": "", "b": ""}))
    finally:
        set_reader(None)

    assert isinstance(asked, Both)
