"""What a parsed query must also satisfy: types that go together, figures of spans, numbers within their bounds."""

from __future__ import annotations

from typing import Final

from spanhouse.tracing.traceql.faults import refusal
from spanhouse.tracing.traceql.syntax import (
    Aggregate,
    Attribute,
    By,
    Compare,
    Expression,
    Filter,
    Having,
    Intrinsic,
    Metrics,
    MetricsBinary,
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
    Stage,
    Threshold,
)
from spanhouse.tracing.traceql.types import mentions_a_span, must_be, type_of

COMPARE_TOP_MAX: Final = 1000


def check(query: Query) -> None:
    """Raise `InvalidQuery` at the first thing that makes no sense."""
    match query.root:
        case Filter() | SpansetBinary() | Pipeline():
            check_spanset(query.root)
        case _:
            _check_metrics(query.root)


def check_spanset(spanset: Spanset) -> None:
    match spanset:
        case Filter(expression) if expression is not None:
            must_be("boolean", expression)
        case SpansetBinary(_, left, right, at):
            check_spanset(left)
            check_spanset(right)
            if _is_piped(left) != _is_piped(right):
                raise refusal("a pipeline in brackets goes only together with another pipeline in brackets", at)
        case Pipeline(first, stages):
            check_spanset(first)
            for stage in stages:
                _check_stage(stage)


def _is_piped(spanset: Spanset) -> bool:
    while isinstance(spanset, SpansetBinary):
        spanset = spanset.right
    return isinstance(spanset, Pipeline)


def _check_stage(stage: Stage) -> None:
    match stage:
        case Filter() | SpansetBinary() | Pipeline():
            check_spanset(stage)
        case By(expression):
            _of_spans(expression)
            if type_of(expression) == "boolean":
                raise refusal("by() parts spans by a value, not by a condition", expression.at)
        case Select(fields):
            for each in fields:
                _must_have_a_value(each)
        case Having(_, left, right):
            _check_figure(left)
            _check_figure(right)


def _check_figure(figure: Scalar) -> None:
    match figure:
        case Aggregate(_, None):
            pass
        case Aggregate(_, expression):
            _check_measured(expression)
        case ScalarBinary(_, left, right):
            _check_figure(left)
            _check_figure(right)
        case ScalarPipeline(spanset, aggregate):
            check_spanset(spanset)
            _check_figure(aggregate)


def _check_measured(expression: Expression | None) -> None:
    if expression is not None:
        must_be("number", expression)
        _of_spans(expression)


def _of_spans(expression: Expression) -> None:
    if not mentions_a_span(expression):
        raise refusal("this is the same for every span; a field is expected", expression.at)
    if isinstance(expression, Attribute | Intrinsic):
        _must_have_a_value(expression)


def _must_have_a_value(field: Attribute | Intrinsic) -> None:
    if isinstance(field, Intrinsic) and field.name == "parent":
        raise refusal("parent is no value; it compares with nil only", field.at)


def _check_metrics(metrics: Metrics) -> None:
    match metrics:
        case Series():
            _check_series(metrics)
        case Compare():
            _check_compare(metrics)
        case Ranked(_, of, count, at):
            _check_no_compare(of)
            if count < 1:
                raise refusal("at least one series must be kept", at)
            _check_metrics(of)
        case Threshold(_, of, _, at):
            _check_no_compare(of)
            _check_metrics(of)
        case MetricsBinary(_, left, right, at):
            for side in (left, right):
                if not isinstance(side, float):
                    _check_no_compare(side)
                    _check_metrics(side)


def _check_series(series: Series) -> None:
    check_spanset(series.spans)
    _check_measured(series.of)
    for field in series.by:
        _must_have_a_value(field)
    for quantile in series.quantiles:
        if not 0 <= quantile <= 1:
            raise refusal(f"a quantile is a number from 0 to 1, not {quantile:g}", series.at)


def _check_compare(compare: Compare) -> None:
    check_spanset(compare.spans)
    check_spanset(compare.selection)
    if not 1 <= compare.top <= COMPARE_TOP_MAX:
        raise refusal(f"compare returns from 1 to {COMPARE_TOP_MAX} values of an attribute", compare.at)
    if compare.start > compare.end:
        raise refusal("the selection's window ends before it starts", compare.at)


def _check_no_compare(metrics: Metrics) -> None:
    if isinstance(metrics, Compare):
        raise refusal("compare() stands by itself: no ranking, threshold or arithmetic", metrics.at)
