"""Metrics on the real embedded engine, over spans whose figures are known."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from spanhouse.base.errors import InvalidQuery, QueryLimitReached
from spanhouse.tracing.plan.metrics import (
    Combined,
    Exemplar,
    MetricFunction,
    Metrics,
    MetricsAnswer,
    MetricsRequest,
    Ranked,
    Series,
    Threshold,
)
from spanhouse.tracing.plan.predicates import Attribute, Compare, Constant, Field, Intrinsic
from spanhouse.tracing.plan.scope import QueryLimits, Scope, TimeRange
from spanhouse.tracing.spans.model import AttributeValue, Span
from spanhouse.tracing.store.metrics.exemplars import windows
from spanhouse.tracing.store.metrics.grid import Grid
from spanhouse.tracing.traceql import to_metrics
from tests.kit.spans import BASE, MS, make_span
from tests.kit.store import Store

SECOND = 1_000 * MS
MINUTE = 60 * SECOND
START = BASE // MINUTE * MINUTE
"""Of a minute, some time before BASE."""
EVERYTHING = Constant(True)
SERVICE = ("resource.service.name", Attribute("resource", "service.name"))


def stored(store: Store, *spans: Span) -> Scope:
    instance = store.new_instance()
    store.put(instance, spans)
    return Scope(instance)


def series(function: str, of: Field | None = None, *by: tuple[str, Field], **more: Any) -> Series:
    return Series(more.pop("spans", EVERYTHING), MetricFunction(function), of, by=by, **more)


def ask(
    store: Store, scope: Scope, metrics: Metrics, start: int = START, seconds: int = 60, step: int | None = None
) -> MetricsAnswer:
    time_range = TimeRange(start, start + seconds * SECOND)
    return store.reader.metrics(MetricsRequest(scope, time_range, metrics, step))


def at(second: float, number: int, **fields: Any) -> Span:
    return make_span(number, start_time=START + int(second * SECOND), **fields)


def by_labels(answer: MetricsAnswer) -> dict[tuple[AttributeValue, ...], Any]:
    return {tuple(value for _, value in one.labels): one.points for one in answer.series}


@pytest.fixture
def hundred(store: Store) -> Scope:
    """100 spans, one every 0.6 s, of two services; every fifth failed."""
    return stored(
        store,
        *(
            at(
                number * 0.6,
                number + 1,
                service="web" if number % 2 else "cart",
                status_code=2 if number % 5 == 0 else 0,
                lasts=number + 1,
            )
            for number in range(100)
        ),
    )


@pytest.mark.report("V34")
def test_the_rate_of_a_range_is_its_spans_by_its_seconds(store: Store, hundred: Scope) -> None:
    assert by_labels(ask(store, hundred, series("rate"))) == {(): (100 / 60,)}


@pytest.mark.report("V34")
@pytest.mark.parametrize("step", [SECOND // 2, SECOND, 7 * SECOND, 10 * SECOND, MINUTE, 10 * MINUTE])
def test_the_counts_of_all_steps_together_are_the_count_of_the_range(store: Store, hundred: Scope, step: int) -> None:
    answer = ask(store, hundred, series("count_over_time", None, SERVICE), step=step)

    assert {labels: sum(point or 0 for point in points) for labels, points in by_labels(answer).items()} == {
        ("cart",): 50,
        ("web",): 50,
    }
    assert all(len(points) == len(answer.times) for points in by_labels(answer).values())


@pytest.mark.report("V34")
@pytest.mark.parametrize("cut", [0.6, 1.2, 30, 30.1, 59.4])
@pytest.mark.parametrize("step", [None, 10 * SECOND])
def test_adjoining_ranges_add_up(store: Store, hundred: Scope, cut: float, step: int | None) -> None:
    middle = START + int(cut * SECOND)
    metrics = series("count_over_time")
    counts = [
        sum(ask_between(store, hundred, metrics, start, end, step))
        for start, end in ((START, middle), (middle, START + MINUTE), (START, START + MINUTE))
    ]

    assert counts[0] + counts[1] == counts[2] == 100


def ask_between(store: Store, scope: Scope, metrics: Metrics, start: int, end: int, step: int | None) -> list[float]:
    answer = store.reader.metrics(MetricsRequest(scope, TimeRange(start, end), metrics, step))
    return [point or 0 for one in answer.series for point in one.points]


def test_steps_lie_on_multiples_of_their_length_and_stay_within_the_range(store: Store, hundred: Scope) -> None:
    answer = ask(store, hundred, series("count_over_time"), START + 5 * SECOND, 10, 10 * SECOND)

    assert answer.times == (START, START + 10 * SECOND)
    assert by_labels(answer) == {(): (8.0, 8.0)}


@pytest.mark.report("V34")
def test_every_type_of_a_value_has_its_own_series(store: Store) -> None:
    values: list[AttributeValue] = [1, 1.0, 1.5, "1", True, None, [1], "nil", ""]
    scope = stored(
        store, *(at(number, number, attributes={"v": value}) for number, value in enumerate(values, 1)), at(10, 10)
    )

    answer = ask(store, scope, series("count_over_time", None, ("span.v", Attribute("span", "v"))))

    found = [(one.labels[0][1], one.points) for one in answer.series]
    assert sorted(map(repr, found)) == sorted(
        map(
            repr,
            [
                (1, (2.0,)),
                (1.5, (1.0,)),
                ("1", (1.0,)),
                (True, (1.0,)),
                (None, (2.0,)),
                ([1], (1.0,)),
                ("nil", (1.0,)),
                ("", (1.0,)),
            ],
        )
    )


def test_kinds_states_and_durations_are_labels_as_people_read_them(store: Store) -> None:
    scope = stored(store, at(1, 1, kind=2, status_code=2, lasts=1500), at(2, 2, kind=9, status_code=0, lasts=0))
    by = tuple((field.value, field) for field in (Intrinsic.KIND, Intrinsic.STATUS, Intrinsic.DURATION))

    assert by_labels(ask(store, scope, series("count_over_time", None, *by))) == {
        ("server", "error", "1.5s"): (1.0,),
        ("9", "unset", "0s"): (1.0,),
    }


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("min_over_time", 0.001),
        ("max_over_time", 0.1),
        ("avg_over_time", 0.0505),
        ("sum_over_time", 5.05),
    ],
)
def test_figures_of_durations_are_in_seconds(store: Store, hundred: Scope, function: str, expected: float) -> None:
    assert by_labels(ask(store, hundred, series(function, Intrinsic.DURATION))) == {(): (pytest.approx(expected),)}


def test_quantiles_are_exact_and_each_a_series(store: Store, hundred: Scope) -> None:
    metrics = series("quantile_over_time", Intrinsic.DURATION, quantiles=(0.0, 0.5, 0.99, 1.0))

    answer = ask(store, hundred, metrics)

    assert by_labels(answer) == {
        (0.0,): (pytest.approx(0.001),),
        (0.5,): (pytest.approx(0.0505),),
        (0.99,): (pytest.approx(0.09901),),
        (1.0,): (pytest.approx(0.1),),
    }
    assert {name for one in answer.series for name, _ in one.labels} == {"p"}


def test_a_histogram_counts_by_powers_of_two(store: Store) -> None:
    values = [-1, 0, 0.25, 1, 1.5, 2, 3, 4, 2**40, 2**40 + 1]
    scope = stored(store, *(at(n, n + 1, attributes={"v": value}) for n, value in enumerate(values)))

    answer = ask(store, scope, series("histogram_over_time", Attribute("span", "v")))

    assert by_labels(answer) == {
        (0.0,): (2.0,),
        (1.0,): (2.0,),
        (2.0,): (2.0,),
        (4.0,): (2.0,),
        (float(2**40),): (1.0,),
        (float(2**41),): (1.0,),
    }
    assert {name for one in answer.series for name, _ in one.labels} == {"__bucket"}


def test_buckets_of_durations_are_powers_of_two_of_ns_in_seconds(store: Store) -> None:
    scope = stored(store, at(1, 1, lasts=1), at(2, 2, lasts=0))

    assert by_labels(ask(store, scope, series("histogram_over_time", Intrinsic.DURATION))) == {
        (0.0,): (1.0,),
        (2**20 / 1e9,): (1.0,),
    }


def test_spans_without_the_number_count_for_nothing(store: Store) -> None:
    values: list[AttributeValue] = [3, 1.5, "7", True, None, float("nan"), [9]]
    scope = stored(store, *(at(n, n + 1, attributes={"v": value}) for n, value in enumerate(values)), at(9, 9))

    assert by_labels(ask(store, scope, series("sum_over_time", Attribute("span", "v")))) == {(): (4.5,)}
    assert ask(store, scope, series("sum_over_time", Attribute("span", "none"))).series == ()


def test_steps_without_spans_count_0_and_have_no_figure(store: Store) -> None:
    scope = stored(store, at(1, 1, lasts=1000), at(21, 2, lasts=3000))
    asked = {
        function: by_labels(ask(store, scope, series(function, of), seconds=30, step=10 * SECOND))
        for function, of in (("rate", None), ("avg_over_time", Intrinsic.DURATION))
    }

    assert asked == {"rate": {(): (0.1, 0.0, 0.1)}, "avg_over_time": {(): (1.0, None, 3.0)}}


def test_a_count_of_no_spans_is_0_and_has_a_series_only_without_labels(store: Store) -> None:
    scope = stored(store, at(1, 1))
    nothing = Compare(Intrinsic.NAME, "=", "none")

    assert by_labels(ask(store, scope, series("rate", spans=nothing))) == {(): (0.0,)}
    assert ask(store, scope, series("rate", None, SERVICE, spans=nothing)).series == ()


def test_the_share_of_failed_spans_of_each_service(store: Store, hundred: Scope) -> None:
    failed = series("rate", None, SERVICE, spans=Compare(Intrinsic.STATUS, "=", 2))

    answer = ask(store, hundred, Combined("/", failed, series("rate", None, SERVICE)))

    assert by_labels(answer) == {("cart",): (pytest.approx(0.2),), ("web",): (pytest.approx(0.2),)}


def test_the_best_of_each_point_and_a_threshold(store: Store) -> None:
    scope = stored(
        store,
        *(at(1, number, service="a") for number in range(1, 4)),
        *(at(1, number, service="b") for number in range(11, 13)),
        *(at(11, number, service="c") for number in range(21, 22)),
    )
    counts = series("count_over_time", None, SERVICE)

    best = ask(store, scope, Ranked(counts, most=True, count=1), seconds=20, step=10 * SECOND)
    over = ask(store, scope, Threshold(counts, ">=", 2), seconds=20, step=10 * SECOND)

    assert by_labels(best) == {("a",): (3.0, None), ("c",): (None, 1.0)}
    assert by_labels(over) == {("a",): (3.0, None), ("b",): (2.0, None)}


def test_groups_by_a_traces_root_and_a_parents_attribute(store: Store) -> None:
    scope = stored(
        store,
        at(1, 1, name="root", service="web", attributes={"shop": 7}),
        at(2, 2, parent=1, name="child", service="cart"),
    )
    by = (
        ("rootServiceName", Intrinsic.ROOT_SERVICE),
        ("parent.span.shop", Attribute("span", "shop", of_parent=True)),
    )

    assert by_labels(ask(store, scope, series("count_over_time", None, *by))) == {
        ("web", 7): (1.0,),
        ("web", None): (1.0,),
    }


def test_a_condition_on_the_parent_counts_its_children(store: Store) -> None:
    scope = stored(
        store, at(1, 1, attributes={"shop": 7}), at(2, 2, parent=1, status_code=2), at(3, 3, parent=2, status_code=2)
    )
    of_shop = Compare(Attribute("span", "shop", of_parent=True), "=", 7)

    assert by_labels(ask(store, scope, series("count_over_time", spans=of_shop))) == {(): (1.0,)}


def test_hidden_services_count_nowhere(store: Store, hundred: Scope) -> None:
    scope = Scope(hundred.instance, frozenset({"web"}))

    assert by_labels(ask(store, scope, series("count_over_time", None, SERVICE))) == {("web",): (50.0,)}


def test_past_the_limit_the_largest_series_stay_and_the_answer_says_so(store: Store) -> None:
    spans = [at(n / 10, n + 1, name=f"n{min(n, 4)}") for n in range(8)]
    scope = Scope(stored(store, *spans).instance, limits=QueryLimits(series=2))

    answer = ask(store, scope, series("count_over_time", None, ("name", Intrinsic.NAME)))

    assert by_labels(answer)[("n4",)] == (4.0,)
    assert len(answer.series) == 2
    assert "more than 2 series" in answer.warnings[0]


def test_too_many_steps_are_refused_with_one_that_would_do(store: Store, hundred: Scope) -> None:
    with pytest.raises(InvalidQuery, match=r"more than 11,000 points.*at least 0\.00545"):
        ask(store, hundred, series("rate"), step=MS)


def test_a_range_over_the_limit_is_refused(store: Store, hundred: Scope) -> None:
    scope = Scope(hundred.instance, limits=QueryLimits(range_ns=30 * SECOND))

    with pytest.raises(QueryLimitReached, match="60 s and may have 30 s"):
        ask(store, scope, series("rate"))


def exemplars_of(store: Store, scope: Scope, metrics: Metrics, most: int, step: int = 10 * SECOND) -> list[Exemplar]:
    request = MetricsRequest(scope, TimeRange(START, START + MINUTE), metrics, step, most)
    return [exemplar for one in store.reader.metrics(request).series for exemplar in one.exemplars]


@pytest.fixture
def traces(store: Store) -> Scope:
    """Of each of 60 seconds a trace of two spans: 1 s of cart, 3 s of web."""
    return stored(
        store,
        *(at(n, 2 * n + 1, trace=n + 1, service="cart", lasts=1000) for n in range(60)),
        *(at(n + 0.5, 2 * n + 2, trace=n + 1, service="web", lasts=3000, status_code=2) for n in range(60)),
    )


@pytest.mark.parametrize("spans", ["{ }", "{ } ~ { }"])
def test_exemplars_are_of_different_traces_all_over_the_range_and_of_every_series(
    store: Store, traces: Scope, spans: str
) -> None:
    metrics = to_metrics(f"{spans} | rate() by (resource.service.name)")
    request = MetricsRequest(traces, TimeRange(START, START + MINUTE), metrics, 10 * SECOND, 12)

    series = store.reader.metrics(request).series

    found = [exemplar for one in series for exemplar in one.exemplars]
    assert 10 <= len(found) <= 12
    assert len({exemplar.trace_id for exemplar in found}) == len(found)
    assert {(exemplar.at - START) // (20 * SECOND) for exemplar in found} == {0, 1, 2}
    assert all(len(one.exemplars) >= 5 for one in series)
    assert {exemplar.value for exemplar in found} == {1.0}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{ } | max_over_time(duration)", {1.0, 3.0}),
        ("{ } | avg_over_time(duration) by (resource.service.name)", {1.0, 3.0}),
        ("({ } | rate()) * 10", {20.0}),
        ("{ } | rate() by (resource.service.name) | topk(1)", {1.0}),
        ("{ } | rate() > 5", set()),
        ("({ status = error } | rate()) / ({ } | rate())", {0.5}),
        ("{ } | histogram_over_time(duration)", {10.0}),
    ],
)
def test_an_exemplar_has_its_spans_value_or_lies_on_its_point(
    store: Store, traces: Scope, text: str, values: set[float]
) -> None:
    found = {exemplar.value for exemplar in exemplars_of(store, traces, to_metrics(text), 20)}

    assert found <= values
    assert bool(found) == bool(values)


def test_exemplars_of_quantiles_belong_to_the_nearest(store: Store, traces: Scope) -> None:
    metrics = to_metrics("{ } | quantile_over_time(duration, 0, 1)")
    request = MetricsRequest(traces, TimeRange(START, START + MINUTE), metrics, 10 * SECOND, 20)

    least, most = store.reader.metrics(request).series

    assert {exemplar.value for exemplar in least.exemplars} <= {1.0}
    assert {exemplar.value for exemplar in most.exemplars} <= {3.0}
    assert least.exemplars or most.exemplars


@pytest.mark.parametrize("most", [0, 1, 3, 100])
def test_there_are_at_most_so_many_exemplars(store: Store, traces: Scope, most: int) -> None:
    for text in ("{ } | rate()", "({ } | rate()) + ({ } > { } | rate())", "{ } | rate() by (name)"):
        assert len(exemplars_of(store, traces, to_metrics(text), most)) <= most


def test_of_many_spans_few_are_looked_at_for_exemplars(store: Store, traces: Scope) -> None:
    grid = Grid(START, START + MINUTE, None)

    of_few, of_many = windows(grid, 10, 1_000), windows(grid, 10, 2_000_000)

    assert [window.start for window in of_few] == [window.start for window in of_many]
    assert sum(window.end + 1 - window.start for window in of_few) == MINUTE
    assert sum(window.end + 1 - window.start for window in of_many) < MINUTE // 500
    assert all(before.end < after.start for before, after in pairwise(of_few))
