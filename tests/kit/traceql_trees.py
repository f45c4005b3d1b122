"""Syntax trees of TraceQL for Hypothesis: all that the grammar can say, whether or not it makes sense.

Queries that pass the checks are in `traceql_queries`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from spanhouse.tracing.traceql.syntax import (
    INTRINSICS,
    Aggregate,
    Attribute,
    Binary,
    Boolean,
    By,
    Coalesce,
    Compare,
    Constant,
    Duration,
    Expression,
    Filter,
    Having,
    Hint,
    Intrinsic,
    Keyword,
    MetricsBinary,
    Nil,
    Number,
    Pipeline,
    Query,
    Ranked,
    Scalar,
    ScalarBinary,
    ScalarPipeline,
    Select,
    Series,
    Spanset,
    SpansetBinary,
    Text,
    Threshold,
    Unary,
)

Tree = TypeVar("Tree")


def told_briefly(strategy: SearchStrategy[Tree]) -> SearchStrategy[Tree]:
    """The same, whose `repr` does not spell out all that it is made of."""

    @st.composite
    def drawn(draw: Callable[[SearchStrategy[Tree]], Tree]) -> Tree:
        return draw(strategy)

    return drawn()


RELATIONS = [sign + relation for sign in ("", "!", "&") for relation in (">", ">>", "<", "<<", "~")]
COMPARISONS = ["=", "!=", ">", ">=", "<", "<="]
ARITHMETIC = ["+", "-", "*", "/", "%", "^"]
LOGIC = ["&&", "||"]
SCOPES = ["span", "resource", "event", "link", "instrumentation", "any"]
ODD_NAMES = ["http.method", "a-b", "my attr", 'a"b', "5xx", "a.b.c", "\\", "ends\\", "span.x", "a`b", "//"]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = TEXTS.filter(bool) | st.sampled_from(ODD_NAMES)
ATTRIBUTES = st.builds(Attribute, st.sampled_from(SCOPES), NAMES) | st.builds(
    Attribute, st.sampled_from(["span", "resource", "any"]), NAMES, of_parent=st.just(True)
)
FIELDS = told_briefly(ATTRIBUTES | st.builds(Intrinsic, st.sampled_from(sorted(INTRINSICS))))
WHOLE = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.builds(Number, WHOLE | REAL)
DURATIONS = st.builds(Duration, st.integers(-(2**62), 2**62))
STATUSES = st.builds(Keyword, st.just("status"), st.sampled_from(["ok", "error", "unset"]))
KINDS = st.builds(
    Keyword,
    st.just("kind"),
    st.sampled_from(["unspecified", "internal", "server", "client", "producer", "consumer"]),
)
CONSTANTS = NUMBERS | DURATIONS | st.builds(Text, TEXTS) | st.builds(Boolean, st.booleans()) | STATUSES | KINDS
LEAVES = FIELDS | CONSTANTS | st.builds(Nil)
OPERATORS = st.sampled_from([*LOGIC, *COMPARISONS, "=~", "!~", *ARITHMETIC])


def is_number(operand: object) -> bool:
    return isinstance(operand, Number | Duration)


def _operated(inner: SearchStrategy[Expression]) -> SearchStrategy[Expression]:
    # A minus before a number is that number; the tree never holds it otherwise.
    unary = st.builds(Unary, st.sampled_from(["!", "-"]), inner)
    return unary.filter(lambda it: not (it.operator == "-" and is_number(it.operand))) | st.builds(
        Binary, OPERATORS, inner, inner
    )


EXPRESSIONS: SearchStrategy[Expression] = told_briefly(st.recursive(LEAVES, _operated, max_leaves=8))


def spansets_of(
    filters: SearchStrategy[Filter],
    stages: Callable[[SearchStrategy[Spanset]], SearchStrategy[Any]],
    max_leaves: int = 5,
) -> SearchStrategy[Spanset]:
    """Filters, related and piped; `stages` are made of spansets."""
    related = st.sampled_from([*LOGIC, *RELATIONS])
    return st.recursive(
        filters,
        lambda inner: (
            st.builds(SpansetBinary, related, inner, inner)
            | st.builds(Pipeline, inner, st.lists(stages(inner), min_size=1, max_size=3).map(tuple))
        ),
        max_leaves=max_leaves,
    )


def figures_of(aggregates: SearchStrategy[Aggregate], pipelines: SearchStrategy[Spanset]) -> SearchStrategy[Scalar]:
    """Figures of a spanset; constants are never calculated with each other."""
    leaves = aggregates | st.builds(ScalarPipeline, pipelines, aggregates)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(ScalarBinary, st.sampled_from(ARITHMETIC), inner, inner),
            st.builds(ScalarBinary, st.sampled_from(ARITHMETIC), inner, NUMBERS | DURATIONS),
            st.builds(ScalarBinary, st.sampled_from(ARITHMETIC), NUMBERS | DURATIONS, inner),
        ),
        max_leaves=4,
    )


def aggregates_of(expressions: SearchStrategy[Expression]) -> SearchStrategy[Aggregate]:
    return st.builds(Aggregate, st.just("count")) | st.builds(
        Aggregate, st.sampled_from(["avg", "min", "max", "sum"]), expressions
    )


def havings_of(figures: SearchStrategy[Scalar]) -> SearchStrategy[Having]:
    operators, numbers = st.sampled_from(COMPARISONS), NUMBERS | DURATIONS
    return st.builds(Having, operators, figures, figures | numbers) | st.builds(Having, operators, numbers, figures)


def _stages(inner: SearchStrategy[Spanset]) -> SearchStrategy[Any]:
    return st.one_of(
        inner,
        st.builds(By, EXPRESSIONS),
        st.builds(Coalesce),
        st.builds(Select, st.lists(FIELDS, min_size=1, max_size=3).map(tuple)),
        havings_of(figures_of(aggregates_of(EXPRESSIONS), inner)),
    )


FILTERS = st.builds(Filter, st.none() | EXPRESSIONS)
SPANSETS = told_briefly(spansets_of(FILTERS, _stages))


def series_of(
    spans: SearchStrategy[Spanset], measured: SearchStrategy[Expression], fields: SearchStrategy[Any]
) -> SearchStrategy[Series]:
    by = st.lists(fields, max_size=2).map(tuple)
    over_time = ["min_over_time", "max_over_time", "avg_over_time", "sum_over_time", "histogram_over_time"]
    quantiles = st.lists(st.floats(0, 1), min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Series, spans, st.sampled_from(["rate", "count_over_time"]), by=by),
        st.builds(Series, spans, st.sampled_from(over_time), measured, by=by),
        st.builds(Series, spans, st.just("quantile_over_time"), measured, quantiles, by),
    )


def metrics_of(first: SearchStrategy[Any], max_leaves: int = 4) -> SearchStrategy[Any]:
    """`first` ranked, cut by thresholds, and calculated with."""
    arithmetic = st.sampled_from(["+", "-", "*", "/"])
    return st.recursive(
        first,
        lambda inner: st.one_of(
            st.builds(Ranked, st.sampled_from(["topk", "bottomk"]), inner, st.integers(1, 100)),
            st.builds(Threshold, st.sampled_from(COMPARISONS), inner, REAL),
            st.builds(MetricsBinary, arithmetic, inner, inner | REAL),
            st.builds(MetricsBinary, arithmetic, REAL, inner),
        ),
        max_leaves=max_leaves,
    )


def _compares(spans: SearchStrategy[Spanset], selections: SearchStrategy[Filter]) -> SearchStrategy[Compare]:
    instants = st.integers(0, 2**63 - 1)
    return st.builds(Compare, spans, selections, st.integers(1, 1000)) | st.builds(
        Compare, spans, selections, st.integers(1, 1000), instants, instants
    )


def _is_written_without_minus(constant: Constant) -> bool:
    return not (isinstance(constant, Number | Duration) and repr(constant.value).startswith("-"))


NOT_NEGATIVE: SearchStrategy[Constant] = CONSTANTS.filter(_is_written_without_minus)
HINTS = st.lists(st.builds(Hint, st.from_regex(r"[a-z_]{1,12}", fullmatch=True), NOT_NEGATIVE), max_size=2).map(tuple)
QUERIES = st.builds(
    Query,
    SPANSETS | metrics_of(series_of(SPANSETS, EXPRESSIONS, FIELDS) | _compares(SPANSETS, FILTERS)),
    HINTS,
)
