"""Metrics over structural conditions and pipelines, whose spans only whole traces tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse.tracing.plan.metrics import MetricFunction, MetricsAnswer, MetricsRequest, Series
from spanhouse.tracing.plan.predicates import Attribute, Compare, Constant, Field, Intrinsic
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.spansets import Both, Related, Relation, Spanset
from spanhouse.tracing.spans.model import AttributeValue, Span
from spanhouse.tracing.store.clickhouse import metrics, metrics_whole
from spanhouse.tracing.traceql import to_metrics
from tests.kit.spans import BASE, MS, NAMES, make_span, random_spans
from tests.kit.store import Store

SECOND = 1_000 * MS
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = BASE // HOUR * HOUR


def at(second: float, number: int, parent: int = 0, **fields: Any) -> Span:
    return make_span(number, parent, start_time=START + int(second * SECOND), **fields)


def stored(store: Store, *spans: Span) -> Scope:
    scope = Scope(store.new_instance())
    store.put(scope.instance, spans)
    return scope


def ask(store: Store, scope: Scope, text: str, seconds: int = 60, step: int | None = None) -> MetricsAnswer:
    request = MetricsRequest(scope, TimeRange(START, START + seconds * SECOND), to_metrics(text), step)
    return store.reader.metrics(request)


def by_labels(answer: MetricsAnswer) -> dict[tuple[AttributeValue, ...], Any]:
    return {tuple(value for _, value in one.labels): one.points for one in answer.series}


@pytest.fixture
def calls(store: Store) -> Scope:
    """A trace that goes on for two hours, one whose root was not received, and one of a single span."""
    return stored(
        store,
        at(1, 1, name="root", lasts=1000),
        at(2, 2, 1, name="call", status_code=2, service="cart", lasts=300),
        at(3, 3, 2, name="query", status_code=2, service="db", lasts=100, attributes={"rows": 3}),
        at(7100, 4, 1, name="late", status_code=2, service="cart"),
        at(4, 11, 99, name="orphan", trace=2, status_code=2),
        at(5, 12, 11, name="below", trace=2, status_code=2),
        at(6, 21, name="alone", trace=3),
    )


@pytest.mark.report("V34")
def test_the_right_spans_of_a_relation_are_counted_by_their_own_names(store: Store, calls: Scope) -> None:
    answer = ask(store, calls, "{ } > { status = error } | count_over_time() by (span:name)")

    assert by_labels(answer) == {("call",): (1.0,), ("query",): (1.0,)}


def test_spans_of_a_long_trace_count_in_the_steps_they_start_in(store: Store, calls: Scope) -> None:
    answer = ask(store, calls, "{ } >> { status = error } | rate()", 3 * 3600, HOUR)

    assert by_labels(answer) == {(): (2 / 3600, 1 / 3600, 0.0)}


def test_only_spans_within_the_range_count_though_the_trace_goes_on(store: Store, calls: Scope) -> None:
    assert by_labels(ask(store, calls, "{ } >> { status = error } | count_over_time()", 3)) == {(): (1.0,)}
    assert by_labels(ask(store, calls, "{ name = `late` } ~ { } | count_over_time()", 3)) == {(): (1.0,)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ } > { } | avg_over_time(duration)", {(): (0.2,)}),
        ("{ } > { } | max_over_time(duration) by (name)", {("call",): (0.3,), ("query",): (0.1,)}),
        ("{ } > { } | sum_over_time(span.rows)", {(): (3.0,)}),
        ("{ } > { } | quantile_over_time(duration, .5, 1)", {(0.5,): (0.2,), (1.0,): (0.3,)}),
        ("{ } > { } | histogram_over_time(span.rows)", {(4.0,): (1.0,)}),
        ("{ } > { } | count_over_time() by (span.rows, kind)", {(3, "server"): (1.0,), (None, "server"): (1.0,)}),
        ("{ } | by(resource.service.name) | count() > 2 | count_over_time()", {(): (0.0,)}),
        ("{ } | count() > 2 | count_over_time()", {(): (3.0,)}),
        ("{ } | count() > 2 | { status = error } | rate() by (resource.service.name)", "cart db"),
        ("{ childCount > 1 } | count_over_time() by (name)", {("root",): (1.0,)}),
        ("{ } | count_over_time() by (childCount)", {(0,): (3.0,), (1,): (2.0,), (2,): (1.0,)}),
        ("{ name = `call` } && { name = `query` } | count_over_time()", {(): (2.0,)}),
        ("{ name = `none` } > { } | count_over_time()", {(): (0.0,)}),
        ("{ name = `none` } > { } | count_over_time() by (name)", {}),
    ],
)
def test_figures_of_what_comes_out(store: Store, calls: Scope, text: str, expected: Any) -> None:
    found = by_labels(ask(store, calls, text))

    if isinstance(expected, str):
        assert {label for (label,) in found} == set(expected.split())
    else:
        assert found == {labels: pytest.approx(points) for labels, points in expected.items()}


def test_hidden_spans_keep_their_place_and_are_not_counted(store: Store, calls: Scope) -> None:
    scope = Scope(calls.instance, frozenset({"db", "web"}))

    assert by_labels(ask(store, scope, "{ } >> { } | count_over_time() by (name)")) == {("query",): (1.0,)}
    assert by_labels(ask(store, scope, "{ } > { } | count_over_time()")) == {(): (0.0,)}


@pytest.mark.parametrize("traces_at_once", [1, 2, 3])
def test_some_traces_at_a_time_are_all_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch, traces_at_once: int
) -> None:
    monkeypatch.setattr(metrics_whole, "TRACES_AT_ONCE", traces_at_once)
    spans = [at(n / 10, 10 * n + m, 10 * n if m else 0, trace=n) for n in range(1, 8) for m in range(3)]

    answer = ask(store, stored(store, *spans), "{ } > { } | count_over_time()")

    assert by_labels(answer) == {(): (14.0,)}


CHILD = Related(Relation.CHILD, Constant(True), Constant(True))
FIGURES = st.one_of(
    st.just((MetricFunction.COUNT, None, ())),
    st.sampled_from([MetricFunction.MIN, MetricFunction.MAX, MetricFunction.AVG, MetricFunction.SUM]).map(
        lambda function: (function, Intrinsic.DURATION, ())
    ),
    st.just((MetricFunction.QUANTILE, Intrinsic.DURATION, (0.0, 0.3, 0.5, 1.0))),
    st.just((MetricFunction.HISTOGRAM, Intrinsic.DURATION, ())),
)
FIELDS = st.lists(
    st.sampled_from([Intrinsic.NAME, Intrinsic.STATUS, Intrinsic.ROOT_NAME])
    | NAMES.map(lambda name: Attribute("span", name))
    | NAMES.map(lambda name: Attribute("any", name)),
    max_size=2,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=st.lists(random_spans(odd_clocks=True), min_size=1, max_size=8),
    figure=FIGURES,
    fields=FIELDS,
    step=st.sampled_from([None, MINUTE, 7 * MINUTE]),
)
def test_rows_and_whole_traces_give_the_same_where_both_can(
    store: Store, spans: list[Span], figure: Any, fields: list[Field], step: int | None
) -> None:
    function, of, quantiles = figure
    by = tuple((f"label{nth}", field) for nth, field in enumerate(fields))
    condition: Spanset = Compare(Intrinsic.KIND, "<", 4)
    scope = stored(store, *spans)
    request = MetricsRequest(
        scope, TimeRange(BASE, BASE + 25 * MINUTE), Series(condition, function, of, quantiles, by), step
    )

    of_rows = store.reader.metrics(request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "condition_of", lambda spanset: None)
        of_traces = store.reader.metrics(request)

    assert [repr(one.labels) for one in of_traces.series] == [repr(one.labels) for one in of_rows.series]
    for one, other in zip(of_traces.series, of_rows.series, strict=True):
        assert one.points == pytest.approx(other.points)


def test_both_sides_of_an_and_are_counted_once(store: Store, calls: Scope) -> None:
    metrics_of_both = Series(Both(Constant(True), CHILD), MetricFunction.COUNT)

    answer = store.reader.metrics(MetricsRequest(calls, TimeRange(START, START + MINUTE), metrics_of_both))

    assert answer.series[0].points == (3.0,)


def test_a_condition_that_compares_with_the_traces_root_is_one_on_rows(store: Store, calls: Scope) -> None:
    answer = ask(store, calls, "{ resource.service.name != trace:rootService } | count_over_time() by (rootName)")

    assert by_labels(answer) == {("root",): (2.0,)}
