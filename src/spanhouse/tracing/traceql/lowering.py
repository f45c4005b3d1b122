"""From a checked tree to the plan's predicates: what the query means."""

from __future__ import annotations

import math
from typing import Final, cast

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan import predicates as plan
from spanhouse.tracing.spans.model import SpanKind, StatusCode
from spanhouse.tracing.traceql.syntax import (
    ARITHMETIC,
    Attribute,
    Binary,
    Boolean,
    Constant,
    Duration,
    Expression,
    Intrinsic,
    Keyword,
    Nil,
    Number,
    Query,
    Text,
    Unary,
)

INTRINSICS: Final = {
    "span:duration": plan.Intrinsic.DURATION,
    "span:name": plan.Intrinsic.NAME,
    "span:status": plan.Intrinsic.STATUS,
    "span:statusMessage": plan.Intrinsic.STATUS_MESSAGE,
    "span:kind": plan.Intrinsic.KIND,
    "span:id": plan.Intrinsic.SPAN_ID,
    "span:parentID": plan.Intrinsic.PARENT_ID,
    "trace:id": plan.Intrinsic.TRACE_ID,
    "trace:duration": plan.Intrinsic.TRACE_DURATION,
    "trace:rootName": plan.Intrinsic.ROOT_NAME,
    "trace:rootService": plan.Intrinsic.ROOT_SERVICE,
    "event:name": plan.Intrinsic.EVENT_NAME,
    "event:timeSinceStart": plan.Intrinsic.EVENT_TIME_SINCE_START,
    "link:traceID": plan.Intrinsic.LINK_TRACE_ID,
    "link:spanID": plan.Intrinsic.LINK_SPAN_ID,
    "instrumentation:name": plan.Intrinsic.SCOPE_NAME,
    "instrumentation:version": plan.Intrinsic.SCOPE_VERSION,
}
_MIRRORED: Final[dict[str, plan.Operator]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ROOT: Final = plan.Not(plan.Exists(plan.Intrinsic.PARENT_ID))
_ROOT_NUMBER, _LEAST_OTHER, _GREATEST_OTHER = -1, 0, math.inf


def lower(query: Query) -> plan.Predicate:
    """The condition on one span. `InvalidQuery` for what is in the language but not answered yet."""
    return plan.Constant(True) if query.expression is None else _truth(query.expression)


def _truth(expression: Expression) -> plan.Predicate:
    match expression:
        case Boolean(value):
            return plan.Constant(value)
        case Attribute():
            return plan.Compare(_field(expression), "=", True)
        case Unary("!", operand):
            return plan.Not(_truth(operand))
        case Binary("&&", left, right):
            return _flattened(plan.And, _truth(left), _truth(right))
        case Binary("||", left, right):
            return _flattened(plan.Or, _truth(left), _truth(right))
        case Binary():
            return _comparison(expression)
    raise AssertionError(expression)


def _flattened(join: type[plan.And] | type[plan.Or], *parts: plan.Predicate) -> plan.Predicate:
    flat: list[plan.Predicate] = []
    for part in parts:
        flat += part.of if isinstance(part, join) else [part]
    return join(tuple(flat))


def _comparison(expression: Binary) -> plan.Predicate:
    operator = cast(plan.Operator, expression.operator)
    left, right = _folded(expression.left), _folded(expression.right)
    if not isinstance(right, Attribute | Intrinsic | Unary | Binary):
        if not isinstance(left, Attribute | Intrinsic | Unary | Binary):
            return plan.Constant(_constants_compare(left, operator, right, expression))
    elif not isinstance(left, Attribute | Intrinsic | Unary | Binary):
        left, right, operator = right, left, _MIRRORED.get(operator, operator)
    if isinstance(left, Attribute | Intrinsic) and isinstance(
        right, Text | Number | Duration | Boolean | Nil | Keyword
    ):
        return _field_compares(left, operator, right)
    if isinstance(left, Boolean | Unary | Binary) and isinstance(right, Boolean):
        holds = _truth(left)
        return holds if right.value == (operator == "=") else plan.Not(holds)
    raise _not_yet(expression, "comparisons of two fields and arithmetic on fields are not supported yet")


def _field_compares(left: Attribute | Intrinsic, operator: plan.Operator, right: Constant) -> plan.Predicate:
    if isinstance(left, Intrinsic) and left.name in ("nestedSetParent", "parent"):
        return _root_or_not(left, operator, right)
    field = _field(left)
    if isinstance(right, Nil):
        return plan.Exists(field) if operator == "!=" else plan.Not(plan.Exists(field))
    return plan.Compare(field, operator, _value(right))


def _root_or_not(left: Intrinsic, operator: plan.Operator, right: Constant) -> plan.Predicate:
    """Nested-set numbers: a root's parent is −1 and everyone else's is not. Only questions that tell these apart."""
    if isinstance(right, Nil):
        return plan.Not(_ROOT) if operator == "!=" else _ROOT
    value = _value(right)
    if isinstance(value, int | float):
        of_root, of_least, of_greatest = (
            _numbers_compare(number, operator, value) for number in (_ROOT_NUMBER, _LEAST_OTHER, _GREATEST_OTHER)
        )
        if of_least == of_greatest != of_root and value < 1:
            return _ROOT if of_root else plan.Not(_ROOT)
    raise _not_yet(left, f"{left.name} is not supported yet but to tell roots from others, as in nestedSetParent < 0")


def _field(expression: Attribute | Intrinsic) -> plan.Field:
    if isinstance(expression, Attribute):
        if expression.of_parent:
            raise _not_yet(expression, "attributes of the parent are not supported yet")
        return plan.Attribute(expression.scope, expression.name)
    found = INTRINSICS.get(expression.name)
    if found is None:
        raise _not_yet(expression, f"{expression.name} is not supported yet")
    return found


def _value(constant: Constant) -> plan.Value:
    match constant:
        case Keyword("status", name):
            return StatusCode[name.upper()].value
        case Keyword(_, name):
            return SpanKind[name.upper()].value
        case Nil():
            raise AssertionError("nil has no value")
        case _:
            return constant.value


def _folded(expression: Expression) -> Expression:
    """Arithmetic and logic on constants, done."""
    if isinstance(expression, Unary) and expression.operator == "-":
        operand = _folded(expression.operand)
        if isinstance(operand, Number | Duration):
            return Number(-operand.value, expression.at)
    if isinstance(expression, Binary) and expression.operator in ARITHMETIC:
        left, right = _folded(expression.left), _folded(expression.right)
        if isinstance(left, Number | Duration) and isinstance(right, Number | Duration):
            return Number(_calculated(left.value, expression.operator, right.value, expression), expression.at)
    return expression


def _calculated(left: int | float, operator: str, right: int | float, where: Binary) -> int | float:
    try:
        match operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right
            case "%":
                return math.fmod(left, right)
            case _:
                return math.pow(left, right)
    except (ArithmeticError, ValueError):
        raise InvalidQuery("this cannot be calculated", line=where.at.line, column=where.at.column) from None


def _constants_compare(left: Expression, operator: plan.Operator, right: Expression, where: Binary) -> bool:
    if isinstance(left, Nil) or isinstance(right, Nil):
        return (isinstance(left, Nil) and isinstance(right, Nil)) == (operator == "=")
    first, second = _value(cast(Constant, left)), _value(cast(Constant, right))
    if operator in ("=~", "!~"):
        if set(str(second)) & set(r"\.+*?()|[]{}^$"):
            raise _not_yet(where, "regular expressions on constants are not supported yet")
        return (first == second) == (operator == "=~")
    if isinstance(first, str) and isinstance(second, str):
        return _texts_compare(first, operator, second)
    return _numbers_compare(cast(float, first), operator, cast(float, second))


def _texts_compare(left: str, operator: str, right: str) -> bool:
    results = {"=": left == right, "!=": left != right, ">": left > right, ">=": left >= right}
    return {**results, "<": left < right, "<=": left <= right}[operator]


def _numbers_compare(left: float, operator: str, right: float) -> bool:
    results = {"=": left == right, "!=": left != right, ">": left > right, ">=": left >= right}
    return {**results, "<": left < right, "<=": left <= right}.get(operator, False)


def _not_yet(where: Expression, message: str) -> InvalidQuery:
    return InvalidQuery(
        f"{message} (line {where.at.line}, column {where.at.column})", line=where.at.line, column=where.at.column
    )
