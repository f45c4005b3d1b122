"""What a parsed query must also satisfy: types that can be compared, nil only where something may be missing.

Types follow TraceQL: an attribute may be anything, so it agrees with every type; numbers and durations are one type.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.traceql.syntax import (
    ARITHMETIC,
    Attribute,
    Binary,
    Boolean,
    Duration,
    Expression,
    Filter,
    Intrinsic,
    Keyword,
    Nil,
    Number,
    Position,
    Query,
    Text,
    Unary,
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
_OUTSIDE_RE2: Final = re.compile(r"\(\?(?:[=!>|]|<[=!]|P[=>]|\()|\\[1-9]|[*+?}]\+")


def check(query: Query) -> None:
    """Raise `InvalidQuery` at the first thing that makes no sense."""
    if query.expression is not None:
        _must_be(query.expression, "boolean")


def type_of(expression: Expression) -> Type:
    """The expression's type; checks everything below it."""
    match expression:
        case Attribute():
            return "anything"
        case Intrinsic(name):
            return INTRINSIC_TYPES[name]
        case Text():
            return "string"
        case Number() | Duration():
            return "number"
        case Boolean():
            return "boolean"
        case Nil():
            return "nil"
        case Keyword(of):
            return of
        case Unary("!", operand):
            _must_be(operand, "boolean")
            return "boolean"
        case Unary(_, operand):
            _must_be(operand, "number")
            return "number"
        case Binary():
            return _type_of_binary(expression)
    raise AssertionError(expression)


def _type_of_binary(expression: Binary) -> Type:
    if expression.operator in ("&&", "||"):
        _must_be(expression.left, "boolean")
        _must_be(expression.right, "boolean")
        return "boolean"
    if expression.operator in ARITHMETIC:
        _must_be(expression.left, "number")
        _must_be(expression.right, "number")
        return "number"
    _check_comparison(expression, type_of(expression.left), type_of(expression.right))
    return "boolean"


def _check_comparison(expression: Binary, left: Type, right: Type) -> None:
    operator = expression.operator
    if "nil" in (left, right):
        _check_nil(expression, left, right)
        return
    if operator in ("=~", "!~"):
        for side, found in ((expression.left, left), (expression.right, right)):
            if found not in ("string", "anything"):
                raise _at(side.at, f"{operator} compares strings, not a {found}")
        if isinstance(expression.right, Text):
            _check_pattern(expression.right)
        return
    if left != right and "anything" not in (left, right):
        raise _at(expression.at, f"a {left} and a {right} cannot be compared")
    for kind in (left, right):
        if kind in ("status", "kind", "boolean") and operator not in ("=", "!="):
            raise _at(expression.at, f"a {kind} compares by = and !=, not by {operator}")


def _check_nil(expression: Binary, left: Type, right: Type) -> None:
    if expression.operator not in ("=", "!="):
        raise _at(expression.at, f"nil compares by = and !=, not by {expression.operator}")
    if left == right:
        return
    other = expression.left if right == "nil" else expression.right
    service = isinstance(other, Attribute) and (other.scope, other.name) == ("resource", "service.name")
    if service or not isinstance(other, Attribute | Intrinsic):
        raise _at(expression.at, "this always has a value and never compares with nil")
    if isinstance(other, Intrinsic) and other.name not in MAY_BE_MISSING:
        raise _at(expression.at, f"{other.name} always has a value and never compares with nil")


def _check_pattern(pattern: Text) -> None:
    """RE2's syntax as far as it can be told without RE2; the engine has the last word.

    Brackets must balance in the pattern itself, because it is put between others to make it match the whole text.
    """
    if outside := _OUTSIDE_RE2.search(re.sub(r"\\\\|\[[^\]]*\]", "", pattern.value)):
        raise _at(pattern.at, f"regular expressions are RE2's, which has no {outside.group()}")
    depth, in_class, escaped = 0, False, False
    for index, character in enumerate(pattern.value):
        if escaped or character == "\\":
            escaped = not escaped
        elif in_class:
            in_class = (
                character != "]" or pattern.value[index - 1 : index] == "[" or pattern.value[index - 2 : index] == "[^"
            )
        elif character == "[":
            in_class = True
        else:
            depth += (character == "(") - (character == ")")
            if depth < 0:
                break
    if depth != 0 or in_class or escaped:
        raise _at(pattern.at, "the regular expression's brackets are not balanced")


def _must_be(expression: Expression, wanted: Type) -> None:
    found = type_of(expression)
    if found not in (wanted, "anything"):
        raise _at(expression.at, f"a {wanted} is expected here, not a {found}")


def _at(position: Position, message: str) -> InvalidQuery:
    return InvalidQuery(
        f"{message} (line {position.line}, column {position.column})", line=position[0], column=position[1]
    )


__all__ = ["Filter", "check", "type_of"]
