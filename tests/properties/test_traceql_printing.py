"""A tree prints to text that parses back to the same tree; no text breaks the parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.traceql import parse, to_predicate, to_text
from spanhouse.tracing.traceql.syntax import (
    INTRINSICS,
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
    Text,
    Unary,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ATTRIBUTES = st.builds(
    Attribute,
    st.sampled_from(["span", "resource", "event", "link", "instrumentation", "any"]),
    TEXT.filter(bool) | st.sampled_from(["http.method", "a-b", "my attr", 'a"b', "5xx", "a.b.c", "\\", "ends\\"]),
)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.one_of(
    ATTRIBUTES,
    st.builds(Intrinsic, st.sampled_from(sorted(INTRINSICS))),
    st.builds(Text, TEXT),
    st.builds(Number, NUMBERS),
    st.builds(Duration, st.integers(-(2**62), 2**62)),
    st.builds(Boolean, st.booleans()),
    st.builds(Nil),
    st.builds(Keyword, st.just("status"), st.sampled_from(["ok", "error", "unset"])),
    st.builds(Keyword, st.just("kind"), st.sampled_from(["server", "client", "producer"])),
)
OPERATORS = st.sampled_from(["&&", "||", "=", "!=", ">", ">=", "<", "<=", "=~", "!~", "+", "-", "*", "/", "%", "^"])


def _minus_number(expression: Expression) -> bool:
    """A minus before a number is that number; the tree never holds it otherwise."""
    return isinstance(expression, Unary) and expression.operator == "-" and _is_number(expression.operand)


def _is_number(expression: Expression) -> bool:
    return isinstance(expression, Number | Duration)


def _grown(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    unary = st.builds(Unary, st.sampled_from(["!", "-"]), inner).filter(lambda it: not _minus_number(it))
    return unary | st.builds(Binary, OPERATORS, inner, inner)


EXPRESSIONS = st.recursive(LEAVES, _grown, max_leaves=12)


@given(EXPRESSIONS)
def test_what_is_printed_reads_back_the_same(expression: Expression) -> None:
    query = Filter(expression)

    assert parse(to_text(query)) == query


@given(st.text(max_size=60) | st.text('{}()<>=!~&|"`.-+*/^ astpn019', max_size=60).map(lambda text: f"{{{text}}}"))
def test_any_text_is_read_or_refused(text: str) -> None:
    refusal = InvalidQuery("")
    try:
        to_predicate(text)
    except InvalidQuery as error:
        refusal = error

    assert (refusal.line, refusal.column) >= (1, 1)
