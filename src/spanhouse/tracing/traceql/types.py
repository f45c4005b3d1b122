"""The types of expressions on one span: what can be compared with and calculated from what.

Types follow TraceQL: an attribute may be anything, so it agrees with every type; numbers and durations are one type.
"""

from __future__ import annotations

from typing import Final, Literal

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.traceql.faults import refusal
from spanhouse.tracing.traceql.patterns import fault_of
from spanhouse.tracing.traceql.syntax import (
    ARITHMETIC,
    Attribute,
    Binary,
    Boolean,
    Duration,
    Expression,
    Intrinsic,
    Keyword,
    Nil,
    Number,
    Text,
    Unary,
    chain,
)

Type = Literal["anything", "nil", "boolean", "number", "string", "status", "kind"]

INTRINSIC_TYPES: Final[dict[str, Type]] = {
    "span:duration": "number",
    "span:name": "string",
    "span:status": "status",
    "span:statusMessage": "string",
    "span:kind": "kind",
    "span:childCount": "number",
    "span:id": "string",
    "span:parentID": "string",
    "trace:id": "string",
    "trace:duration": "number",
    "trace:rootName": "string",
    "trace:rootService": "string",
    "event:name": "string",
    "event:timeSinceStart": "number",
    "link:traceID": "string",
    "link:spanID": "string",
    "instrumentation:name": "string",
    "instrumentation:version": "string",
    "nestedSetLeft": "number",
    "nestedSetRight": "number",
    "nestedSetParent": "number",
    "parent": "nil",
}
MAY_BE_MISSING: Final = frozenset(
    {"span:parentID", "event:name", "event:timeSinceStart", "link:traceID", "link:spanID", "parent"}
)
WHOLE_NUMBER_MAX: Final = 2**63 - 1


def must_be(wanted: Type, expression: Expression) -> None:
    """`InvalidQuery` when it is of another type, or when something below it makes no sense."""
    found = type_of(expression)
    if found not in (wanted, "anything"):
        raise refusal(f"a {wanted} is expected here, not a {found}", expression.at)


def type_of(expression: Expression) -> Type:
    """The expression's type; checks everything below it."""
    match expression:
        case Attribute():
            return "anything"
        case Intrinsic(name):
            return INTRINSIC_TYPES[name]
        case Text():
            return "string"
        case Number(value) if isinstance(value, int) and value > WHOLE_NUMBER_MAX:
            raise refusal("the number is too large", expression.at)
        case Number() | Duration():
            return "number"
        case Boolean():
            return "boolean"
        case Nil():
            return "nil"
        case Keyword(of):
            return of
        case Unary("!", operand):
            must_be("boolean", operand)
            return "boolean"
        case Unary(_, operand):
            must_be("number", operand)
            return "number"
        case Binary():
            return _type_of_binary(expression)


def mentions_a_span(expression: Expression) -> bool:
    match expression:
        case Attribute() | Intrinsic():
            return True
        case Unary(_, operand):
            return mentions_a_span(operand)
        case Binary():
            return any(map(mentions_a_span, _operands(expression)))
    return False


def _operands(expression: Binary) -> tuple[Expression, ...]:
    return chain(expression) if expression.operator in ("&&", "||") else (expression.left, expression.right)


def _type_of_binary(expression: Binary) -> Type:
    if expression.operator in ("&&", "||"):
        for operand in chain(expression):
            must_be("boolean", operand)
        return "boolean"
    if expression.operator in ARITHMETIC:
        must_be("number", expression.left)
        must_be("number", expression.right)
        return "number"
    _check_comparison(expression, type_of(expression.left), type_of(expression.right))
    return "boolean"


def _check_comparison(expression: Binary, left: Type, right: Type) -> None:
    operator = expression.operator
    if "nil" in (left, right):
        _check_nil(expression)
        return
    if operator in ("=~", "!~"):
        _check_match(expression, left)
        return
    if left != right and "anything" not in (left, right):
        raise refusal(f"a {left} and a {right} cannot be compared", expression.at)
    for kind in (left, right):
        if kind in ("status", "kind", "boolean") and operator not in ("=", "!="):
            raise refusal(f"a {kind} compares by = and !=, not by {operator}", expression.at)


def _check_match(expression: Binary, left: Type) -> None:
    if left not in ("string", "anything"):
        raise refusal(f"{expression.operator} compares strings, not a {left}", expression.left.at)
    if not isinstance(expression.right, Text):
        raise refusal(f"behind {expression.operator} a string is expected", expression.right.at)
    if fault := fault_of(expression.right.value):
        raise refusal(fault, expression.right.at)


def _check_nil(expression: Binary) -> None:
    """nil compares with nil, and with fields: for = only with those that a span may lack."""
    sides = [side for side in (expression.left, expression.right) if not isinstance(side, Nil)]
    operator = expression.operator
    if operator not in ("=", "!="):
        raise refusal(f"nil compares by = and !=, not by {operator}", expression.at)
    if len(sides) == 2:
        raise refusal("parent compares with nil only", expression.at)
    for side in sides:
        if not isinstance(side, Attribute | Intrinsic):
            raise refusal("only a field compares with nil", expression.at)
        if operator == "=" and _always_there(side):
            raise refusal("this always has a value and never equals nil", expression.at)


def _always_there(field: Attribute | Intrinsic) -> bool:
    if isinstance(field, Intrinsic):
        return field.name not in MAY_BE_MISSING
    return (field.scope, field.name, field.of_parent) == ("resource", "service.name", False)


__all__ = ["InvalidQuery", "Type", "mentions_a_span", "must_be", "type_of"]
