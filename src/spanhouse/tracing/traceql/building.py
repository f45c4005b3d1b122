"""From what the grammar recognises to the syntax tree, as it is recognised: nothing here recurses."""

from __future__ import annotations

import math
from typing import Any, Final, cast

from lark import Token, Transformer, v_args

from spanhouse.tracing.traceql import pipelines, syntax
from spanhouse.tracing.traceql.faults import position, refusal, resolved
from spanhouse.tracing.traceql.literals import parse_duration, parse_name, unquote
from spanhouse.tracing.traceql.pipelines import Call, Operand

WHOLE_NUMBER_MAX: Final = 2**63
"""One more than the greatest, as the least is written as a minus before it."""

Grouping = tuple[syntax.Attribute | syntax.Intrinsic, ...]


@v_args(inline=True)
class OfFilters(Transformer):  # type: ignore[misc]  # lark is not typed for us
    """Filters: what stands in `{ }`, and the constants that stand elsewhere too."""

    def filter(self, expression: syntax.Expression | None) -> syntax.Filter:
        return syntax.Filter(expression)

    def binary(self, left: syntax.Expression, operator: Token, right: syntax.Expression) -> syntax.Binary:
        return syntax.Binary(cast(syntax.BinaryOperator, str(operator)), left, right, position(operator))

    def unary(self, operator: Token, operand: syntax.Expression) -> syntax.Expression:
        if operator == "-" and isinstance(operand, syntax.Number | syntax.Duration):
            return type(operand)(-operand.value, position(operator))  # type: ignore[arg-type]
        return syntax.Unary(cast(syntax.UnaryOperator, str(operator)), operand, position(operator))

    def attribute(self, token: Token) -> syntax.Attribute:
        of_parent = token.startswith("parent.")
        text = token.removeprefix("parent") if of_parent else str(token)
        if of_parent and text.startswith((".span.", ".resource.")):
            text = text[1:]
        scope, name = text.split(".", 1)
        known = cast(syntax.AttributeScope, scope or "any")
        return syntax.Attribute(known, resolved(parse_name, name, token), position(token), of_parent)

    def intrinsic(self, token: Token) -> syntax.Intrinsic:
        name = syntax.OLD_SPELLINGS.get(token, str(token))
        if name not in syntax.INTRINSICS:
            raise refusal(f"{token} is not a field", position(token))
        return syntax.Intrinsic(name, position(token))

    def string(self, token: Token) -> syntax.Text:
        return syntax.Text(resolved(unquote, token[1:-1], token), position(token))

    def raw_string(self, token: Token) -> syntax.Text:
        return syntax.Text(str(token[1:-1]), position(token))

    def duration(self, token: Token) -> syntax.Duration:
        return syntax.Duration(resolved(parse_duration, token, token), position(token))

    def float(self, token: Token) -> syntax.Number:
        return syntax.Number(_real(token), position(token))

    def integer(self, token: Token) -> syntax.Number:
        return syntax.Number(_whole(token), position(token))

    def bound(self, token: Token) -> syntax.Number:
        return syntax.Number(-(2**63) if token.startswith("min") else 2**63 - 1, position(token))

    def boolean(self, token: Token) -> syntax.Boolean:
        return syntax.Boolean(token.value == "true", position(token))

    def nil(self, token: Token) -> syntax.Nil:
        return syntax.Nil(position(token))

    def status(self, token: Token) -> syntax.Keyword:
        return syntax.Keyword("status", str(token), position(token))

    def kind(self, token: Token) -> syntax.Keyword:
        return syntax.Keyword("kind", str(token), position(token))


@v_args(inline=True)
class OfQueries(OfFilters):
    """Whole queries."""

    def query(self, made: Operand, *hints: tuple[syntax.Hint, ...]) -> syntax.Query:
        return syntax.Query(pipelines.complete(made), tuple(hint for several in hints for hint in several))

    def hints(self, *hints: syntax.Hint) -> tuple[syntax.Hint, ...]:
        return hints

    def hint(self, name: Token, value: syntax.Constant) -> syntax.Hint:
        return syntax.Hint(str(name), value)

    def pipeline(self, first: Operand, *rest: Any) -> Operand:
        pipes = map(position, rest[::2])
        return pipelines.piped(first, list(zip(pipes, rest[1::2], strict=True)))

    def brackets(self, inner: Operand) -> Operand:
        return inner

    def operated(self, left: Operand, operator: Token, right: Operand) -> Operand:
        return pipelines.operated(left, operator, right)

    def negative(self, minus: Token, operand: Operand) -> Operand:
        return pipelines.negative(minus, operand)

    def by(self, token: Token, expression: syntax.Expression) -> syntax.By:
        return syntax.By(expression, position(token))

    def select(self, fields: Grouping) -> syntax.Select:
        return syntax.Select(fields)

    def coalesce(self) -> syntax.Coalesce:
        return syntax.Coalesce()

    def fields(self, *fields: syntax.Attribute | syntax.Intrinsic) -> Grouping:
        return fields

    def grouping(self, _: Token, fields: Grouping) -> Grouping:
        return fields

    def numbers(self, *tokens: Token) -> tuple[float, ...]:
        return tuple(map(_real, tokens))

    def aggregate(self, function: Token, of: syntax.Expression | None = None) -> syntax.Aggregate:
        return syntax.Aggregate(cast(syntax.AggregateFunction, str(function)), of, position(function))

    def counting(self, function: Token, by: Grouping | None) -> Call:
        return _series(function, None, (), by)

    def measuring(self, function: Token, of: syntax.Expression, by: Grouping | None) -> Call:
        return _series(function, of, (), by)

    def quantile(
        self, function: Token, of: syntax.Expression, quantiles: tuple[float, ...], by: Grouping | None
    ) -> Call:
        return _series(function, of, quantiles, by)

    def comparing(
        self, function: Token, selection: syntax.Filter, top: Token | None, start: Token | None, end: Token | None
    ) -> Call:
        numbers = (10 if top is None else _whole(top), _whole(start) if start else 0, _whole(end) if end else 0)
        at = position(function)
        return Call(str(function), "spans", lambda spans: syntax.Compare(spans, selection, *numbers, at), at)

    def ranking(self, function: Token, count: Token) -> Call:
        at, kept, ranked = position(function), _whole(count), cast(Any, str(function))
        return Call(str(function), "a metric", lambda metric: syntax.Ranked(ranked, metric, kept, at), at)


def _series(function: Token, of: syntax.Expression | None, quantiles: tuple[float, ...], by: Grouping | None) -> Call:
    at, named = position(function), cast(syntax.MetricFunction, str(function))
    return Call(named, "spans", lambda spans: syntax.Series(spans, named, of, quantiles, by or (), at), at)


def _whole(token: Token) -> int:
    if len(token) > 19 or int(token) > WHOLE_NUMBER_MAX:
        raise refusal("the number is too large", position(token))
    return int(token)


def _real(token: Token) -> float:
    value = float(token)
    if not math.isfinite(value):
        raise refusal("the number is too large", position(token))
    return value
