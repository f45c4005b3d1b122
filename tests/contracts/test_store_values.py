"""Values of fields and names of attributes on the real engine: what completion shows."""

from __future__ import annotations

import pytest

from spanhouse.tracing.plan.predicates import And, Attribute, Compare, Constant, Field, Intrinsic, Predicate
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.spans.model import Event, Link, Resource, Span, SpanKind, StatusCode
from spanhouse.tracing.spans.model import Scope as SpanScope
from spanhouse.tracing.store.clickhouse import values
from tests.kit.spans import BASE, MS, make_span, span_id, trace_id
from tests.kit.store import Store

ALL = TimeRange(0, 2**64 - 1)
EVERY = Constant(True)
MINUTE = 60_000


def stored(store: Store, *spans: Span) -> Scope:
    instance = store.new_instance()
    store.put(instance, spans)
    return Scope(instance)


def found(
    store: Store, scope: Scope, field: Field, where: Predicate = EVERY, *, within: TimeRange = ALL, limit: int = 10
) -> list[tuple[str, str]]:
    return [(value.type, value.text) for value in store.reader.field_values(scope, within, field, limit, where).values]


def test_values_of_an_attribute_come_typed_and_most_frequent_first(store: Store) -> None:
    scope = stored(
        store,
        make_span(1, attributes={"code": 200}),
        make_span(2, attributes={"code": 200}),
        make_span(3, attributes={"code": "teapot"}, events=(Event(BASE, "e", {"code": True}),)),
        make_span(4, links=(Link(trace_id(1), span_id(1), "", 0, {"code": 0.5}),)),
    )

    assert found(store, scope, Attribute("span", "code")) == [("int", "200"), ("string", "teapot")]
    assert found(store, scope, Attribute("event", "code")) == [("bool", "true")]
    assert found(store, scope, Attribute("link", "code")) == [("float", "0.5")]
    assert found(store, scope, Attribute("any", "code"))[0] == ("int", "200")
    assert len(found(store, scope, Attribute("any", "code"))) == 4
    assert found(store, scope, Attribute("span", "absent")) == []


@pytest.mark.report("V09")
def test_values_without_a_number_read_as_they_are_written(store: Store) -> None:
    numbers = [float("nan"), float("inf"), float("-inf"), 0.5]
    scope = stored(store, *(make_span(n, attributes={"x": value}) for n, value in enumerate(numbers, 1)))

    texts = sorted(text for _, text in found(store, scope, Attribute("span", "x")))

    assert texts == ["-Infinity", "0.5", "Infinity", "NaN"]


def test_a_condition_leaves_only_values_of_the_spans_that_satisfy_it(store: Store) -> None:
    scope = stored(
        store,
        make_span(1, attributes={"method": "GET", "route": "/a"}, service="web"),
        make_span(2, attributes={"method": "POST", "route": "/b"}, service="web"),
        make_span(3, attributes={"method": "GET", "route": "/c"}, service="cart", status_code=2),
    )
    got = Compare(Attribute("span", "method"), "=", "GET")

    assert {text for _, text in found(store, scope, Attribute("span", "route"), got)} == {"/a", "/c"}
    assert found(store, scope, Intrinsic.SERVICE, Compare(Attribute("span", "method"), "=", "POST")) == [
        ("string", "web")
    ]
    assert found(
        store, scope, Attribute("resource", "service.name"), And((got, Compare(Intrinsic.STATUS, "=", 2)))
    ) == [("string", "cart")]


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        (Intrinsic.NAME, {"n1", "n2"}),
        (Intrinsic.SERVICE, {"web", "cart"}),
        (Intrinsic.STATUS, {"ok", "error"}),
        (Intrinsic.KIND, {"server", "client"}),
        (Intrinsic.STATUS_MESSAGE, {"boom"}),
        (Intrinsic.SCOPE_NAME, {"lib"}),
        (Intrinsic.SCOPE_VERSION, {"1.0"}),
        (Intrinsic.EVENT_NAME, {"exception", "log"}),
        (Intrinsic.ROOT_NAME, {"n1"}),
        (Intrinsic.ROOT_SERVICE, {"web"}),
        (Intrinsic.DURATION, set()),
        (Intrinsic.TRACE_ID, set()),
        (Intrinsic.NESTED_SET_LEFT, set()),
    ],
)
@pytest.mark.parametrize("where", [EVERY, Compare(Intrinsic.DURATION, ">=", 0)])
def test_intrinsic_fields_have_values_too(store: Store, field: Intrinsic, texts: set[str], where: Predicate) -> None:
    events = (Event(BASE, "exception", {}), Event(BASE, "log", {}))
    scope = stored(
        store,
        make_span(1, status_code=StatusCode.OK, scope=SpanScope("lib", "1.0", {}, 0, "")),
        make_span(
            2,
            1,
            status_code=StatusCode.ERROR,
            kind=SpanKind.CLIENT,
            status_message="boom",
            events=events,
            service="cart",
        ),
    )

    listed = found(store, scope, field, where)

    assert {text for _, text in listed} == texts
    expected = "keyword" if field in (Intrinsic.STATUS, Intrinsic.KIND) else "string"
    assert {kind for kind, _ in listed} <= {expected}


def test_the_range_bounds_the_spans_looked_at(store: Store) -> None:
    spans = [make_span(n, trace=n, at=n * 10 * MINUTE, attributes={"n": n}) for n in range(1, 5)]
    scope = stored(store, *spans)
    middle = TimeRange(BASE + 20 * MINUTE * MS, BASE + 30 * MINUTE * MS)

    assert {text for _, text in found(store, scope, Attribute("span", "n"), within=middle)} == {"2", "3"}


def test_older_spans_are_looked_at_until_there_are_enough_values(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "FIRST_PART_SPANS", 1)
    spans = [make_span(n, trace=n, at=n * 10 * MINUTE, attributes={"n": n}) for n in range(1, 9)]
    scope = stored(store, *spans, make_span(20, trace=20, attributes={"rare": "old"}))

    newest = store.reader.field_values(scope, ALL, Attribute("span", "n"), 1)
    every = store.reader.field_values(scope, ALL, Attribute("span", "n"), 100)

    assert [value.text for value in newest.values] == ["8"]
    assert not newest.complete
    assert every.complete
    assert len(every.values) == 8
    assert found(store, scope, Attribute("span", "rare")) == [("string", "old")]


def test_after_enough_spans_with_the_field_older_ones_are_left_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "FIRST_PART_SPANS", 1)
    monkeypatch.setattr(values, "SEEN_SPANS_MAX", 3)
    spans = [make_span(n, trace=n, at=n * 10 * MINUTE, attributes={"n": n}) for n in range(1, 9)]

    listed = store.reader.field_values(stored(store, *spans), ALL, Attribute("span", "n"), 100)

    assert {"8", "7"} <= {value.text for value in listed.values}
    assert len(listed.values) < 8
    assert not listed.complete


def test_once_one_was_found_only_so_many_older_ones_are_looked_at(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "FIRST_PART_SPANS", 1)
    monkeypatch.setattr(values, "LOOKED_AT_SPANS_MAX", 3)
    spans = [make_span(n, trace=n, at=n * 10 * MINUTE) for n in range(1, 9)]
    marked = make_span(20, trace=20, at=90 * MINUTE, attributes={"mark": "new"})
    scope = stored(store, *spans, marked, make_span(30, trace=30, attributes={"mark": "old", "rare": 1}))

    assert found(store, scope, Attribute("span", "mark")) == [("string", "new")]
    assert found(store, scope, Attribute("span", "rare")) == [("int", "1")]


def test_a_scope_of_some_services_learns_nothing_of_the_others(store: Store) -> None:
    instance = stored(
        store,
        make_span(1, attributes={"open": 1}),
        make_span(2, 1, service="secret", attributes={"card": "4111"}, resource=Resource({"host": "h"})),
    ).instance
    scope = Scope(instance, frozenset({"web"}))

    assert store.reader.attribute_names(scope, ALL) == [("resource", "service.name"), ("span", "open")]
    assert found(store, scope, Attribute("span", "card")) == []
    assert found(store, scope, Intrinsic.NAME) == [("string", "n1")]
    assert found(store, scope, Intrinsic.ROOT_NAME) == [("string", "n1")]


def test_names_are_those_of_the_spans_that_satisfy_the_condition(store: Store) -> None:
    scope = stored(
        store,
        make_span(1, attributes={"a": 1}, events=(Event(BASE, "e", {"in.event": 1}),)),
        make_span(2, attributes={"b": 1}, status_code=2),
    )
    failed = Compare(Intrinsic.STATUS, "=", 2)

    assert ("event", "in.event") in store.reader.attribute_names(scope, ALL)
    assert ("span", "a") not in store.reader.attribute_names(scope, ALL, "any", failed)
    assert store.reader.attribute_names(scope, ALL, "span", failed) == [("span", "b")]
