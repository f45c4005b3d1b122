"""compare(): values of the selected spans' attributes beside those of the others."""

from __future__ import annotations

from typing import Any

import pytest

from spanhouse.tracing.plan.metrics import MetricsAnswer, MetricsRequest
from spanhouse.tracing.plan.scope import QueryLimits, Scope, TimeRange
from spanhouse.tracing.spans.model import AttributeValue, Resource, Span
from spanhouse.tracing.spans.model import Scope as SpanScope
from spanhouse.tracing.store.clickhouse import metrics
from spanhouse.tracing.traceql import to_metrics
from tests.kit.spans import BASE, MS, make_span
from tests.kit.store import Store

SECOND = 1_000 * MS
MINUTE = 60 * SECOND
START = BASE // MINUTE * MINUTE


def at(second: float, number: int, parent: int = 0, **fields: Any) -> Span:
    return make_span(number, parent, start_time=START + int(second * SECOND), **fields)


def ask(store: Store, scope: Scope, text: str, step: int | None = None) -> MetricsAnswer:
    return store.reader.metrics(MetricsRequest(scope, TimeRange(START, START + MINUTE), to_metrics(text), step))


def counted(answer: MetricsAnswer, name: str) -> dict[tuple[str, AttributeValue], float]:
    """Of one attribute: count by (what, value)."""
    return {
        (str(one.labels[0][1]), one.labels[1][1]): sum(point or 0 for point in one.points)
        for one in answer.series
        if one.labels[1][0] == name
    }


@pytest.fixture
def shop(store: Store) -> Scope:
    """Ten requests, of which the four of pod b failed; each has a child that fails not."""
    scope = Scope(store.new_instance())
    spans = []
    for n in range(1, 11):
        failed = n <= 4
        spans += [
            at(
                n,
                n,
                trace=n,
                name="GET /",
                status_code=2 if failed else 1,
                status_message="boom" if failed else "",
                attributes={"code": 500 if failed else 200, "retry": failed, "ids": [n], "nothing": None},
                resource=Resource({"service.name": "web", "pod": "b" if failed else "a"}),
                scope=SpanScope("lib", attributes={"v": 1.5}),
            ),
            at(n + 0.5, 100 + n, n, trace=n, name="query", service="db", kind=3),
        ]
    store.put(scope.instance, spans)
    return scope


ROOTS = "{ nestedSetParent < 0 } | compare({ status = error })"


@pytest.mark.report("V34")
@pytest.mark.parametrize("by_traces", [False, True])
def test_each_value_of_each_attribute_is_counted_in_both_groups(
    store: Store, shop: Scope, monkeypatch: pytest.MonkeyPatch, by_traces: bool
) -> None:
    if by_traces:
        monkeypatch.setattr(metrics, "condition_of", lambda spanset: None)

    answer = ask(store, shop, ROOTS)

    assert counted(answer, "resource.pod") == {
        ("baseline", "a"): 6.0,
        ("baseline_total", None): 6.0,
        ("selection", "b"): 4.0,
        ("selection_total", None): 4.0,
    }
    assert counted(answer, "span.code")[("selection", 500)] == 4.0
    assert counted(answer, "span.retry")[("baseline", False)] == 6.0
    assert counted(answer, "instrumentation.v")[("selection", 1.5)] == 4.0
    assert counted(answer, "status")[("selection", "error")] == 4.0
    assert counted(answer, "kind")[("baseline", "server")] == 6.0
    assert counted(answer, "rootServiceName")[("baseline", "web")] == 6.0
    assert counted(answer, "resource.service.name")[("selection", "web")] == 4.0
    assert counted(answer, "statusMessage") == {("selection", "boom"): 4.0, ("selection_total", None): 4.0}


def test_lists_unset_values_ids_and_durations_are_no_attributes(store: Store, shop: Scope) -> None:
    names = {one.labels[1][0] for one in ask(store, shop, ROOTS).series}

    assert names == {
        "name",
        "kind",
        "status",
        "statusMessage",
        "rootName",
        "rootServiceName",
        "resource.service.name",
        "resource.pod",
        "span.code",
        "span.retry",
        "instrumentation.v",
    }


def test_of_structural_conditions_the_resulting_spans_are_compared(store: Store, shop: Scope) -> None:
    answer = ask(store, shop, "{ status = error } > { } | compare({ duration > 1s })")

    assert counted(answer, "name") == {("baseline", "query"): 4.0, ("baseline_total", None): 4.0}
    assert counted(answer, "resource.service.name") == {("baseline", "db"): 4.0, ("baseline_total", None): 4.0}


def test_a_selection_by_the_place_in_the_tree(store: Store, shop: Scope) -> None:
    answer = ask(store, shop, "{ } | compare({ childCount = 1 })")

    assert counted(answer, "name")[("selection", "GET /")] == 10.0
    assert counted(answer, "name")[("baseline", "query")] == 10.0


def test_a_selection_by_the_parent(store: Store, shop: Scope) -> None:
    answer = ask(store, shop, "{ } | compare({ parent.span.code = 500 })")

    assert counted(answer, "name")[("selection", "query")] == 4.0


@pytest.mark.parametrize("by_traces", [False, True])
def test_outside_the_window_nothing_is_selected(
    store: Store, shop: Scope, monkeypatch: pytest.MonkeyPatch, by_traces: bool
) -> None:
    if by_traces:
        monkeypatch.setattr(metrics, "condition_of", lambda spanset: None)
    window = f"{START + SECOND}, {START + 2 * SECOND}"

    answer = ask(store, shop, f"{{ nestedSetParent < 0 }} | compare({{ status = error }}, 10, {window})")

    assert counted(answer, "resource.pod") == {
        ("baseline", "a"): 6.0,
        ("baseline", "b"): 2.0,
        ("baseline_total", None): 8.0,
        ("selection", "b"): 2.0,
        ("selection_total", None): 2.0,
    }


@pytest.mark.parametrize("by_traces", [False, True])
def test_of_too_many_values_the_most_frequent_are_told_and_that_there_are_others(
    store: Store, monkeypatch: pytest.MonkeyPatch, by_traces: bool
) -> None:
    if by_traces:
        monkeypatch.setattr(metrics, "condition_of", lambda spanset: None)
    scope = Scope(store.new_instance())
    values = ["a"] * 3 + ["b"] * 2 + ["c", "d"]
    store.put(scope.instance, [at(n, n, attributes={"v": value}) for n, value in enumerate(values, 1)])

    answer = ask(store, scope, "{ } | compare({ status = error }, 2)")

    assert counted(answer, "span.v") == {
        ("baseline", "a"): 3.0,
        ("baseline", "b"): 2.0,
        ("baseline_total", None): 7.0,
        ("__too_many_values__", None): 0.0,
    }


def test_over_time_each_step_is_counted(store: Store, shop: Scope) -> None:
    answer = ask(store, shop, ROOTS, 5 * SECOND)

    of_pod_b = next(one for one in answer.series if one.labels == (("__meta_type", "selection"), ("resource.pod", "b")))
    assert of_pod_b.points[:3] == (4.0, 0.0, 0.0)


def test_past_the_limit_of_series_the_largest_stay(store: Store, shop: Scope) -> None:
    scope = Scope(shop.instance, limits=QueryLimits(series=5))

    answer = ask(store, scope, ROOTS)

    assert len(answer.series) == 5
    assert answer.warnings


def test_hidden_services_are_not_compared(store: Store, shop: Scope) -> None:
    answer = ask(store, Scope(shop.instance, frozenset({"db"})), "{ } | compare({ status = error })")

    assert counted(answer, "resource.service.name") == {("baseline", "db"): 10.0, ("baseline_total", None): 10.0}


@pytest.mark.parametrize("by_traces", [False, True])
def test_conditions_that_compare_with_the_traces_root(
    store: Store, shop: Scope, monkeypatch: pytest.MonkeyPatch, by_traces: bool
) -> None:
    if by_traces:
        monkeypatch.setattr(metrics, "condition_of", lambda spanset: None)
    text = "{ resource.service.name != trace:rootService } | compare({ name != trace:rootName })"

    assert counted(ask(store, shop, text), "name") == {("selection", "query"): 10.0, ("selection_total", None): 10.0}


def test_whole_numbers_are_one_value_however_they_were_sent(store: Store) -> None:
    scope = Scope(store.new_instance())
    values: list[AttributeValue] = [2, 2.0, "2", 2.5]
    store.put(scope.instance, [at(n, n, attributes={"v": value}) for n, value in enumerate(values, 1)])

    found = counted(ask(store, scope, "{ } | compare({ status = error })"), "span.v")

    assert found == {
        ("baseline", 2): 2.0,
        ("baseline", "2"): 1.0,
        ("baseline", 2.5): 1.0,
        ("baseline_total", None): 4.0,
    }
