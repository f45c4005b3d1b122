"""Expressions made simpler without changing what they mean. Each rewrite looks at one node whose parts are done.

`!(a = b)` stays as it is: where `a` is missing it holds, and `a != b` does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, cast

from spanhouse.tracing.traceql.constants import calculated, negated
from spanhouse.tracing.traceql.syntax import (
    ARITHMETIC,
    COMPARISONS,
    Arithmetic,
    Attribute,
    Binary,
    BinaryOperator,
    Boolean,
    Duration,
    Expression,
    Intrinsic,
    Number,
    Unary,
    chain,
)

_MIRRORED: Final[dict[str, BinaryOperator]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def numbers_negated(node: Expression) -> Expression:
    """`-(1 + 2)` is -3, once its part is calculated."""
    match node:
        case Unary("-", Number(value) | Duration(value)):
            return Number(negated(value), node.at)
    return node


def numbers_calculated(node: Expression) -> Expression:
    """`2 * 1s` is 2000000000. What has no finite result is left to whoever evaluates."""
    match node:
        case Binary(operator, Number(left) | Duration(left), Number(right) | Duration(right)) if operator in ARITHMETIC:
            result = calculated(left, cast(Arithmetic, operator), right)
            return node if result is None else Number(result, node.at)
    return node


def double_negations_dropped(node: Expression) -> Expression:
    """`!!a` is a. A bare attribute keeps them: it is a condition here, and would be a value on a comparison's side."""
    match node:
        case Unary("!", Unary("!", inner)) if not isinstance(inner, Attribute):
            return inner
    return node


def constants_put_right(node: Expression) -> Expression:
    """`200 < span.x` is `span.x > 200`."""
    match node:
        case Binary(operator, left, right) if operator in COMPARISONS and is_constant(left) and not is_constant(right):
            return Binary(_MIRRORED.get(operator, operator), right, left, node.at)
    return node


def truths_decided(node: Expression) -> Expression:
    """`true && a` is a, `true || a` is true; bare attributes again excepted."""
    match node:
        case Binary("&&" | "||" as operator, Boolean(value) as decided, other) | Binary(
            "&&" | "||" as operator, other, Boolean(value) as decided
        ):
            if value == (operator == "||"):
                return decided
            return node if isinstance(other, Attribute) else other
    return node


Rewrite = Callable[[Expression], Expression]
REWRITES: Final[tuple[Rewrite, ...]] = (
    numbers_negated,
    numbers_calculated,
    double_negations_dropped,
    constants_put_right,
    truths_decided,
)


def rewritten(expression: Expression, rewrites: tuple[Rewrite, ...] = REWRITES) -> Expression:
    match expression:
        case Unary(_, operand):
            return _each(replace(expression, operand=rewritten(operand, rewrites)), rewrites)
        case Binary("&&" | "||"):
            first, *others = (rewritten(operand, rewrites) for operand in chain(expression))
            for other in others:
                first = _each(Binary(expression.operator, first, other, expression.at), rewrites)
            return first
        case Binary(_, left, right):
            return _each(
                replace(expression, left=rewritten(left, rewrites), right=rewritten(right, rewrites)), rewrites
            )
    return _each(expression, rewrites)


def is_constant(expression: Expression) -> bool:
    return not isinstance(expression, Attribute | Intrinsic | Unary | Binary)


def _each(node: Expression, rewrites: tuple[Rewrite, ...]) -> Expression:
    for rewrite in rewrites:
        node = rewrite(node)
    return node
