"""Retention: never early, exact to the nanosecond for spans, of that instance alone, usage untouched."""

from __future__ import annotations

import pytest

from spanhouse.base.clock import NANOS_PER_DAY
from spanhouse.tracing.store.clickhouse.expire import ClickHouseEraser
from tests.kit.spans import BASE, make_span
from tests.kit.store import Store

DAY = (BASE // NANOS_PER_DAY) * NANOS_PER_DAY
USAGE = "SELECT sum(spans) FROM usage_hours WHERE instance = {i:String}"
SUMMARIES = "SELECT uniqExact(trace_id) FROM trace_summaries WHERE instance = {i:String}"
CALLS = "SELECT sum(calls) FROM red_minutes WHERE instance = {i:String}"


@pytest.fixture
def eraser(store: Store) -> ClickHouseEraser:
    return ClickHouseEraser(store.engine)


def received(store: Store, instance: str) -> list[int]:
    sql = "SELECT received_at FROM spans WHERE instance = {i:String} ORDER BY received_at"
    return [int(row[0]) for row in store.engine.query(sql, {"i": instance}, {}).rows()]


def number(store: Store, sql: str, instance: str) -> int:
    return int(store.engine.query(sql, {"i": instance}, {}).rows()[0][0] or 0)


def put_at(store: Store, instance: str, *times: int) -> None:
    for trace, at in enumerate(times, 1):
        store.put(instance, [make_span(trace=trace, start_time=at)], received_at=at)


@pytest.mark.parametrize("on_the_hour", [0, NANOS_PER_DAY // 2])
def test_spans_go_exactly_at_the_cut_off(store: Store, eraser: ClickHouseEraser, on_the_hour: int) -> None:
    instance, cut = store.new_instance(), DAY - 40 * NANOS_PER_DAY + on_the_hour
    put_at(store, instance, cut - 1, cut, cut + 1)

    assert eraser.expire({instance: cut}) == 1

    assert received(store, instance) == [cut, cut + 1]


def test_another_instance_keeps_its_spans_of_the_same_time(store: Store, eraser: ClickHouseEraser) -> None:
    short, long, unnamed = (store.new_instance() for _ in range(3))
    old = DAY - 60 * NANOS_PER_DAY
    for instance in (short, long, unnamed):
        put_at(store, instance, old)

    eraser.expire({short: old + 2 * NANOS_PER_DAY, long: old})

    assert received(store, short) == []
    assert received(store, long) == received(store, unnamed) == [old]
    assert number(store, CALLS, long) == 1


def test_an_expired_day_takes_its_rollups_along_and_leaves_usage(store: Store, eraser: ClickHouseEraser) -> None:
    instance, old = store.new_instance(), DAY - 80 * NANOS_PER_DAY
    put_at(store, instance, old, old + 5, DAY)

    assert eraser.expire({instance: old + NANOS_PER_DAY}) == 2

    assert received(store, instance) == [DAY]
    assert number(store, SUMMARIES, instance) == 1
    assert number(store, CALLS, instance) == 1
    assert number(store, USAGE, instance) == 3


def test_a_day_that_is_wholly_gone_is_dropped_as_one(store: Store, eraser: ClickHouseEraser) -> None:
    instance, old = store.new_instance(), DAY - 120 * NANOS_PER_DAY
    put_at(store, instance, old)

    eraser.expire({instance: old + NANOS_PER_DAY})

    sql = "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'spans' AND active AND "
    left = store.engine.query(sql + "partition_id = {day:String}", {"day": str(old // NANOS_PER_DAY)}, {}).rows()
    assert int(left[0][0]) == 0


def test_a_trace_with_spans_left_keeps_its_summary(store: Store, eraser: ClickHouseEraser) -> None:
    instance, cut = store.new_instance(), DAY - 20 * NANOS_PER_DAY + 7
    store.put(instance, [make_span(1, trace=9, start_time=cut)], received_at=cut - 1)
    store.put(instance, [make_span(2, trace=9, start_time=cut)], received_at=cut)
    store.put(instance, [make_span(3, trace=8, start_time=cut)], received_at=cut - 1)

    eraser.expire({instance: cut})

    assert number(store, SUMMARIES, instance) == 1


def test_nothing_to_expire_costs_nothing(store: Store, eraser: ClickHouseEraser) -> None:
    instance = store.new_instance()
    put_at(store, instance, DAY)

    assert eraser.expire({}) == 0
    assert eraser.expire({instance: DAY}) == 0

    assert received(store, instance) == [DAY]


def test_an_instance_with_an_awkward_name_harms_nobody(store: Store, eraser: ClickHouseEraser) -> None:
    awkward, other = "i'\\ OR 1=1 --", store.new_instance()
    old = DAY - 33 * NANOS_PER_DAY
    put_at(store, awkward, old, old + 10)
    put_at(store, other, old)

    assert eraser.expire({awkward: old + 10}) == 1

    assert received(store, awkward) == [old + 10]
    assert received(store, other) == [old]
