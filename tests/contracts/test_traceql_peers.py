"""Recorded answers of a widely used implementation against ours on the same spans: the reference's and the store's.

Where they differ on purpose, the tables say why; what can still be held of such an answer is. On a machine that has no
recordings there is nothing to compare.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan.metrics import MetricsRequest
from spanhouse.tracing.plan.requests import TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.traceql import parse, to_metrics, to_spanset
from tests.kit import traceql_recorded as recorded
from tests.kit import traceql_reference as reference
from tests.kit.store import Store

MIXED = "whole numbers, fractions and durations are all numbers, and compare with one another"
MISSING = "a missing attribute is nil, one that is there is not"
FIGURES = "spans without the value take no part in a figure, and fractions do as whole numbers do"
DIFFERS = {
    "{ .num < 1.5 }": MIXED,
    "{ span.num < 500 }": MIXED,
    "{ .http.status_code != 3.0 }": MIXED,
    "{ resource.replicas < 100ms }": MIXED,
    "{ event.level < 3.0 }": MIXED,
    '{ (.foo = "bar" || .num > 1) && status != error }': MIXED,
    "{ span.num / 2 = 0.5 }": "a half of 1 is 0.5, of whole numbers too",
    "{ .foo = nil }": MISSING,
    "{ nil = .foo }": MISSING,
    "{ event.exception.type = nil }": MISSING,
    "{ nil = event.exception.type }": MISSING,
    "{ 2 ^ 3 = 8 }": "constants are calculated",
    '{ !(.foo = "bar") }': "not of a false comparison is true",
    '{ span:parentID = "0000000000030001" }': "parents are found by their id",
    "{ } | avg(span.num) > 3": FIGURES,
    '{ name = "GET /a" } | sum(span.num) = 3': FIGURES,
    '{ .foo = "bar" } | sum(span.num) > 3': FIGURES,
    "{ span.http.status_code >= 400 } | avg(span.num) > 3": FIGURES,
    "{ duration > 100ms } | sum(span.num) = 3": FIGURES,
    "{ span.foo != nil } | avg(span.num) = 2": FIGURES,
    '{ name =~ "GET.*" } | sum(span.num) = 2': FIGURES,
}
"""Nothing of the recorded answer is held."""
FRACTIONS_LEFT_OUT = {
    '{ span.num > 1 } && { name = "GET /a" }',
    '{ span.num > 1 } > { name =~ "GET.*" }',
    '{ name =~ "GET.*" } << { span.num > 1 }',
    "{ duration > 100ms } !> { span.num > 1 }",
    '{ name =~ "GET.*" } !>> { span.num > 1 }',
    '{ span.num > 1 } !<< { name = "GET /a" }',
    "{ kind = server } &~ { span.num > 1 }",
    "{ status = error } >> ({ } ~ { span.num > 1 })",
    '{ .foo = "bar" } < ({ duration > 100ms } >> { span.num > 1 })',
    '({ resource.service.name = "cart" } ~ { resource.service.name = "cart" }) << { span.num > 1 }',
    '{ } >> ({ span.num > 1 } << { .foo = "bar" })',
    '({ span.num > 1 } >> { span.http.status_code >= 400 }) < { name =~ "GET.*" }',
    "{ span.num > 1 } | count() > 1",
    "{ span.num > 1 } | select(span.foo, resource.cluster)",
}
"""The peer's > 1 finds no 1.5 (MIXED). Without the fractions among the spans the answers are equal."""
UNION = "a union has all spans of both sides that stand in the relation, not the outermost of them only"
UNNUMBERED = "a span that is not reached from a root is nobody's parent"
FINDS_MORE = {
    "{ span.num > 1 } &>> { kind = server }": UNION,
    '{ name =~ "GET.*" } &<< { resource.ns = "prod" }': UNION,
    '{ resource.service.name = "cart" } &<< { status = error }': UNION,
    "{ span.num > 1 } &<< { kind = server }": UNION,
    "{ kind = server } !< { }": UNNUMBERED,
}
"""Ours holds all that was recorded, and more."""
VECTORS = recorded.VECTORS
METRICS = recorded.metrics_cases()
RECORDED = recorded.search_range()
SEARCHES = [case for case in recorded.search_cases() if case["status"] == 200]
REFUSED = [case for case in recorded.search_cases() if case["status"] == 400]
EQUAL = [case for case in SEARCHES if case["q"] not in {*DIFFERS, *FRACTIONS_LEFT_OUT, *FINDS_MORE}]
MORE = [case for case in SEARCHES if case["q"] in FINDS_MORE]
WITHOUT_FRACTIONS = [case for case in SEARCHES if case["q"] in FRACTIONS_LEFT_OUT]

Found = dict[str, list[str]]


def _recorded(case: dict[str, Any]) -> Found:
    return {trace: sorted(spans) for trace, spans in case["spans"].items()}


def _whole(span: Span) -> Span:
    attributes = {name: value for name, value in span.attributes.items() if not isinstance(value, float)}
    return replace(span, attributes=attributes)


def _asked(case: dict[str, Any], families: list[reference.Family]) -> Found:
    found = reference.answer(parse(case["q"]), families)
    return {trace: sorted(span for one in sets for span in one) for trace, sets in found.items()}


def _holds(more: Found, less: Found) -> bool:
    return all(set(spans) <= set(more.get(trace, ())) for trace, spans in less.items())


def cases(of: Iterable[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", list(of), ids=lambda case: case["q"])


# -- the reference


@pytest.fixture(scope="module")
def families() -> list[reference.Family]:
    return reference.families(recorded.search_spans())


@pytest.fixture(scope="module")
def whole_families() -> list[reference.Family]:
    return reference.families(map(_whole, recorded.search_spans()))


@pytest.mark.skipif(VECTORS is None, reason="no recordings")
def test_each_difference_is_still_one_of_a_recorded_query() -> None:
    queries = {case["q"] for case in [*SEARCHES, *METRICS]}

    assert {*DIFFERS, *FRACTIONS_LEFT_OUT, *FINDS_MORE, *METRICS_DIFFER} <= queries


@cases(REFUSED)
def test_what_was_refused_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidQuery):
        to_spanset(case["q"])


@cases(EQUAL)
def test_the_reference_finds_what_was_recorded(families: list[reference.Family], case: dict[str, Any]) -> None:
    assert _asked(case, families) == _recorded(case)


@cases(WITHOUT_FRACTIONS)
def test_the_reference_finds_it_where_there_are_no_fractions(
    whole_families: list[reference.Family], case: dict[str, Any]
) -> None:
    assert _asked(case, whole_families) == _recorded(case)


@cases(MORE)
def test_the_reference_finds_it_among_more(families: list[reference.Family], case: dict[str, Any]) -> None:
    found = _asked(case, families)

    assert _holds(found, _recorded(case))
    assert found != _recorded(case)


@cases(case for case in SEARCHES if case["q"] in DIFFERS)
def test_a_difference_is_one(families: list[reference.Family], case: dict[str, Any]) -> None:
    assert _asked(case, families) != _recorded(case), DIFFERS[case["q"]]


# -- metrics

METRICS_DIFFER = {
    "{ kind = server } | rate() by (rootServiceName)": "of several roots of a trace the earliest counts",
    "{ } | quantile_over_time(duration, .5, .99)": "quantiles are exact; held here: within the peer's powers of two",
}
Series = dict[tuple[tuple[str, str], ...], float]


def _series(case: dict[str, Any]) -> Series:
    return {tuple(sorted(map(tuple, labels))): value for labels, value in case["series"]}


def _as_recorded(labels: Iterable[tuple[str, Any]], function: str) -> tuple[tuple[str, str], ...]:
    """A peer's labels are texts; without a field there is the function's name."""
    texts = {None: "nil", True: "true", False: "false"}
    named = [(name, texts[value] if value is None or isinstance(value, bool) else f"{value}") for name, value in labels]
    return tuple(sorted(named)) or (("__name__", function),)


def _calculated(case: dict[str, Any], families: list[reference.Family]) -> Series:
    steps = reference.Steps(*recorded.metrics_range(), None)
    found = reference.lines(parse(case["q"]).root, families, steps)  # type: ignore[arg-type]
    return {_as_recorded(line.labels, _function(case)): line.points[0] or 0.0 for line in found}


def _function(case: dict[str, Any]) -> str:
    return case["q"].split("| ")[1].split("(")[0]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def counted_families() -> list[reference.Family]:
    return reference.families(recorded.metrics_spans())


@cases(case for case in METRICS if case["q"] not in METRICS_DIFFER)
def test_the_reference_counts_what_was_recorded(counted_families: list[reference.Family], case: dict[str, Any]) -> None:
    assert _calculated(case, counted_families) == pytest.approx(_series(case), rel=1e-8)


@cases(case for case in METRICS if "quantile" in case["q"])
def test_exact_quantiles_lie_within_the_recorded_powers_of_two(
    counted_families: list[reference.Family], case: dict[str, Any]
) -> None:
    found = _calculated(case, counted_families)

    assert {labels: 0.5 < found[labels] / value < 2 for labels, value in _series(case).items()} == dict.fromkeys(
        found, True
    )


@cases(case for case in METRICS if "rootServiceName" in case["q"])
def test_only_the_traces_of_several_roots_count_elsewhere(
    counted_families: list[reference.Family], case: dict[str, Any]
) -> None:
    single = [one for one in counted_families if sum(not span.parent_span_id for span in one.spans) == 1]
    found, of_single, wanted = _calculated(case, counted_families), _calculated(case, single), _series(case)

    assert sum(found.values()) == pytest.approx(sum(wanted.values()), rel=1e-8)
    assert all(of_single[labels] <= wanted[labels] * (1 + 1e-8) for labels in of_single)


# -- the store


@pytest.fixture(scope="module")
def scope(store: Store) -> Scope:
    instance = store.new_instance()
    store.put(instance, recorded.search_spans())
    return Scope(instance)


def _searched(store: Store, scope: Scope, query: str) -> Found:
    answer = store.reader.search(TraceSearch(scope, RECORDED, to_spanset(query), limit=1000, spans_per_trace=0))
    return {trace.summary.trace_id.hex(): sorted(span.span_id.hex() for span in trace.spans) for trace in answer.traces}


@cases(EQUAL)
def test_the_store_finds_what_was_recorded(store: Store, scope: Scope, case: dict[str, Any]) -> None:
    assert _searched(store, scope, case["q"]) == _recorded(case)


@cases(case for case in SEARCHES if case not in EQUAL)
def test_where_we_differ_the_store_finds_what_the_reference_does(
    store: Store, scope: Scope, families: list[reference.Family], case: dict[str, Any]
) -> None:
    assert _searched(store, scope, case["q"]) == _asked(case, families)


@pytest.fixture(scope="module")
def counted_scope(store: Store) -> Scope:
    instance = store.new_instance()
    store.put(instance, recorded.metrics_spans())
    return Scope(instance)


@cases(METRICS)
def test_the_store_counts_what_the_reference_does(
    store: Store, counted_scope: Scope, counted_families: list[reference.Family], case: dict[str, Any]
) -> None:
    request = MetricsRequest(counted_scope, TimeRange(*recorded.metrics_range()), to_metrics(case["q"]))

    series = store.reader.metrics(request).series

    counted = {_as_recorded(one.labels, _function(case)): one.points[0] for one in series}
    assert counted == pytest.approx(_calculated(case, counted_families), rel=1e-12)
