"""Names of attributes without end: nothing is lost, and what is kept of them is bounded."""

from __future__ import annotations

from collections.abc import Sequence

from spanhouse.tracing.plan.predicates import Attribute, Compare
from spanhouse.tracing.plan.requests import TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.spans.model import Event, Span
from spanhouse.tracing.store.clickhouse.presence import NAMES_KEPT_MAX
from tests.kit.spans import BASE, DAY, make_span
from tests.kit.store import Store

ALL = TimeRange(BASE - DAY, BASE + DAY)
MORE = NAMES_KEPT_MAX // 10 + 50


def endless(first: int) -> list[Span]:
    """Ten names a span that no other span has, and all of them together more than are kept."""
    return [
        make_span(n + 1, trace=0xE0 + n, attributes={f"k{n}.{m}": m for m in range(10)})
        for n in range(first, first + MORE)
    ]


def names(store: Store, instance: str) -> Sequence[tuple[str, str]]:
    return store.reader.attribute_names(Scope(instance), ALL)


def test_names_without_end_are_kept_up_to_a_bound(store: Store) -> None:
    instance, other = store.new_instance(), store.new_instance()
    for first in (0, MORE):
        store.put(instance, endless(first))
        store.put(other, [make_span(1, attributes={"plain": 1})])

    rows = store.engine.query(
        "SELECT count() FROM attribute_names WHERE instance = {i:String} AND scope = 'span'", {"i": instance}, {}
    ).rows()

    assert int(rows[0][0]) == NAMES_KEPT_MAX
    assert ("span", "plain") in names(store, other)


def test_spans_whose_names_are_not_kept_come_back_whole_and_are_found(store: Store) -> None:
    instance = store.new_instance()
    sent = endless(0)
    store.put(instance, sent)
    last = sent[-1]
    scope = Scope(instance)
    where = Compare(Attribute("span", f"k{MORE - 1}.9"), "=", 9)

    found = [trace.summary.trace_id for trace in store.reader.search(TraceSearch(scope, ALL, where)).traces]

    assert store.reader.trace(scope, last.trace_id, 10).spans[0].attributes == last.attributes
    assert found == [last.trace_id]


def test_names_are_known_with_their_types_by_where_they_stand(store: Store) -> None:
    instance = store.new_instance()
    span = make_span(
        1,
        attributes={"s": "x", "i": 1, "f": 1.5, "b": True, "o": ["a"]},
        events=(Event(BASE, "e", {"of.event": "x"}),),
    )
    store.put(instance, [span])

    rows = store.engine.query(
        "SELECT scope, name, type FROM attribute_names WHERE instance = {i:String}", {"i": instance}, {}
    ).rows()

    assert {tuple(row) for row in rows} == {
        ("resource", "service.name", "string"),
        ("span", "s", "string"),
        ("span", "i", "int"),
        ("span", "f", "float"),
        ("span", "b", "bool"),
        ("span", "o", "other"),
        ("event", "of.event", "string"),
    }
