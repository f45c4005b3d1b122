"""Syntax tree to text that parses back to the same tree."""

from __future__ import annotations

from typing import Final

from spanhouse.tracing.traceql.literals import print_duration, print_name, quote
from spanhouse.tracing.traceql.syntax import (
    Attribute,
    Binary,
    Boolean,
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

_BINDING: Final = {"&&": 1, "||": 1, "+": 3, "-": 3, "*": 4, "/": 4, "%": 4, "^": 6}
_COMPARISON: Final = 2
_UNARY: Final = 5


def to_text(query: Query) -> str:
    return "{ }" if query.expression is None else f"{{ {expression_text(query.expression)} }}"


def expression_text(expression: Expression) -> str:
    match expression:
        case Attribute():
            scope = "" if expression.scope == "any" else expression.scope
            parent = ("parent." if scope else "parent") if expression.of_parent else ""
            return f"{parent}{scope}.{print_name(expression.name)}"
        case Intrinsic(name):
            return name
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
        case Unary(operator, operand):
            # A minus before a number would read back as that number, so the number keeps its brackets.
            own = isinstance(operand, Number | Duration)
            return f"{operator}({expression_text(operand)})" if own else f"{operator}{_part(operand, _UNARY)}"
        case Binary(operator, left, right):
            binding = _binding(expression)
            if operator == "^":
                return f"{_part(left, binding + 1)} ^ {_part(right, _UNARY)}"
            return f"{_part(left, binding)} {operator} {_part(right, binding + 1)}"


def _part(expression: Expression, least: int) -> str:
    text = expression_text(expression)
    return text if _binding(expression) >= least else f"({text})"


def _binding(expression: Expression) -> int:
    match expression:
        case Binary():
            return _BINDING.get(expression.operator, _COMPARISON)
        case Unary():
            return _UNARY
        case Number(value) | Duration(value) if value < 0:
            return _UNARY
    return 7
