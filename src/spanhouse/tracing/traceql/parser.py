"""Text to syntax tree."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.traceql import syntax
from spanhouse.tracing.traceql.literals import parse_duration, parse_name, unquote

QUERY_CHARACTERS_MAX: Final = 32_768
DEPTH_MAX: Final = 200
"""of brackets, and of operators before one operand"""

_GRAMMAR: Final = (Path(__file__).parent / "grammar.lark").read_text()
_READABLE: Final = {
    "LBRACE": "{",
    "RBRACE": "}",
    "LPAR": "(",
    "RPAR": ")",
    "ATTRIBUTE": "an attribute such as span.http.method",
    "INTRINSIC": "a field such as duration",
    "STRING": "a string",
    "RAW_STRING": "a string",
    "DURATION": "a duration",
    "FLOAT": "a number",
    "INTEGER": "a number",
    "BOOLEAN": "true or false",
    "NIL": "nil",
    "STATUS": "a status",
    "KIND": "a kind",
    "COMPARE": "a comparison such as =",
    "AND": "&&",
    "OR": "||",
    "NOT": "!",
    "PLUS": "+",
    "MINUS": "-",
    "TIMES": "*",
    "POWER": "^",
    "$END": "the end",
}
_LATER: Final = ("&&", "||", "|", ">", "<", "~", "!", "&", "with")
"""What may follow a filter in the language but is not answered yet."""


def parse(text: str) -> syntax.Query:
    """The tree of `text`; `InvalidQuery` says where and what was expected."""
    if len(text) > QUERY_CHARACTERS_MAX:
        raise InvalidQuery(f"a query has at most {QUERY_CHARACTERS_MAX} characters")
    _refuse_depth(text)
    try:
        return _build(_parser().parse(text))
    except UnexpectedInput as error:
        raise _explain(error, text) from None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=True)


def _build(tree: Any) -> syntax.Query:
    try:
        return cast(syntax.Query, _ToSyntax().transform(tree))
    except VisitError as error:
        raise error.orig_exc from None


@v_args(inline=True)
class _ToSyntax(Transformer):  # type: ignore[misc]  # lark is not typed for us
    def query(self, only: syntax.Filter) -> syntax.Filter:
        return only

    def filter(self, expression: syntax.Expression | None) -> syntax.Filter:
        return syntax.Filter(expression)

    def binary(self, left: syntax.Expression, operator: Token, right: syntax.Expression) -> syntax.Binary:
        return syntax.Binary(cast(syntax.BinaryOperator, str(operator)), left, right, _at(operator))

    def unary(self, operator: Token, operand: syntax.Expression) -> syntax.Expression:
        if operator == "-" and isinstance(operand, syntax.Number | syntax.Duration):
            return type(operand)(-operand.value, _at(operator))  # type: ignore[arg-type]
        return syntax.Unary(cast(syntax.UnaryOperator, str(operator)), operand, _at(operator))

    def attribute(self, token: Token) -> syntax.Attribute:
        of_parent = token.startswith("parent.")
        text = token.removeprefix("parent") if of_parent else str(token)
        if of_parent and text.startswith((".span.", ".resource.")):
            text = text[1:]
        scope, name = text.split(".", 1)
        scope = scope or "any"
        return syntax.Attribute(
            cast(syntax.AttributeScope, scope), _resolved(parse_name, name, token), _at(token), of_parent
        )

    def intrinsic(self, token: Token) -> syntax.Intrinsic:
        name = syntax.OLD_SPELLINGS.get(token, str(token))
        if name not in syntax.INTRINSICS:
            raise _wrong(token, f"{token} is not a field")
        return syntax.Intrinsic(name, _at(token))

    def string(self, token: Token) -> syntax.Text:
        return syntax.Text(_resolved(unquote, token[1:-1], token), _at(token))

    def raw_string(self, token: Token) -> syntax.Text:
        return syntax.Text(str(token[1:-1]), _at(token))

    def duration(self, token: Token) -> syntax.Duration:
        return syntax.Duration(parse_duration(token), _at(token))

    def float(self, token: Token) -> syntax.Number:
        return syntax.Number(float(token), _at(token))

    def integer(self, token: Token) -> syntax.Number:
        if len(token) > 20:
            raise _wrong(token, "the number is too large")
        return syntax.Number(int(token), _at(token))

    def boolean(self, token: Token) -> syntax.Boolean:
        return syntax.Boolean(token.value == "true", _at(token))

    def nil(self, token: Token) -> syntax.Nil:
        return syntax.Nil(_at(token))

    def status(self, token: Token) -> syntax.Keyword:
        return syntax.Keyword("status", str(token), _at(token))

    def kind(self, token: Token) -> syntax.Keyword:
        return syntax.Keyword("kind", str(token), _at(token))


def _at(token: Token) -> syntax.Position:
    return syntax.Position(token.line or 1, token.column or 1)


def _wrong(token: Token, message: str) -> InvalidQuery:
    return InvalidQuery(message, line=token.line or 1, column=token.column or 1)


def _resolved(read: Any, text: str, token: Token) -> str:
    try:
        return cast(str, read(text))
    except (ValueError, OverflowError) as error:
        raise _wrong(token, f"{token}: {error}") from None


def _refuse_depth(text: str) -> None:
    """Deeper nesting than anyone writes would only exhaust the stack of whoever walks the tree."""
    depth = run = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        run = run + 1 if character in "!-^" else run if character.isspace() else 0
        if depth > DEPTH_MAX or run > DEPTH_MAX:
            raise InvalidQuery(f"nested more than {DEPTH_MAX} deep")
    if sum(text.count(operator) for operator in ("&&", "||", "+", "*", "/", "%", "^", "=", "-")) > 4 * DEPTH_MAX:
        raise InvalidQuery("more operators than one query may have")


def _explain(error: UnexpectedInput, text: str) -> InvalidQuery:
    line, column = max(1, error.line), max(1, error.column)
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        line, column = _end_of(text)
        seen = "the query ends here"
    elif isinstance(error, UnexpectedCharacters):
        seen = f"unexpected {text[error.pos_in_stream :][:1]!r}"
    else:
        seen = f"unexpected {str(getattr(error, 'token', ''))!r}"
    before, after = _around(text, line, column)
    if (_is_whole_filter(before) and after.startswith(_LATER)) or (not before.strip() and after.startswith("(")):
        message = "operators between span sets, pipelines and metrics are not supported yet"
        return InvalidQuery(message, line=line, column=column)
    expected = tuple(sorted({_READABLE.get(name, name) for name in _allowed(error)}))
    hint = f"; expected {', '.join(expected)}" if expected else ""
    return InvalidQuery(f"{seen} at line {line}, column {column}{hint}", line=line, column=column, expected=expected)


def _allowed(error: UnexpectedInput) -> set[str]:
    for names in (getattr(error, "accepts", None), getattr(error, "allowed", None), getattr(error, "expected", None)):
        if names:
            return set(names)
    return set()


def _end_of(text: str) -> tuple[int, int]:
    lines = text.split("\n")
    return len(lines), len(lines[-1]) + 1


def _around(text: str, line: int, column: int) -> tuple[str, str]:
    offset = sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column - 1
    return text[:offset], text[offset:]


def _is_whole_filter(text: str) -> bool:
    try:
        _parser().parse(text)
    except UnexpectedInput:
        return False
    return True
