"""Searches over whole traces, on the real engine: structure, sets of spans, pipelines, and what an answer tells."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from spanhouse.base.errors import InvalidQuery, QueryCancelled, QueryLimitReached
from spanhouse.tracing.plan.requests import Order, Place, SearchAnswer, TraceSearch
from spanhouse.tracing.plan.scope import QueryLimits, Scope, TimeRange
from spanhouse.tracing.spans.model import Event, Link, Resource, Span
from spanhouse.tracing.store.cancel import Cancellation
from spanhouse.tracing.traceql import to_spanset
from tests.kit.spans import BASE, MS, make_span, span_id, trace_id
from tests.kit.store import Store

HOUR = 3_600_000 * MS
NEAR = TimeRange(BASE, BASE + HOUR)


def stored(store: Store, *spans: Span) -> Scope:
    instance = store.new_instance()
    store.put(instance, spans)
    return Scope(instance)


def ask(store: Store, scope: Scope, query: str, time_range: TimeRange = NEAR, **options: object) -> SearchAnswer:
    request = TraceSearch(scope, time_range, to_spanset(query), spans_per_trace=0)
    return store.reader.search(replace(request, **options))  # type: ignore[arg-type]


def found(store: Store, scope: Scope, query: str, time_range: TimeRange = NEAR) -> list[str]:
    """Names of the resulting spans, in order."""
    return sorted(span.name for trace in ask(store, scope, query, time_range).traces for span in trace.spans)


def number(trace: bytes) -> int:
    return int.from_bytes(trace)


FAMILY = (
    make_span(1, name="root", service="web", attributes={"x": 1, "tags": ["a", 7, 2.5, True]}),
    make_span(2, 1, name="left", at=1, service="db", status_code=2, attributes={"x": 2, "y": 2, "n": 10}),
    make_span(3, 1, name="right", at=2, service="db", attributes={"x": "2", "y": 2.5, "n": 4}),
    make_span(4, 3, name="leaf", at=3, lasts=500, service="db", attributes={"x": 2.0, "n": 1.5}),
    make_span(5, 99, name="stray", at=4, service="db", attributes={"x": True}),
)
"""A trace of four, and a span of it whose parent never came."""


@pytest.fixture(scope="module")
def family(store: Store) -> Scope:
    return stored(store, *FAMILY)


@pytest.mark.report("V33")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("{ } > { }", ["leaf", "left", "right"]),
        ('{ name = "root" } >> { }', ["leaf", "left", "right"]),
        ('{ name = "root" } > { name = "leaf" }', []),
        ('{ name = "leaf" } < { }', ["right"]),
        ('{ name = "leaf" } << { }', ["right", "root"]),
        ("{ } ~ { }", ["left", "right"]),
        ('{ name = "left" } ~ { name = "left" }', []),
        ('{ name = "left" } ~ { }', ["right"]),
        ("{ } !> { }", ["root", "stray"]),
        ('{ name = "root" } !>> { }', ["root", "stray"]),
        ('{ name = "root" } &> { name = "left" }', ["left", "root"]),
        ('{ name =~ "root|right" } &>> { name = "leaf" }', ["leaf", "right", "root"]),
        ('{ name = "leaf" } &<< { }', ["leaf", "right", "root"]),
        ("{ status = error } && { kind = client }", []),
        ('{ status = error } && { name = "leaf" }', ["leaf", "left"]),
        ('{ status = error } || { name = "absent" }', ["left"]),
        ('({ name = "root" } > { status = error }) ~ { }', ["right"]),
        ("{ status = error } | count() > 1", []),
        ("{ } | count() = 5", ["leaf", "left", "right", "root", "stray"]),
        ("{ } | by(resource.service.name) | count() > 1", ["leaf", "left", "right", "stray"]),
        ("{ } | avg(span.n) > 5 | { status = error }", ["left"]),
        ("{ } | by(resource.service.name) | coalesce() | count() = 5", ["leaf", "left", "right", "root", "stray"]),
        ("({ } | count()) + ({ status = error } | count()) = 6", ["leaf", "left", "right", "root", "stray"]),
        ("{ } | max(duration) > 100ms", ["leaf", "left", "right", "root", "stray"]),
        ("{ span:childCount = 2 }", ["root"]),
        ("{ nestedSetParent = 1 }", ["left", "right"]),
        ("{ nestedSetLeft = 0 }", ["stray"]),
        ("{ nestedSetRight - nestedSetLeft = 1 && status != error }", ["leaf"]),
        ("{ parent.x = 1 }", ["left", "right"]),
        ('{ parent.x = "2" }', ["leaf"]),
        ("{ parent.span.n > span.n }", ["leaf"]),
        ('{ parent.resource.service.name = "db" }', ["leaf"]),
        ("{ span.x = span.y }", ["left"]),
        ("{ span.x != span.y }", []),
        ("{ span.x + span.y > 3 }", ["left"]),
        ("{ span.n / 0 > 1 }", []),
        ("{ duration > traceDuration / 2 }", ["leaf"]),
        ('{ span.tags = "a" }', ["root"]),
        ("{ span.tags > 5 }", ["root"]),
        ("{ .tags = 2.5 }", ["root"]),
        ("{ span.tags = true }", ["root"]),
        ('{ span.tags != "a" }', []),
        ('{ span.tags != "b" }', ["root"]),
        ("{ span.tags != 7 }", []),
        ("{ span.tags != 8 }", ["root"]),
        ('{ span.tags !~ "a|b" }', []),
        ("{ span.tags > nestedSetLeft }", ["root"]),
        ("{ .x = .y }", ["left"]),
        ("{ .x = span.x && .x != 3 }", ["leaf", "left", "root"]),
        ('{ span.tags =~ "a.*" }', ["root"]),
        ("{ span.x = span.tags }", []),
    ],
)
def test_whole_traces_decide(store: Store, family: Scope, query: str, names: list[str]) -> None:
    assert found(store, family, query) == names


def test_parents_in_a_circle_and_ids_that_occur_twice_end(store: Store) -> None:
    scope = stored(
        store,
        make_span(1, name="root"),
        make_span(2, 3, name="a", at=1),
        make_span(3, 2, name="b", at=2),
        make_span(4, 4, name="self", at=3),
        make_span(5, 1, name="first", at=4),
        make_span(5, 1, name="second", at=5),
        make_span(6, 5, name="child", at=6),
    )

    assert found(store, scope, "{ } >> { }") == ["child", "first", "second"]
    assert found(store, scope, '{ name = "first" } > { }') == ["child"]
    assert found(store, scope, '{ name = "second" } > { }') == []
    assert found(store, scope, "{ span:childCount > 0 }") == ["a", "b", "first", "root", "second", "self"]


def test_a_chain_of_many_spans_is_walked(store: Store) -> None:
    scope = stored(store, *(make_span(n, n - 1 or None, at=n % 1000, name=f"n{n}") for n in range(1, 5_001)))

    assert found(store, scope, '{ name = "n1" } >> { name = "n5000" }') == ["n5000"]
    assert len(found(store, scope, '{ name = "n5000" } << { }')) == 4_999


def test_one_event_satisfies_what_is_said_of_events_beside_the_tree(store: Store) -> None:
    events = (Event(BASE, "e", {"k": 1}), Event(BASE, "f", {"k": 2}))
    scope = stored(store, make_span(1, name="root", events=events), make_span(2, 1, name="child", events=events))

    assert found(store, scope, '{ event:name = "e" && event.k = 1 && span:childCount = 1 }') == ["root"]
    assert found(store, scope, '{ event:name = "e" && event.k = 2 && span:childCount = 1 }') == []
    assert found(store, scope, '{ event:name = "e" && (event.k = 1 || nestedSetLeft = 2) }') == ["child", "root"]


def test_any_event_that_has_an_unscoped_name_compares_with_the_tree(store: Store) -> None:
    events = (Event(BASE, "e", {"num": -0.5}), Event(BASE, "f", {"num": 1.0}))
    scope = stored(store, make_span(1, name="root", events=events), make_span(2, 1, name="child", events=events))

    assert found(store, scope, "{ .num = span:childCount }") == ["root"]
    assert found(store, scope, "{ .num < span:childCount }") == ["child", "root"]


def test_an_infinite_number_compares_with_the_tree(store: Store) -> None:
    scope = stored(
        store, make_span(1, attributes={"num": float("inf")}), make_span(2, 1, at=1, attributes={"num": 0.5})
    )

    assert found(store, scope, "{ .num > nestedSetRight }") == ["n1"]


def test_what_lies_outside_the_range_decides_and_is_not_shown(store: Store) -> None:
    late = 30 * 60_000
    scope = stored(store, make_span(1, name="root"), make_span(2, 1, at=late, name="late"))
    first, second = TimeRange(BASE, BASE + MS), TimeRange(BASE + late * MS, BASE + late * MS)

    assert found(store, scope, '{ name = "root" } >> { }', second) == ["late"]
    assert found(store, scope, '{ name = "root" } >> { }', first) == []
    assert found(store, scope, "{ } | count() = 2", second) == ["late"]
    assert found(store, scope, "{ } | count() = 2", first) == ["root"]


@pytest.mark.report("V35")
def test_each_group_is_a_spanset_with_its_values(store: Store, family: Scope) -> None:
    (trace,) = ask(store, family, "{ } | by(span.x) | count() >= 1 | avg(span.n) > 1").traces

    assert [(spanset.matched, dict(spanset.attributes)) for spanset in trace.spansets] == [
        (2, {"by(span.x)": 2, "count()": 2, "avg(span.n)": 5.75}),
        (1, {"by(span.x)": "2", "count()": 1, "avg(span.n)": 4}),
    ]


@pytest.mark.report("V35")
def test_the_first_spans_of_each_set_are_shown_and_all_counted(store: Store) -> None:
    spans = [make_span(n, 1 if n > 1 else None, at=n, name=f"n{n:02}", kind=n % 2) for n in range(1, 12)]
    scope = stored(store, *spans)

    (trace,) = ask(store, scope, '{ name = "n01" } > { } | by(kind)', spans_per_trace=2).traces

    assert [(spanset.matched, [span.name for span in spanset.spans]) for spanset in trace.spansets] == [
        (5, ["n02", "n04"]),
        (5, ["n03", "n05"]),
    ]
    assert [dict(spanset.attributes) for spanset in trace.spansets] == [
        {"by(kind)": "unspecified"},
        {"by(kind)": "internal"},
    ]


def test_a_span_tells_the_fields_that_the_query_mentions(store: Store) -> None:
    link = Link(trace_id(9), span_id(9), attributes={"rel": "next"})
    span = make_span(
        1,
        status_code=2,
        kind=3,
        attributes={"http.status_code": 500, "list": [1, "x"], "other": 1},
        resource=Resource({"service.name": "web", "env": "prod"}),
        events=(Event(BASE + 5 * MS, "log", {"level": 2}),),
        links=(link,),
    )
    scope = stored(store, span)
    query = '{ span.http.status_code >= 500 && status = error && duration > 1ns && resource.env != "x" }'

    ((shown,),) = [trace.spans for trace in ask(store, scope, query).traces]
    ((selected,),) = [
        trace.spans
        for trace in ask(
            store, scope, "{ } | select(kind, span.list, event.level, event:timeSinceStart, link.rel, span:childCount)"
        ).traces
    ]

    assert shown.attributes == {"http.status_code": 500, "status": "error", "env": "prod"}
    assert selected.attributes == {
        "kind": "client",
        "list": [1, "x"],
        "level": 2,
        "event:timeSinceStart": "5ms",
        "rel": "next",
        "span:childCount": 0,
    }


def test_the_only_match_among_many_traces_is_the_oldest(store: Store) -> None:
    """Parents and children everywhere, of which only the oldest trace's have these names."""
    minute = 60_000
    spans = []
    for n in range(2_000):
        spans += [
            make_span(1, trace=n + 1, at=n * minute, name="old" if n == 0 else "parent"),
            make_span(2, 1, trace=n + 1, at=n * minute, name="slow" if n % 2 else "child"),
        ]
    scope = stored(store, *spans)
    range_ = TimeRange(BASE, BASE + 3_000 * minute * MS)

    for query in ('{ name = "old" } > { name = "child" }', '{ name = "child" } < { name = "old" } | count() = 1'):
        for order in Order:
            answer = ask(store, scope, query, range_, order=order)
            assert [number(trace.summary.trace_id) for trace in answer.traces] == [1]


@pytest.mark.report("V22")
@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("query", ['{ name = "odd" }', '{ name = "root" } > { name = "odd" }'])
def test_a_trace_that_only_a_span_of_absurd_time_satisfies_is_found(store: Store, query: str, order: Order) -> None:
    odd = make_span(2, 1, name="odd", start_time=2**63, end_time=2**63 + 5)
    scope = stored(store, make_span(1, name="root"), odd, make_span(1, trace=2, name="root"))

    (trace,) = ask(store, scope, query, TimeRange(0, 2**64 - 1), order=order, limit=1).traces

    assert (trace.summary.start, [span.name for span in trace.spans]) == (BASE, ["odd"])


def test_slowest_counts_over_the_whole_range(store: Store) -> None:
    spans = []
    for n in range(1, 301):
        spans += [make_span(1, trace=n, at=n, lasts=n * 37 % 101 + 1), make_span(2, 1, trace=n, at=n, lasts=1)]
    scope = stored(store, *spans)

    answer = ask(store, scope, "{ } > { duration < 2ms }", order=Order.SLOWEST, limit=250)

    durations = [trace.summary.duration // MS for trace in answer.traces]
    assert durations == sorted((n * 37 % 101 + 1 for n in range(1, 301)), reverse=True)[:250]


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("query", ["{ }", "{ } > { }"])
def test_a_search_goes_on_after_a_place(store: Store, order: Order, query: str) -> None:
    spans = []
    for n in range(1, 61):
        spans += [make_span(1, trace=n, at=n // 2, lasts=n // 3 + 1), make_span(2, 1, trace=n, at=n // 2, lasts=1)]
    scope = stored(store, *spans)
    whole = ask(store, scope, query, order=order, limit=100).traces

    pages, after = [], None
    while page := ask(store, scope, query, order=order, limit=7, after=after).traces:
        pages += page
        last = page[-1].summary
        after = Place(last.start, last.trace_id, last.duration)

    assert pages == list(whole)
    assert len(whole) == 60


def test_hidden_spans_keep_their_place_and_satisfy_nothing(store: Store) -> None:
    scope = stored(
        store,
        make_span(1, name="root", service="web"),
        make_span(2, 1, name="secret", service="hidden-one", at=1, attributes={"card": "4111"}),
        make_span(3, 2, name="leaf", service="web", at=2),
    )
    limited = Scope(scope.instance, frozenset({"web"}))

    assert found(store, limited, '{ name = "root" } >> { }') == ["leaf"]
    assert found(store, limited, '{ name = "root" } > { }') == []
    assert found(store, limited, '{ } > { name = "leaf" }') == []
    assert found(store, limited, '{ name = "secret" } > { }') == []
    assert found(store, limited, '{ parent.card = "4111" }') == []
    assert found(store, limited, "{ nestedSetParent = 2 }") == ["leaf"]
    assert found(store, limited, "{ } | count() = 2") == ["leaf", "root"]


def test_a_tree_within_one_filter_is_only_so_deep(store: Store, family: Scope) -> None:
    query = "{ " + " || ".join(f"nestedSetLeft = {n}" for n in range(1, 9)) + " }"

    with pytest.raises(InvalidQuery):
        ask(store, family, query)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (QueryLimits(range_ns=60 * 10**9), "time range"),
        (QueryLimits(rows=1), "rows"),
        (QueryLimits(memory_bytes=1), "memory"),
    ],
)
def test_a_limit_says_which_it_is_and_what_to_narrow(
    store: Store, family: Scope, limits: QueryLimits, words: str
) -> None:
    with pytest.raises(QueryLimitReached, match=words) as refused:
        ask(store, replace(family, limits=limits), "{ } >> { }")

    assert "narrow" in str(refused.value)


def test_a_question_has_one_time_for_all_its_statements(store: Store, family: Scope) -> None:
    with pytest.raises(QueryLimitReached, match="0 s"):
        ask(store, replace(family, limits=QueryLimits(seconds=0)), "{ } >> { }")


def test_what_a_limit_cuts_is_said(store: Store, family: Scope) -> None:
    few = replace(family, limits=QueryLimits(traces=1, spans_per_spanset=2))

    answer = ask(store, few, "{ } >> { } || { }", limit=5, spans_per_trace=4)

    assert len(answer.warnings) == 2
    assert [len(trace.spans) for trace in answer.traces] == [2]
    assert [trace.matched for trace in answer.traces] == [5]


def test_an_answer_explains_how_it_was_asked(store: Store, family: Scope) -> None:
    for query in ("{ status = error }", "{ } >> { status = error }"):
        answer = ask(store, family, query)

        assert all(sent.sql.startswith(("SELECT", "WITH")) and sent.purpose for sent in answer.statements)
        assert all(sent.parameters["instance"] == family.instance for sent in answer.statements)
        assert all("error" not in sent.sql for sent in answer.statements)
        assert answer.cost.rows == sum(sent.rows for sent in answer.statements) > 0


def test_cancelling_ends_what_runs_and_lets_nothing_begin(store: Store, family: Scope) -> None:
    cancellation = Cancellation()
    began, raised = threading.Event(), []

    def run() -> None:
        with cancellation:
            began.set()
            try:
                store.engine.query("SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1", {}, {})
            except QueryCancelled as error:
                raised.append(error)

    running = threading.Thread(target=run)
    running.start()
    assert began.wait(30)
    while not _runs(store, "sipHash64(number) = 1"):
        running.join(0.01)
        assert running.is_alive()
    cancellation.cancel()
    running.join(30)

    assert len(raised) == 1
    with cancellation, pytest.raises(QueryCancelled):
        ask(store, family, "{ }")
    assert ask(store, family, "{ }").traces


def _runs(store: Store, text: str) -> bool:
    found = f"position(query, '{text}') > 0 AND position(query, 'system.processes') = 0"
    ((count,),) = store.engine.query(f"SELECT count() FROM system.processes WHERE {found}", {}, {}).rows()
    return bool(count)
