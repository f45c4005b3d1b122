"""From a checked filter to the plan's predicates: what it asks of one span."""

from __future__ import annotations

import operator as compared
from collections.abc import Callable
from typing import Any, Final, cast

from spanhouse.tracing.plan import predicates as plan
from spanhouse.tracing.spans.model import SpanKind, StatusCode
from spanhouse.tracing.traceql.faults import refusal
from spanhouse.tracing.traceql.fields import ID_DIGITS, field_of
from spanhouse.tracing.traceql.patterns import is_plain
from spanhouse.tracing.traceql.rewrites import is_constant, rewritten
from spanhouse.tracing.traceql.syntax import (
    ARITHMETIC,
    Attribute,
    Binary,
    Boolean,
    Constant,
    Expression,
    Filter,
    Intrinsic,
    Keyword,
    Nil,
    Text,
    Unary,
    chain,
)

_ROOT: Final = plan.Not(plan.Exists(plan.Intrinsic.PARENT_ID))
_ROOT_NUMBER: Final = -1
"""What a root has as its parent's number; all others have 0 or more."""
_COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": compared.eq,
    "!=": compared.ne,
    ">": compared.gt,
    ">=": compared.ge,
    "<": compared.lt,
    "<=": compared.le,
}


def lower_filter(filtered: Filter) -> plan.Predicate:
    """The condition on one span."""
    return plan.Constant(True) if filtered.expression is None else _truth(rewritten(filtered.expression))


def lower_value(expression: Expression) -> plan.Expression:
    """The value of one span."""
    return _value(rewritten(expression))


def _truth(expression: Expression) -> plan.Predicate:
    match expression:
        case Boolean(value):
            return plan.Constant(value)
        case Attribute():
            return plan.Compare(field_of(expression), "=", True)
        case Unary("!", operand):
            return plan.Not(_truth(operand))
        case Binary("&&"):
            return plan.And(_joined(plan.And, expression))
        case Binary("||"):
            return plan.Or(_joined(plan.Or, expression))
        case Binary():
            return _comparison(expression)
    raise AssertionError(expression)


def _joined(join: type[plan.And] | type[plan.Or], expression: Binary) -> tuple[plan.Predicate, ...]:
    parts: list[plan.Predicate] = []
    for operand in chain(expression):
        part = _truth(operand)
        parts += part.of if isinstance(part, join) else [part]
    return tuple(parts)


def _value(expression: Expression) -> plan.Expression:
    match expression:
        case Attribute() | Intrinsic():
            return field_of(expression)
        case Unary("-", operand):
            return plan.Negative(_value(operand))
        case Binary(operator, left, right) if operator in ARITHMETIC:
            return plan.Calculated(cast(plan.Arithmetic, operator), _value(left), _value(right))
        case Unary() | Binary():
            raise refusal("a value is expected here, not a condition", expression.at)
    return plan.Fixed(_fixed(expression))


def _fixed(constant: Constant) -> plan.Value:
    match constant:
        case Keyword("status", name):
            return StatusCode[name.upper()].value
        case Keyword(_, name):
            return SpanKind[name.upper()].value
        case Nil():
            raise AssertionError("nil has no value")
        case _:
            return constant.value


def _comparison(expression: Binary) -> plan.Predicate:
    """Constants stand on the right, if only one side is constant."""
    left, operator, right = expression.left, cast(plan.Operator, expression.operator), expression.right
    if isinstance(right, Nil):
        return _is_missing(left, operator)
    if is_constant(left):
        return _constants_compare(cast(Constant, left), operator, cast(Constant, right))
    if _is_truth(left) or _is_truth(right):
        return _truths_compare(expression)
    if isinstance(left, Attribute | Intrinsic) and is_constant(right):
        return _field_compares(left, operator, cast(Constant, right))
    if _is_named(left) != _is_named(right):
        return plan.Constant(False)
    return plan.Relate(_value(left), operator, _value(right))


def _is_truth(expression: Expression) -> bool:
    match expression:
        case Unary("!"):
            return True
        case Binary(operator):
            return operator not in ARITHMETIC
    return False


def _is_named(expression: Expression) -> bool:
    """Statuses and kinds are values of their own, which no attribute has."""
    match expression:
        case Intrinsic("span:status" | "span:kind") | Keyword():
            return True
    return False


def _is_missing(left: Expression, operator: plan.Operator) -> plan.Predicate:
    match left:
        case Nil():
            return plan.Constant(operator == "=")
        case Intrinsic("parent"):
            there = plan.Exists(plan.Intrinsic.PARENT_ID)
        case _:
            there = plan.Exists(field_of(cast(Attribute | Intrinsic, left)))
    return plan.Not(there) if operator == "=" else there


def _field_compares(left: Attribute | Intrinsic, operator: plan.Operator, right: Constant) -> plan.Predicate:
    if isinstance(right, Keyword) and not _is_named(left):
        return plan.Constant(False)
    value = _fixed(right)
    if isinstance(left, Intrinsic):
        # Ids are the same in capital letters, and without the zeros before them.
        if left.name == "nestedSetParent" and _asks_for_roots(operator, value):
            return _ROOT
        if left.name in ID_DIGITS and operator in ("=", "!=") and isinstance(value, str):
            value = value.lower().rjust(ID_DIGITS[left.name], "0")
    return plan.Compare(field_of(left), operator, value)


def _asks_for_roots(operator: plan.Operator, value: plan.Value) -> bool:
    """Whether it holds for a root's number and for no other: these are found without numbering a trace."""
    if isinstance(value, str | bool):
        return False
    holds = _COMPARED[operator]
    return operator != "!=" and holds(_ROOT_NUMBER, value) and not holds(0, value)


def _truths_compare(expression: Binary) -> plan.Predicate:
    """Two conditions that are equally true, or a condition and an attribute."""
    left, right = (expression.left, expression.right) if _is_truth(expression.left) else _swapped(expression)
    holds = _truth(left)
    if isinstance(right, Boolean):
        return holds if right.value == (expression.operator == "=") else plan.Not(holds)
    if _compares_truths(left) or _compares_truths(right):
        raise refusal("a comparison of conditions is not itself compared", expression.at)
    if isinstance(right, Attribute):
        is_true: plan.Predicate = plan.Compare(field_of(right), "=", True)
        is_false: plan.Predicate = plan.Compare(field_of(right), "=", False)
    else:
        is_true = _truth(right)
        is_false = plan.Not(is_true)
    if expression.operator == "!=":
        is_true, is_false = is_false, is_true
    return plan.Or((plan.And((holds, is_true)), plan.And((plan.Not(holds), is_false))))


def _swapped(expression: Binary) -> tuple[Expression, Expression]:
    return expression.right, expression.left


def _compares_truths(expression: Expression) -> bool:
    """Each such comparison takes both of its sides twice, so they do not nest."""
    match expression:
        case Unary(_, operand):
            return _compares_truths(operand)
        case Binary("&&" | "||"):
            return any(map(_compares_truths, chain(expression)))
        case Binary(_, left, right):
            own = (_is_truth(left) or _is_truth(right)) and not isinstance(right, Boolean)
            return own or _compares_truths(left) or _compares_truths(right)
    return False


def _constants_compare(left: Constant, operator: plan.Operator, right: Constant) -> plan.Predicate:
    first, second = _fixed(left), _fixed(right)
    if operator not in ("=~", "!~"):
        return plan.Constant(_COMPARED[operator](first, second))
    if isinstance(right, Text) and is_plain(right.value):
        return plan.Constant((first == second) == (operator == "=~"))
    return plan.Relate(plan.Fixed(first), operator, plan.Fixed(second))
