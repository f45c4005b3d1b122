"""A plan said in TraceQL's syntax again, so that the reference can answer what a Reader is asked.

Two fields of the plan are not in the language: a service is `resource.service.name` there, and the start of a span has
the name `span:start` here only.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import reduce
from typing import Literal

from spanhouse.tracing.plan import metrics as metrics_plan
from spanhouse.tracing.plan import predicates as plan
from spanhouse.tracing.plan import spansets as spanset_plan
from spanhouse.tracing.spans.model import SpanKind, StatusCode
from spanhouse.tracing.traceql.syntax import (
    Aggregate,
    Attribute,
    Binary,
    Boolean,
    By,
    Coalesce,
    Compare,
    Constant,
    Expression,
    Filter,
    Having,
    Intrinsic,
    Keyword,
    Metrics,
    MetricsBinary,
    Nil,
    Number,
    Pipeline,
    Ranked,
    Scalar,
    ScalarBinary,
    ScalarPipeline,
    Select,
    Series,
    Spanset,
    SpansetBinary,
    Stage,
    Text,
    Threshold,
    Unary,
)

_NAMES = {
    plan.Intrinsic.NAME: "span:name",
    plan.Intrinsic.KIND: "span:kind",
    plan.Intrinsic.STATUS: "span:status",
    plan.Intrinsic.STATUS_MESSAGE: "span:statusMessage",
    plan.Intrinsic.DURATION: "span:duration",
    plan.Intrinsic.START: "span:start",
}


def field(of: plan.Field) -> Attribute | Intrinsic:
    if isinstance(of, plan.Attribute):
        return Attribute(of.scope, of.name, of_parent=of.of_parent)
    if of is plan.Intrinsic.SERVICE:
        return Attribute("resource", "service.name")
    return Intrinsic(_NAMES.get(of, of.value))


def expression(of: plan.Expression) -> Expression:
    match of:
        case plan.Fixed(value):
            return _constant(value)
        case plan.Negative(inner):
            return Unary("-", expression(inner))
        case plan.Calculated(operator, left, right):
            return Binary(operator, expression(left), expression(right))
        case _:
            return field(of)


def condition(of: plan.Predicate) -> Expression:
    match of:
        case plan.Constant(value):
            return Boolean(value)
        case plan.Not(inner):
            return Unary("!", condition(inner))
        case plan.And(parts):
            return _joined("&&", [Boolean(True), *map(condition, parts)])
        case plan.Or(parts):
            return _joined("||", [Boolean(False), *map(condition, parts)])
        case plan.Exists(of_what):
            return Binary("!=", field(of_what), Nil())
        case plan.Matches(of_what, text):
            return _reads(of_what, text)
        case plan.Relate(left, operator, right):
            return Binary(operator, expression(left), expression(right))
        case plan.Compare(of_what, operator, value):
            return Binary(operator, field(of_what), _named(of_what, value))


def _joined(operator: Literal["&&", "||"], parts: Sequence[Expression]) -> Expression:
    return reduce(lambda left, right: Binary(operator, left, right), parts)


def _constant(value: plan.Value) -> Constant:
    if isinstance(value, bool):
        return Boolean(value)
    return Text(value) if isinstance(value, str) else Number(value)


def _named(of: plan.Field, value: plan.Value) -> Constant:
    """A status and a kind are numbers in the plan and names in the language."""
    if of is plan.Intrinsic.STATUS and value in list(StatusCode):
        return Keyword("status", StatusCode(value).name.lower())  # type: ignore[arg-type]
    if of is plan.Intrinsic.KIND and value in list(SpanKind):
        return Keyword("kind", SpanKind(value).name.lower())  # type: ignore[arg-type]
    return _constant(value)


def _reads(of: plan.Field, text: str) -> Expression:
    """The value is this text, or what it stands for."""
    if of is plan.Intrinsic.STATUS:
        return Binary("=", field(of), Keyword("status", text.lower().removeprefix("status_code_")))
    if of is plan.Intrinsic.KIND:
        return Binary("=", field(of), Keyword("kind", text.lower().removeprefix("span_kind_")))
    meant: list[Constant] = [Text(text)]
    if text.lower() in ("true", "false"):
        meant.append(Boolean(text.lower() == "true"))
    with suppress(ValueError):
        meant.append(Number(int(text) if text.lstrip("-").isdigit() else float(text)))
    return _joined("||", [Binary("=", field(of), one) for one in meant])


# -- spansets


def spanset(of: spanset_plan.Spanset) -> Spanset:
    match of:
        case spanset_plan.Both(left, right):
            return SpansetBinary("&&", spanset(left), spanset(right))
        case spanset_plan.Either(left, right):
            return SpansetBinary("||", spanset(left), spanset(right))
        case spanset_plan.Related(relation, left, right, negated, union):
            sign = "!" if negated else "&" if union else ""
            return SpansetBinary(f"{sign}{relation.value}", spanset(left), spanset(right))  # type: ignore[arg-type]
        case spanset_plan.Piped(first, stages):
            return Pipeline(spanset(first), tuple(map(_stage, stages)))
        case _:
            return Filter(condition(of))


def _stage(of: spanset_plan.Stage) -> Stage:
    match of:
        case spanset_plan.Keep(spans):
            return spanset(spans)
        case spanset_plan.GroupBy(by):
            return By(expression(by))
        case spanset_plan.Coalesce():
            return Coalesce()
        case spanset_plan.Select(fields):
            return Select(tuple(field(one) for _, one in fields))
        case spanset_plan.Having(operator, left, right):
            return Having(operator, _figure(left), _figure(right))


def _figure(of: spanset_plan.Figure) -> Scalar:
    match of:
        case spanset_plan.Aggregate():
            return _aggregate(of)
        case spanset_plan.OfPipeline(spans, figure):
            return ScalarPipeline(spanset(spans), _aggregate(figure))
        case spanset_plan.Figures(operator, left, right):
            return ScalarBinary(operator, _figure(left), _figure(right))
        case _:
            return Number(of)


def _aggregate(of: spanset_plan.Aggregate) -> Aggregate:
    return Aggregate(of.function, None if of.of is None else expression(of.of))


# -- metrics


def metrics(of: metrics_plan.Metrics) -> Metrics:
    match of:
        case metrics_plan.Series(spans, function, value, quantiles, by):
            measured = None if value is None else expression(value)
            fields = tuple(field(one) for _, one in by)
            return Series(spanset(spans), function.value, measured, quantiles, fields)
        case metrics_plan.Compared(spans, selection, top, window):
            start, end = (window.start, window.end) if window else (0, 0)
            return Compare(spanset(spans), Filter(condition(selection)), top, start, end)
        case metrics_plan.Ranked(inner, most, count):
            return Ranked("topk" if most else "bottomk", metrics(inner), count)
        case metrics_plan.Threshold(inner, operator, value):
            return Threshold(operator, metrics(inner), value)
        case metrics_plan.Combined(operator, left, right):
            return MetricsBinary(operator, _side(left), _side(right))


def _side(of: metrics_plan.Metrics | float) -> Metrics | float:
    return of if isinstance(of, int | float) else metrics(of)
