"""From a checked query to the plan: spansets and metrics."""

from __future__ import annotations

from typing import Final, cast

from spanhouse.tracing.plan import metrics as plan_metrics
from spanhouse.tracing.plan import spansets as plan
from spanhouse.tracing.plan.predicates import Field
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.traceql import syntax
from spanhouse.tracing.traceql.fields import bare_name_of, field_of, label_of
from spanhouse.tracing.traceql.lowering import lower_filter, lower_value

_FUNCTIONS: Final = {function.value: function for function in plan_metrics.MetricFunction}
Fields = tuple[syntax.Attribute | syntax.Intrinsic, ...]


def lower_spanset(spanset: syntax.Spanset) -> plan.Spanset:
    match spanset:
        case syntax.Filter():
            return lower_filter(spanset)
        case syntax.SpansetBinary("&&", left, right):
            return plan.Both(lower_spanset(left), lower_spanset(right))
        case syntax.SpansetBinary("||", left, right):
            return plan.Either(lower_spanset(left), lower_spanset(right))
        case syntax.SpansetBinary(operator, left, right):
            negated, union = operator.startswith("!"), operator.startswith("&")
            relation = plan.Relation(operator.lstrip("!&"))
            return plan.Related(relation, lower_spanset(left), lower_spanset(right), negated, union)
        case syntax.Pipeline(first, stages):
            return plan.Piped(lower_spanset(first), tuple(map(_stage, stages)))


def _stage(stage: syntax.Stage) -> plan.Stage:
    match stage:
        case syntax.By(expression):
            return plan.GroupBy(lower_value(expression), label_of(expression))
        case syntax.Coalesce():
            return plan.Coalesce()
        case syntax.Select(fields):
            return plan.Select(tuple((bare_name_of(each), field_of(each)) for each in fields))
        case syntax.Having(operator, left, right):
            return plan.Having(cast(plan.NumberOperator, operator), _figure(left), _figure(right))
        case _:
            return plan.Keep(lower_spanset(stage))


def _figure(scalar: syntax.Scalar) -> plan.Figure:
    match scalar:
        case syntax.Aggregate():
            return _aggregate(scalar)
        case syntax.ScalarPipeline(spans, aggregate):
            return plan.OfPipeline(lower_spanset(spans), _aggregate(aggregate))
        case syntax.ScalarBinary(operator, left, right):
            return plan.Figures(operator, _figure(left), _figure(right))
        case syntax.Number(value) | syntax.Duration(value):
            return float(value)


def _aggregate(aggregate: syntax.Aggregate) -> plan.Aggregate:
    return plan.Aggregate(aggregate.function, None if aggregate.of is None else lower_value(aggregate.of))


def lower_metrics(metrics: syntax.Metrics) -> plan_metrics.Metrics:
    match metrics:
        case syntax.Series(spans, function, of, quantiles, by):
            value = None if of is None else lower_value(of)
            return plan_metrics.Series(lower_spanset(spans), _FUNCTIONS[function], value, quantiles, _labelled(by))
        case syntax.Compare(spans, selection, top, start, end):
            window = TimeRange(start, end) if start or end else None
            return plan_metrics.Compared(lower_spanset(spans), lower_filter(selection), top, window)
        case syntax.Ranked(function, of, count):
            return plan_metrics.Ranked(lower_metrics(of), function == "topk", count)
        case syntax.Threshold(operator, of, value):
            return plan_metrics.Threshold(lower_metrics(of), operator, value)
        case syntax.MetricsBinary(operator, left, right):
            return plan_metrics.Combined(operator, _factor(left), _factor(right))


def _factor(side: syntax.Metrics | float) -> plan_metrics.Metrics | float:
    return side if isinstance(side, float) else lower_metrics(side)


def _labelled(fields: Fields) -> tuple[tuple[str, Field], ...]:
    return tuple((label_of(each), field_of(each)) for each in fields)
