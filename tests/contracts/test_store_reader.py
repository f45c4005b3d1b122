"""The Reader on the real embedded engine, filled through the real Writer and held against a slow reference."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan.predicates import (
    And,
    Attribute,
    Compare,
    Constant,
    Exists,
    Field,
    Intrinsic,
    Matches,
    Not,
    Operator,
    Or,
    Predicate,
)
from spanhouse.tracing.plan.requests import FoundTrace, Order, TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.spans.model import AttributeValue, Event, Link, Resource, Span
from spanhouse.tracing.spans.model import Scope as SpanScope
from spanhouse.tracing.traceql import to_predicate
from tests.kit import reference
from tests.kit.spans import BASE, DAY, HOSTILE, MS, NAMES, TEXTS, make_span, random_spans, span_id, trace_id
from tests.kit.store import Store

ALL = TimeRange(0, 2**64 - 1)
EXAMPLES = int(os.environ.get("SPANHOUSE_EXAMPLES", "40"))
slowly = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def stored(store: Store, *spans: Span) -> Scope:
    instance = store.new_instance()
    store.put(instance, spans)
    return Scope(instance)


def found(store: Store, scope: Scope, query: str) -> list[str]:
    """Names of all spans that match, in order."""
    request = TraceSearch(scope, ALL, to_predicate(query), spans_per_trace=0)
    return sorted(span.name for trace in store.reader.search(request).traces for span in trace.spans)


def as_stored(span: Span) -> Span:
    return replace(span, received_at=BASE)


def test_every_field_of_a_span_comes_back(store: Store) -> None:
    value: dict[str, AttributeValue] = {
        "s": "x",
        "i": 2**63 - 1,
        "f": 0.1,
        "b": False,
        "n": None,
        "y": b"\x00\xff",
        "a": [1, "x", [True], {"k": b"y"}],
    }
    span = make_span(
        1,
        7,
        kind=9,
        status_code=1,
        status_message="fine",
        trace_state="a=b",
        flags=0x301,
        attributes={**value, "k": value},
        dropped_attributes=1,
        events=(Event(BASE + 1, "log", value, 2), Event(0, "", {})),
        dropped_events=3,
        links=(Link(trace_id(5), span_id(6), "s=1", 1, value, 4),),
        dropped_links=5,
        resource=Resource({"service.name": "web", **value}, 6, "http://schema/1"),
        scope=SpanScope("lib", "1.2", value, 7, "http://schema/2"),
    )

    answer = store.reader.trace(stored(store, span), span.trace_id, 10)

    assert answer.spans == (as_stored(span),)
    assert not answer.truncated


@slowly
@given(spans=st.lists(random_spans(), min_size=1, max_size=5, unique_by=lambda span: span.span_id))
def test_any_spans_come_back_as_they_were_sent(store: Store, spans: list[Span]) -> None:
    spans = [replace(span, trace_id=trace_id(1)) for span in spans]

    answer = store.reader.trace(stored(store, *spans), trace_id(1), 10)

    expected = sorted(map(as_stored, spans), key=lambda span: (span.start_time, span.span_id))
    assert list(answer.spans) == expected


def test_a_trace_over_the_limit_is_cut_and_says_so(store: Store) -> None:
    scope = stored(store, *(make_span(number, at=number) for number in range(1, 6)))

    answer = store.reader.trace(scope, trace_id(0xABC1), 3)

    assert [span.name for span in answer.spans] == ["n1", "n2", "n3"]
    assert answer.truncated


@pytest.mark.report("V22", "V08")
def test_spans_of_absurd_times_are_found_by_id_and_do_not_break_search(store: Store) -> None:
    spans = [
        make_span(1),
        make_span(2, start_time=0, end_time=0),
        make_span(3, start_time=2**63, end_time=2**63 + 1),
        make_span(4, end_time=BASE - 1),
        make_span(5, end_time=0),
        make_span(6, start_time=2**64 - 1, end_time=2**64 - 1),
    ]
    scope = stored(store, *spans)

    answer = store.reader.trace(scope, trace_id(0xABC1), 10)

    assert sorted(span.end_time for span in answer.spans) == sorted(span.end_time for span in spans)
    assert found(store, scope, "{ duration > 0ns }") == ["n1", "n3"]


@pytest.mark.report("V22")
@pytest.mark.parametrize("services", [None, frozenset({"web"})])
@pytest.mark.parametrize(("start", "end"), [(0, 0), (10**19, 10**19 + 5), (BASE + 2 * DAY, BASE + 2 * DAY)])
def test_a_bad_time_moves_no_figure_of_its_trace(
    store: Store, start: int, end: int, services: frozenset[str] | None
) -> None:
    bad = make_span(2, 1, trace=2, at=50, start_time=start, end_time=end)
    spans = [make_span(trace=1), make_span(trace=2, at=50, lasts=5), bad, make_span(trace=3, at=90, lasts=1)]
    scope = replace(stored(store, *spans), services=services)

    def search(order: Order, query: str = "{}") -> list[tuple[int, int, int]]:
        answer = store.reader.search(TraceSearch(scope, ALL, to_predicate(query), order=order))
        return [
            (int.from_bytes(found.summary.trace_id), found.summary.start - BASE, found.summary.duration)
            for found in answer.traces
        ]

    newest = [(3, 90 * MS, 1 * MS), (2, 50 * MS, 5 * MS), (1, 0, 10 * MS)]
    assert search(Order.NEWEST) == newest
    assert search(Order.SLOWEST) == [newest[2], newest[1], newest[0]]
    assert search(Order.NEWEST, "{ traceDuration > 6ms }") == [newest[2]]


@pytest.mark.report("V30", "V31", "V32")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('{ span.foo != "bar" }', ["n2"]),
        ('{ "bar" != span.foo }', ["n2"]),
        ("{ span.foo != nil }", ["n1", "n2"]),
        ("{ nil = span.foo }", ["n3", "n4"]),
        ('{ !(span.foo = "bar") }', ["n2", "n3", "n4"]),
        ("{ .x = 1 }", ["n2"]),
        ("{ .x = 2 }", ["n1"]),
        ("{ span.x = 2 || resource.x = 1 }", ["n1", "n2"]),
        ("{ .duration = 5 }", ["n3"]),
        ('{ span."my attr" = "y" && span."a\\"b" = "z" }', ["n3"]),
        ('{ resource.env =~ "prod" }', ["n2"]),
        ('{ resource.env =~ ".*prod" }', ["n1", "n2"]),
        ('{ resource.env !~ "prod" }', ["n1"]),
        ("{ span.f = 3 }", ["n4"]),
        ("{ span.f >= 2.5 && span.f < 4 }", ["n4"]),
        ('{ span.s > "" }', ["n4"]),
        ("{ span.s = 5 }", []),
        ('{ span.text =~ "a.b" }', ["n4"]),
        ("{ span.text = `a\nb` }", ["n4"]),
        ("{ duration > 1.5s }", ["n4"]),
        ("{ nestedSetParent < 0 }", ["n1", "n2", "n3"]),
        ('{ event:name = "e" && event.k = 2 }', ["n1"]),
        ('{ event:name = "e" && event.k = 3 }', []),
        ("{ event.k = nil }", ["n1", "n2", "n3", "n4"]),
        ("{ event:timeSinceStart >= 5ms }", ["n1"]),
        ('{ link:traceID = "ABC9" }', ["n2"]),
        ('{ rootName = "n1" }', ["n1", "n4"]),
        ("{ traceDuration > 1s }", ["n1", "n4"]),
        ('{ instrumentation:name = "lib" && instrumentation.v = true }', ["n3"]),
        ('{ trace:id = "1" }', ["n1", "n4"]),
        ("{ status = error && kind = client }", ["n4"]),
        ('{ resource.service.name = "db" }', ["n4"]),
        ("{ span.tags != nil }", ["n3"]),
        ('{ span.tags = "x" }', ["n3"]),
    ],
)
def test_a_query_finds_its_spans(store: Store, query: str, names: list[str]) -> None:
    instance = "i-queries"
    if not store.reader.services(Scope(instance), ALL):
        store.put(instance, QUERIED)

    assert found(store, Scope(instance), query) == names


QUERIED = (
    make_span(
        1,
        trace=1,
        attributes={"foo": "bar", "x": 2},
        resource=Resource({"x": 1, "env": "preprod", "service.name": "web"}),
        events=(Event(BASE, "e", {"k": 2}), Event(BASE + 5 * MS, "f", {"k": 3}), Event(BASE, "g")),
    ),
    make_span(
        2,
        trace=2,
        attributes={"foo": "baz"},
        resource=Resource({"x": 1, "env": "prod", "service.name": "web"}),
        links=(Link(trace_id(0xABC9), span_id(1)),),
    ),
    make_span(
        3,
        trace=3,
        attributes={"duration": 5, "my attr": "y", 'a"b': "z", "tags": ["x"]},
        scope=SpanScope("lib", "", {"v": True}),
    ),
    make_span(
        4,
        1,
        trace=1,
        lasts=2_000,
        kind=3,
        status_code=2,
        service="db",
        attributes={"f": 3.0, "s": "5", "text": "a\nb"},
    ),
)


def test_a_pattern_that_re2_does_not_know_is_an_invalid_query(store: Store) -> None:
    scope = stored(store, make_span(1))
    request = TraceSearch(scope, ALL, Compare(Intrinsic.NAME, "=~", "a{9999}"))

    with pytest.raises(InvalidQuery):
        store.reader.search(request)


FIELDS = st.one_of(
    st.builds(Attribute, st.sampled_from(["span", "resource", "event", "link", "instrumentation", "any"]), NAMES),
    st.sampled_from(list(Intrinsic)),
)
NUMBER_FIELDS = {
    Intrinsic.DURATION,
    Intrinsic.TRACE_DURATION,
    Intrinsic.EVENT_TIME_SINCE_START,
    Intrinsic.START,
    Intrinsic.CHILD_COUNT,
    Intrinsic.NESTED_SET_LEFT,
    Intrinsic.NESTED_SET_RIGHT,
    Intrinsic.NESTED_SET_PARENT,
}
TEXT_VALUES = TEXTS | st.sampled_from(["web", "cart", "GET /a", "lib", "exception", "1", "0002", f"{3:032x}"])

EQUALITY = st.sampled_from(tuple[Operator, ...](("=", "!=")))
ORDERED = st.sampled_from(tuple[Operator, ...](("=", "!=", ">", ">=", "<", "<=")))
REGULAR = st.sampled_from(tuple[Operator, ...](("=~", "!~")))


def _compare(draw: st.DrawFn, field: Field) -> Predicate:
    if field in (Intrinsic.KIND, Intrinsic.STATUS):
        return Compare(field, draw(EQUALITY), draw(st.integers(0, 3)))
    if field in NUMBER_FIELDS:
        return Compare(field, draw(ORDERED), draw(st.sampled_from([0, 1, 5 * MS, BASE, 1.5, 100 * MS])))
    texts = isinstance(field, Intrinsic) or draw(st.booleans())
    if texts and draw(st.booleans()):
        return Compare(field, draw(REGULAR), draw(st.sampled_from(["ba.", ".*prod", "GET.*", ""])))
    if texts:
        return Compare(field, draw(ORDERED), draw(TEXT_VALUES))
    if draw(st.booleans()):
        return Compare(field, draw(EQUALITY), draw(st.booleans()))
    return Compare(field, draw(ORDERED), draw(st.sampled_from([0, 1, 3, -5, 0.5, 200, 2**63 - 1])))


@st.composite
def leaves(draw: st.DrawFn) -> Predicate:
    field = draw(FIELDS)
    kind = draw(st.sampled_from(["compare", "compare", "exists", "matches"]))
    if kind == "exists":
        return Exists(field)
    if kind == "matches" and isinstance(field, Attribute):
        return Matches(field, draw(st.sampled_from(["bar", "true", "200", "3", "0.5", "é"])))
    return _compare(draw, field)


PREDICATES = st.recursive(
    leaves() | st.booleans().map(Constant),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Or(tuple(parts))),
    ),
    max_leaves=5,
)
RANGES = st.sampled_from(
    [
        ALL,
        TimeRange(BASE, BASE + 600_000 * MS),
        TimeRange(BASE + 300_000 * MS, BASE + 1_200_000 * MS),
        TimeRange(0, BASE + 300_000 * MS),
        TimeRange(BASE + 600_000 * MS, BASE + 2 * DAY),
    ]
)


@st.composite
def searches(draw: st.DrawFn) -> TraceSearch:
    return TraceSearch(
        scope=Scope("to be set"),
        range=draw(RANGES),
        where=draw(PREDICATES),
        order=draw(st.sampled_from(list(Order))),
        limit=draw(st.sampled_from([1, 2, 10])),
        spans_per_trace=draw(st.sampled_from([0, 1, 3])),
        trace_duration_min=draw(st.sampled_from([None, None, 5 * MS])),
        trace_duration_max=draw(st.sampled_from([None, None, 600_000 * MS])),
    )


class Crowd:
    """No dataclass, lest a failure prints all of its spans."""

    def __init__(self, scope: Scope, spans: list[Span], other: Scope) -> None:
        self.scope, self.spans, self.other = scope, spans, other


@pytest.fixture(scope="module")
def crowd(store: Store) -> Crowd:
    """Some hundred random spans of an instance, and another instance with the same span ids and other spans."""
    spans = _examples(120)
    scope, other = Scope(store.new_instance()), Scope(store.new_instance())
    arrivals = (BASE, BASE - 2 * DAY, BASE + 10 * DAY)
    spans = [replace(span, received_at=arrivals[number % 5 % 3]) for number, span in enumerate(spans)]
    for received_at in arrivals:
        store.put(scope.instance, [span for span in spans if span.received_at == received_at], received_at)
    theirs = Resource({"service.name": "theirs"})
    store.put(other.instance, [replace(span, name=f"other {span.name}", resource=theirs) for span in spans])
    return Crowd(scope, spans, other)


def _examples(count: int) -> list[Span]:
    drawn: dict[bytes, Span] = {}

    @settings(max_examples=count, database=None, derandomize=True, deadline=None)
    @given(st.lists(random_spans(traces=9, odd_clocks=True), min_size=3, max_size=3))
    def draw(spans: list[Span]) -> None:
        drawn.update({span.span_id: span for span in spans})

    draw()
    return list(drawn.values())[:count]


@slowly
@given(request=searches())
def test_a_search_answers_as_the_reference_does(store: Store, crowd: Crowd, request: TraceSearch) -> None:
    request = replace(request, scope=crowd.scope)

    assert _without_values(store.reader.search(request).traces) == reference.search(crowd.spans, request)


def _without_values(traces: Sequence[FoundTrace]) -> list[FoundTrace]:
    """What fields a matching span is shown with is another test's."""
    return [
        replace(
            trace,
            spansets=tuple(
                replace(spanset, spans=tuple(replace(span, attributes={}) for span in spanset.spans))
                for spanset in trace.spansets
            ),
        )
        for trace in traces
    ]


@slowly
@given(request=searches())
def test_a_search_never_shows_another_instances_spans(store: Store, crowd: Crowd, request: TraceSearch) -> None:
    answer = store.reader.search(replace(request, scope=crowd.other))

    assert all(trace.summary.services[0][0] == "theirs" for trace in answer.traces)
    assert all(span.service == "theirs" for trace in answer.traces for span in trace.spans)


@pytest.mark.report("V25")
@pytest.mark.parametrize("order", list(Order))
def test_a_smaller_limit_gives_the_head_of_a_larger_one(store: Store, order: Order) -> None:
    spans = [make_span(1, trace=n, at=n * 7, lasts=n * 37 % 101, status_code=2 if n <= 5 else 0) for n in range(1, 301)]
    scope = stored(store, *spans)

    def search(limit: int, query: str) -> list[int]:
        request = TraceSearch(scope, ALL, to_predicate(query), order=order, limit=limit)
        return [int.from_bytes(found.summary.trace_id) for found in store.reader.search(request).traces]

    assert search(5, "{}") == search(20, "{}")[:5] == search(500, "{}")[:5]
    assert sorted(search(20, "{ status = error }")) == [1, 2, 3, 4, 5]
    assert len(search(500, "{}")) == 300


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_and_values_are_only_names_and_values(store: Store, hostile: str) -> None:
    span = make_span(
        1, name=hostile, service=hostile, attributes={hostile: hostile}, resource=Resource({"service.name": hostile})
    )
    scope = stored(store, span, make_span(2, trace=2))
    field = Attribute("span", hostile)

    for where in (
        Compare(field, "=", hostile),
        Compare(Attribute("any", hostile), "=", hostile),
        Matches(field, hostile),
        Exists(field),
        Compare(Intrinsic.NAME, "=", hostile),
        Compare(Intrinsic.SERVICE, "=", hostile),
    ):
        (trace,) = store.reader.search(TraceSearch(scope, ALL, where)).traces
        assert trace.spans[0].name == hostile
    (value,) = store.reader.field_values(scope, ALL, field, 10).values
    assert (value.type, value.text) == ("string", hostile)
    assert ("span", hostile) in store.reader.attribute_names(scope, ALL)
    assert store.reader.operations(scope, ALL, hostile)[0].name == hostile


def test_a_scope_of_some_services_sees_stubs_of_the_others(store: Store) -> None:
    instance = stored(
        store,
        make_span(1, service="web"),
        make_span(2, 1, service="secret", attributes={"card": "4111"}),
        make_span(3, 2, at=1),
    ).instance
    scope = Scope(instance, frozenset({"web"}))

    spans = store.reader.trace(scope, trace_id(0xABC1), 10).spans
    (trace,) = store.reader.search(TraceSearch(scope, ALL)).traces

    assert {span.service for span in spans} == {"web", "hidden"}
    assert not any(span.attributes or span.name == "n2" for span in spans)
    assert trace.summary.services == (("web", 2, 0),)
    assert not store.reader.search(TraceSearch(scope, ALL, Compare(Attribute("span", "card"), "=", "4111"))).traces
    assert [row.service for row in store.reader.services(scope, ALL)] == ["web"]
    assert ("span", "card") not in store.reader.attribute_names(scope, ALL)


def test_services_count_entry_spans_or_all_where_there_are_none(store: Store) -> None:
    scope = stored(
        store,
        make_span(1, kind=2, status_code=2, lasts=100, service="web"),
        make_span(2, 1, kind=3, lasts=50, service="web"),
        make_span(3, 2, kind=1, lasts=10, service="job"),
    )

    job, web = store.reader.services(scope, ALL)

    assert (job.service, job.calls, job.errors) == ("job", 1, 0)
    assert (web.service, web.calls, web.errors) == ("web", 1, 1)
    assert web.p95 == pytest.approx(100 * MS, rel=0.02)


def test_operations_and_series_come_by_minute(store: Store) -> None:
    minute = 60_000
    scope = stored(store, *(make_span(n, trace=n, at=n * minute, name="op", service="web") for n in range(1, 11)))
    span_of_time = TimeRange(BASE, BASE + 20 * minute * MS)

    (operation,) = store.reader.operations(scope, span_of_time, "web")
    points = store.reader.red_series(scope, span_of_time, 5 * minute * MS, "web", "op")

    assert (operation.name, operation.kind, operation.calls) == ("op", 2, 10)
    assert store.reader.operation_names(scope, span_of_time) == [("web", "op", 2)]
    assert sum(point.calls for point in points) == 10
    assert all(point.at % (5 * minute * MS) == 0 for point in points)
    assert store.reader.red_series(scope, span_of_time, minute * MS) == store.reader.red_series(
        scope, span_of_time, minute * MS, "web"
    )


def test_the_operations_called_most_come_first_and_the_rest_are_left_out(store: Store) -> None:
    calls = {"rare": 1, "often": 3, "sometimes": 2}
    spans = [make_span(n, name=name, at=n) for name, count in calls.items() for n in range(count)]
    scope = stored(store, *spans)

    rows = store.reader.operations(scope, ALL, "web", limit=2)

    assert [(row.name, row.calls) for row in rows] == [("often", 3), ("sometimes", 2)]
    assert store.reader.operation_names(scope, ALL, "web", limit=2) == [("web", "often", 2), ("web", "rare", 2)]
    assert store.reader.service_names(scope, ALL) == ["web"]
