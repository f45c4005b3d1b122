"""Counts from the minutes' rollup are those of the spans: at the range's edges, after retention, for any clock."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse.tracing.plan.metrics import MetricFunction, MetricsAnswer, MetricsRequest, Series
from spanhouse.tracing.plan.predicates import And, Attribute, Compare, Constant, Field, Intrinsic, Not, Or, Predicate
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.store.clickhouse import metrics
from spanhouse.tracing.store.clickhouse.engine import Answer
from spanhouse.tracing.store.clickhouse.expire import ClickHouseEraser
from spanhouse.tracing.store.clickhouse.metrics_rollup import minutes_of
from spanhouse.tracing.store.metrics.grid import Grid
from tests.kit.spans import BASE, DAY, MS, make_span, random_spans
from tests.kit.store import Store

EXAMPLES = int(os.environ.get("SPANHOUSE_EXAMPLES", "40")) // 3
"""Deleting takes long."""
SECOND = 1_000 * MS
MINUTE = 60 * SECOND
ALL = Constant(True)
SERVICE = ("resource.service.name", Attribute("resource", "service.name"))
NAME = ("name", Intrinsic.NAME)
KIND = ("kind", Intrinsic.KIND)
FAILED = Compare(Intrinsic.STATUS, "=", 2)
OF_WEB = Compare(Attribute("resource", "service.name"), "=", "web")
CONDITIONS: tuple[Predicate, ...] = (
    ALL,
    FAILED,
    Not(FAILED),
    Compare(Intrinsic.STATUS, "!=", 2),
    OF_WEB,
    And((OF_WEB, FAILED)),
    And((Compare(Intrinsic.KIND, "=", 2), Or((OF_WEB, Compare(Intrinsic.NAME, "=~", "GET.*"))), Not(FAILED))),
)


def counts(*by: tuple[str, Field], spans: Predicate = ALL, function: str = "count_over_time") -> Series:
    return Series(spans, MetricFunction(function), by=by)


def both_ways(store: Store, request: MetricsRequest) -> tuple[MetricsAnswer, MetricsAnswer]:
    with pytest.MonkeyPatch.context() as patch:
        rolled_up = store.reader.metrics(request)
        patch.setattr(metrics, "minutes_of", lambda *_: None)
        return rolled_up, store.reader.metrics(request)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.tuples(st.integers(0, 2 * 24), st.lists(random_spans(odd_clocks=True), min_size=1, max_size=6)),
        min_size=1,
        max_size=4,
    ),
    expired=st.none() | st.integers(0, 2 * 24),
    services=st.none() | st.just(frozenset({"web", "商品"})),
    by=st.lists(st.sampled_from([SERVICE, NAME, KIND]), max_size=3, unique=True),
    condition=st.sampled_from(CONDITIONS),
    start=st.integers(-MINUTE, 20 * MINUTE) | st.sampled_from([0, -BASE]),
    length=st.integers(1, 30 * MINUTE) | st.sampled_from([MINUTE, 10 * MINUTE, 3 * DAY]),
    step=st.none() | st.sampled_from([1, 5, 7]).map(lambda minutes: minutes * MINUTE),
)
def test_both_ways_give_the_same(
    store: Store,
    batches: list[tuple[int, list[Span]]],
    expired: int | None,
    services: frozenset[str] | None,
    by: list[tuple[str, Field]],
    condition: Predicate,
    start: int,
    length: int,
    step: int | None,
) -> None:
    scope = Scope(store.new_instance(), services)
    for hours, spans in batches:
        store.put(scope.instance, spans, received_at=BASE + hours * 3600 * SECOND)
    if expired is not None:
        ClickHouseEraser(store.engine).expire({scope.instance: BASE + expired * 3600 * SECOND})
    time_range = TimeRange(BASE + start, BASE + start + length)

    rolled_up, from_spans = both_ways(store, MetricsRequest(scope, time_range, counts(*by, spans=condition), step))

    assert rolled_up.series == from_spans.series


def test_whole_minutes_are_not_counted_from_spans(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = Scope(store.new_instance())
    start = BASE // MINUTE * MINUTE
    store.put(scope.instance, [make_span(number, start_time=start + number * SECOND) for number in range(1, 600)])
    sent: list[str] = []
    query = store.engine.query

    def watched(sql: str, *more: Any) -> Answer:
        sent.append(sql)
        return query(sql, *more)

    monkeypatch.setattr(store.engine, "query", watched)

    answer = store.reader.metrics(MetricsRequest(scope, TimeRange(start, start + 10 * MINUTE), counts(SERVICE), MINUTE))

    assert answer.series[0].points == (59.0, *(60.0,) * 9)
    assert "red_minutes" in sent[-1]
    assert "FROM spans" not in sent[-1]


@pytest.mark.parametrize(
    ("series", "start", "end", "step"),
    [
        (counts(("status", Intrinsic.STATUS)), 0, 10 * MINUTE, None),
        (counts(("span.service.name", Attribute("span", "service.name"))), 0, 10 * MINUTE, None),
        (counts((".service.name", Attribute("any", "service.name"))), 0, 10 * MINUTE, None),
        (counts(SERVICE, spans=Compare(Intrinsic.DURATION, ">", 5)), 0, 10 * MINUTE, None),
        (counts(SERVICE, spans=Or((FAILED, OF_WEB))), 0, 10 * MINUTE, None),
        (counts(SERVICE, spans=Compare(Intrinsic.STATUS, "=", 1)), 0, 10 * MINUTE, None),
        (counts(SERVICE), 0, 10 * MINUTE, 90 * SECOND),
        (counts(SERVICE), 1, MINUTE, None),
        (replace(counts(SERVICE), function=MetricFunction.MAX, of=Intrinsic.DURATION), 0, 10 * MINUTE, None),
    ],
)
def test_what_the_rollup_does_not_know_is_not_asked_of_it(
    series: Series, start: int, end: int, step: int | None
) -> None:
    assert isinstance(series.spans, Predicate)

    assert minutes_of(series, series.spans, Grid(start, end, step)) is None


def test_after_retention_within_a_day_its_expired_spans_count_no_more(store: Store) -> None:
    scope = Scope(store.new_instance())
    start = BASE // MINUTE * MINUTE
    for number, received in enumerate((BASE, BASE + 60 * MINUTE), 1):
        store.put(scope.instance, [make_span(number, start_time=start)], received_at=received)
        store.put(scope.instance, [make_span(number, start_time=start)], received_at=received + DAY)
    request = MetricsRequest(scope, TimeRange(start, start + 10 * MINUTE), counts(SERVICE))
    before = store.reader.metrics(request).series[0].points

    ClickHouseEraser(store.engine).expire({scope.instance: BASE + 30 * MINUTE})

    assert before == (4.0,)
    assert store.reader.metrics(request).series[0].points == (3.0,)
