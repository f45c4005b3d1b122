"""Syntax tree to text that parses back to the same tree."""

from __future__ import annotations

from typing import Final

from spanhouse.tracing.traceql.literals import print_duration, print_name, quote
from spanhouse.tracing.traceql.syntax import (
    Aggregate,
    Attribute,
    Binary,
    Boolean,
    By,
    Coalesce,
    Compare,
    Duration,
    Expression,
    Filter,
    Having,
    Hint,
    Intrinsic,
    Keyword,
    Metrics,
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
    Stage,
    Text,
    Threshold,
    Unary,
    chain,
)

_BINDING: Final = {"&&": 1, "||": 1, "+": 3, "-": 3, "*": 4, "/": 4, "%": 4, "^": 6}
_RELATION: Final = 2
_UNARY: Final = 5
_ATOM: Final = 7


def to_text(query: Query) -> str:
    match query.root:
        case Filter() | SpansetBinary() | Pipeline():
            root = spanset_text(query.root)
        case _:
            root = metrics_text(query.root)
    hints = ", ".join(map(_hint, query.hints))
    return f"{root} with({hints})" if hints else root


def spanset_text(spanset: Spanset) -> str:
    match spanset:
        case Filter(expression):
            return "{ }" if expression is None else f"{{ {expression_text(expression)} }}"
        case SpansetBinary(operator, left, right):
            binding = _BINDING.get(operator, _RELATION)
            return f"{_spanset_part(left, binding)} {operator} {_spanset_part(right, binding + 1)}"
        case Pipeline(first, stages):
            return " | ".join([_spanset_part(first, 1), *map(_stage, stages)])


def metrics_text(metrics: Metrics) -> str:
    match metrics:
        case Series():
            return f"{spanset_text(metrics.spans)} | {_function(metrics)}"
        case Compare():
            return f"{spanset_text(metrics.spans)} | {_compare(metrics)}"
        case Ranked(function, of, count):
            return f"{metrics_text(of)} | {function}({count})"
        case Threshold(operator, of, value):
            return f"{metrics_text(of)} {operator} {_real(value)}"
        case MetricsBinary(operator, left, right):
            binding = _BINDING[operator]
            return f"{_metrics_part(left, binding)} {operator} {_metrics_part(right, binding + 1)}"


def expression_text(expression: Expression) -> str:
    match expression:
        case Attribute():
            return attribute_text(expression)
        case Intrinsic(name):
            return name
        case Unary(operator, operand):
            return f"{operator}{_part(operand, _UNARY)}"
        case Binary("&&" | "||" as operator):
            first, *others = chain(expression)
            return f" {operator} ".join([_part(first, 1), *(_part(other, 2) for other in others)])
        case Binary("^", left, right):
            return f"{_part(left, _ATOM)} ^ {_part(right, _UNARY)}"
        case Binary(operator, left, right):
            binding = _binding(expression)
            return f"{_part(left, binding)} {operator} {_part(right, binding + 1)}"
        case _:
            return _constant(expression)


def attribute_text(attribute: Attribute) -> str:
    scope = "" if attribute.scope == "any" else attribute.scope
    parent = ("parent." if scope else "parent") if attribute.of_parent else ""
    name = print_name(attribute.name)
    if attribute.of_parent and not scope and name.startswith(("span.", "resource.")):
        name = quote(attribute.name)
    return f"{parent}{scope}.{name}"


def _constant(constant: Text | Number | Duration | Boolean | Nil | Keyword) -> str:
    match constant:
        case Text(value):
            return quote(value)
        case Number(value):
            return repr(value)
        case Duration(value):
            return f"-{print_duration(-value)}" if value < 0 else print_duration(value)
        case Boolean(value):
            return "true" if value else "false"
        case Nil():
            return "nil"
        case Keyword(_, name):
            return name


def _part(expression: Expression, least: int) -> str:
    text = expression_text(expression)
    return text if _binding(expression) >= least else f"({text})"


def _binding(expression: Expression) -> int:
    match expression:
        case Binary():
            return _BINDING.get(expression.operator, _RELATION)
        case Unary():
            return _UNARY
        case Number(value) | Duration(value) if value < 0:
            return _UNARY
    return _ATOM


def _spanset_part(spanset: Spanset, least: int) -> str:
    text = spanset_text(spanset)
    loose = isinstance(spanset, SpansetBinary) and _BINDING.get(spanset.operator, _RELATION) < least
    return f"({text})" if loose or isinstance(spanset, Pipeline) else text


def _stage(stage: Stage) -> str:
    match stage:
        case By(expression):
            return f"by({expression_text(expression)})"
        case Coalesce():
            return "coalesce()"
        case Select(fields):
            return f"select({_fields(fields)})"
        case Having(operator, left, right):
            return f"{_figure(left, 3)} {operator} {_figure(right, 3)}"
        case _:
            return _spanset_part(stage, 1)


def _figure(figure: Scalar, least: int) -> str:
    match figure:
        case Aggregate():
            return aggregate_text(figure)
        case ScalarPipeline(spanset, aggregate):
            return f"({spanset_text(spanset)} | {aggregate_text(aggregate)})"
        case ScalarBinary("^", left, right):
            text, binding = f"{_figure(left, _ATOM)} ^ {_figure(right, _UNARY)}", _BINDING["^"]
        case ScalarBinary(operator, left, right):
            binding = _BINDING[operator]
            text = f"{_figure(left, binding)} {operator} {_figure(right, binding + 1)}"
        case _:
            text, binding = _constant(figure), _binding(figure)
    return text if binding >= least else f"({text})"


def aggregate_text(aggregate: Aggregate) -> str:
    of = "" if aggregate.of is None else expression_text(aggregate.of)
    return f"{aggregate.function}({of})"


def _function(series: Series) -> str:
    arguments = [] if series.of is None else [expression_text(series.of)]
    arguments += map(_real, series.quantiles)
    by = f" by ({_fields(series.by)})" if series.by else ""
    return f"{series.function}({', '.join(arguments)}){by}"


def _compare(compare: Compare) -> str:
    numbers = [compare.top, compare.start, compare.end] if compare.start or compare.end else [compare.top]
    return f"compare({', '.join([spanset_text(compare.selection), *map(str, numbers)])})"


def _metrics_part(metrics: Metrics | float, least: int) -> str:
    if isinstance(metrics, float):
        return _real(metrics)
    text = metrics_text(metrics)
    tight = isinstance(metrics, MetricsBinary) and _BINDING[metrics.operator] >= least
    return text if tight else f"({text})"


def _fields(fields: tuple[Attribute | Intrinsic, ...]) -> str:
    return ", ".join(map(expression_text, fields))


def _real(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 10**15 else repr(value)


def _hint(hint: Hint) -> str:
    return f"{hint.name}={_constant(hint.value)}"
