"""Refusals of a query: what is wrong, where, and what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.traceql.syntax import Position

Read = TypeVar("Read")

_NUMBER: Final = "a number"
_FIGURE: Final = "a figure such as count()"
_METRIC: Final = "a metric such as rate()"
_READABLE: Final = {
    "$END": "the end",
    "AGGREGATE": _FIGURE,
    "AND": "&&",
    "ATTRIBUTE": "an attribute such as span.http.method",
    "BOOLEAN": "true or false",
    "BOUND": _NUMBER,
    "BY": "by",
    "COALESCE": "coalesce()",
    "COMMA": ",",
    "COMPARE": "a comparison such as =",
    "COMPARING": _METRIC,
    "COUNT": _FIGURE,
    "COUNTING": _METRIC,
    "DURATION": "a duration",
    "EQUAL": "=",
    "FLOAT": _NUMBER,
    "HINT": "a hint's name",
    "INTEGER": _NUMBER,
    "INTRINSIC": "a field such as span:duration",
    "KIND": "a kind",
    "LBRACE": "{",
    "LPAR": "(",
    "MEASURING": _METRIC,
    "MINUS": "-",
    "NIL": "nil",
    "NOT": "!",
    "OR": "||",
    "PIPE": "|",
    "PLUS": "+",
    "POWER": "^",
    "QUANTILE": _METRIC,
    "RANKING": "topk or bottomk",
    "RAW_STRING": "a string",
    "RBRACE": "}",
    "RELATION": "an operator such as > or >>",
    "RPAR": ")",
    "SELECT": "select(…)",
    "STATUS": "a status",
    "STRING": "a string",
    "TIMES": "*",
    "WITH": "with(…)",
}


def position(token: Token) -> Position:
    return Position(token.line or 1, token.column or 1)


def refusal(message: str, at: Position, expected: tuple[str, ...] = ()) -> InvalidQuery:
    where = f"{message} (line {at.line}, column {at.column})"
    return InvalidQuery(where, line=at.line, column=at.column, expected=expected)


def resolved(read: Callable[[str], Read], text: str, token: Token) -> Read:
    """`read(text)`; what it cannot read is refused where the token stands."""
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        raise refusal(f"{_shortened(token)}: {error}", position(token)) from None


def explained(error: UnexpectedInput, text: str) -> InvalidQuery:
    """What the grammar stumbled over, and what would have been right there."""
    at = Position(max(1, error.line), max(1, error.column))
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        at, seen = _end_of(text), "the query ends here"
    elif isinstance(error, UnexpectedCharacters):
        seen = f"unexpected {_word(text, error.pos_in_stream)!r}"
    else:
        seen = f"unexpected {_shortened(str(getattr(error, 'token', '')))!r}"
    expected = tuple(sorted({_READABLE.get(name, name) for name in _allowed(error)}))
    hint = f"; expected {', '.join(expected)}" if expected else ""
    message = f"{seen} at line {at.line}, column {at.column}{hint}"
    return InvalidQuery(message, line=at.line, column=at.column, expected=expected)


def _word(text: str, start: int) -> str:
    word = re.compile(r"[\w.:]{1,40}|.", re.DOTALL).match(text, start)
    return word.group() if word else ""


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def _allowed(error: UnexpectedInput) -> set[str]:
    for names in (getattr(error, "accepts", None), getattr(error, "allowed", None), getattr(error, "expected", None)):
        if names:
            return set(names)
    return set()


def _end_of(text: str) -> Position:
    lines = text.split("\n")
    return Position(len(lines), len(lines[-1]) + 1)
