"""Service edges: recomputed whole, replaced, never added up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from spanhouse.base.clock import NANOS_PER_DAY, NANOS_PER_SECOND
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.store.clickhouse.edges import ClickHouseDeriver
from spanhouse.tracing.store.clickhouse.expire import ClickHouseEraser
from tests.kit.spans import BASE, make_span
from tests.kit.store import Store

SERVER, CLIENT, INTERNAL = 2, 3, 1


def call(parent: str, child: str, number: int = 1, **fields: object) -> list[Span]:
    """A client span of `parent` and the server span of `child` below it."""
    return [
        make_span(number, service=parent, kind=CLIENT),
        make_span(number + 1, number, service=child, kind=SERVER, **fields),
    ]


def derive(store: Store, instance: str, version: int) -> None:
    deriver = ClickHouseDeriver(store.engine)
    minutes = [minute for name, minute in deriver.touched(BASE, BASE + NANOS_PER_SECOND) if name == instance]
    deriver.recompute(instance, minutes, version)


def edges(store: Store, instance: str) -> list[tuple[str, str, int, int]]:
    found = store.reader.edges(Scope(instance), TimeRange(BASE - NANOS_PER_DAY, BASE + NANOS_PER_DAY))
    return sorted((edge.parent, edge.child, edge.calls, edge.errors) for edge in found)


def stored(store: Store, *batches: Iterable[Span]) -> str:
    instance = store.new_instance()
    for batch in batches:
        store.put(instance, batch)
    return instance


def test_a_call_between_services_is_an_edge(store: Store) -> None:
    instance = stored(store, [*call("web", "cart", 1), *call("web", "cart", 3, status_code=2)])

    derive(store, instance, 1)

    assert edges(store, instance) == [("web", "cart", 2, 1)]


def test_both_ends_may_come_in_different_batches(store: Store) -> None:
    caller, called = call("web", "cart")
    instance = stored(store, [called], [caller])

    derive(store, instance, 1)

    assert edges(store, instance) == [("web", "cart", 1, 0)]


def test_a_second_time_replaces_the_first(store: Store) -> None:
    instance = stored(store, call("web", "cart"))

    derive(store, instance, 1)
    derive(store, instance, 2)
    ClickHouseDeriver(store.engine).forget_replaced()

    assert edges(store, instance) == [("web", "cart", 1, 0)]


def test_what_arrives_later_is_counted_when_its_minute_is_recomputed(store: Store) -> None:
    instance = stored(store, call("web", "cart"))
    derive(store, instance, 1)
    store.put(instance, call("web", "cart", 3))

    derive(store, instance, 2)

    assert edges(store, instance) == [("web", "cart", 2, 0)]


def test_a_service_that_calls_itself_over_the_network_has_a_loop(store: Store) -> None:
    instance = stored(store, call("web", "web"))

    derive(store, instance, 1)

    assert edges(store, instance) == [("web", "web", 1, 0)]


def test_spans_inside_a_service_are_no_edge(store: Store) -> None:
    inside = [make_span(1, service="web", kind=INTERNAL), make_span(2, 1, service="web", kind=INTERNAL)]
    instance = stored(store, inside)

    derive(store, instance, 1)

    assert edges(store, instance) == []


@pytest.mark.report("V36")
@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"db.system": "mysql"}, "mysql"),
        ({"db.system.name": "postgresql", "db.system": "other_sql"}, "postgresql"),
        ({"peer.service": "ledger", "db.system": "mysql"}, "ledger"),
        ({"messaging.system": "kafka"}, "kafka"),
    ],
)
def test_what_is_called_and_not_traced_is_a_node_by_the_callers_name(
    store: Store, attributes: dict[str, str], name: str
) -> None:
    caller = make_span(1, service="web", kind=CLIENT, attributes=attributes, status_code=2)
    instance = stored(store, [caller])

    derive(store, instance, 1)

    assert edges(store, instance) == [("web", name, 1, 1)]


@pytest.mark.report("V36")
def test_a_call_that_a_span_answers_is_counted_once_by_that_spans_service(store: Store) -> None:
    caller, called = call("web", "orders-db")
    instance = stored(store, [replace(caller, attributes={"db.system": "mysql"}), called])

    derive(store, instance, 1)

    assert edges(store, instance) == [("web", "orders-db", 1, 0)]


@pytest.mark.report("V36")
def test_an_answer_of_the_next_minute_takes_the_place_of_the_callers_name(store: Store) -> None:
    minute = 60 * NANOS_PER_SECOND
    before = BASE // minute * minute + minute - 1_000_000
    caller = make_span(1, service="web", kind=CLIENT, attributes={"peer.service": "cart"})
    caller = replace(caller, start_time=before, end_time=before + 5_000_000)
    called = make_span(2, 1, service="basket", kind=SERVER)
    called = replace(called, start_time=before + 2_000_000, end_time=before + 3_000_000)
    instance = stored(store, [caller])
    derive(store, instance, 1)
    store.put(instance, [called])

    derive(store, instance, 2)

    assert edges(store, instance) == [("web", "basket", 1, 0)]


def test_edges_follow_a_deletion(store: Store) -> None:
    instance = stored(store, call("web", "cart"))
    derive(store, instance, 1)

    ClickHouseEraser(store.engine).expire({instance: BASE + NANOS_PER_DAY})
    ClickHouseDeriver(store.engine).recompute(instance, [BASE // (60 * NANOS_PER_SECOND)], 2)

    assert edges(store, instance) == []


def test_edges_of_one_instance_are_not_anothers(store: Store) -> None:
    instance = stored(store, call("web", "cart"))
    other = stored(store, call("shop", "bank"))

    derive(store, instance, 1)
    derive(store, other, 1)

    assert edges(store, instance) == [("web", "cart", 1, 0)]
