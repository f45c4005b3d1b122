"""A tree prints to text that parses back to the same tree; no text breaks the parser."""

from __future__ import annotations

from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.traceql import parse, to_metrics, to_spanset, to_text
from spanhouse.tracing.traceql.syntax import Expression, Filter, Query
from tests.kit.traceql_trees import EXPRESSIONS, QUERIES

SIGNS = [*"{}()|&!<>~=+-*/%^,.", "||", "&&", ">>", "=~", "!~", "//", "/*", "*/"]
NAMED = [
    ".a",
    "span.b",
    "parent.c",
    "duration",
    "status",
    "error",
    "nil",
    "true",
    "1",
    "1.5",
    "2s",
    '"t"',
    "`r`",
    "minInt",
]
CALLED = ["by", "select", "coalesce", "count", "avg", "rate", "quantile_over_time", "compare", "topk", "with"]
WORDS = st.lists(st.sampled_from([*SIGNS, *NAMED, *CALLED]), max_size=20)


@given(EXPRESSIONS)
def test_a_filter_that_is_printed_reads_back_the_same(expression: Expression) -> None:
    query = Query(Filter(expression))

    assert parse(to_text(query)) == query


@given(QUERIES)
def test_a_query_that_is_printed_reads_back_the_same(query: Query) -> None:
    assert parse(to_text(query)) == query


LONGEST = 32_768
REPEATED = [
    "(",
    "{ ",
    "!",
    "{ -",
    "{ 1",
    "{ .a || ",
    "{ .a && .b || ",
    "{}>",
    "{}|",
    "count()+",
    "count() > 1+",
    "{ 1^",
]
REPEATED += [
    '"',
    "`",
    "{ 1.",
    "{ 1s",
    "{ .a=",
    '{ .a"b"',
    '{ .a =~ "[',
    '{ .a =~ "(',
    "/*",
    "//",
    "{} with(a=1)",
    "{} | rate() > 1",
]


@pytest.mark.parametrize("start", REPEATED)
def test_the_longest_texts_are_read_or_refused_in_seconds(start: str) -> None:
    unit = start.split(maxsplit=1)[-1] if start.startswith("{ ") else start
    text = (start + unit * LONGEST)[:LONGEST]

    began = process_time()
    with suppress(InvalidQuery):
        to_spanset(text)

    assert process_time() - began < 10


@given(st.text(max_size=60) | WORDS.map(" ".join) | WORDS.map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    refusal = InvalidQuery("")
    for read in (to_spanset, to_metrics):
        try:
            read(text)
        except InvalidQuery as error:
            refusal = error

    assert (refusal.line, refusal.column) >= (1, 1)


@given(QUERIES)
def test_any_query_is_planned_or_refused(query: Query) -> None:
    text, planned = to_text(query), 0
    for plan in (to_spanset, to_metrics):
        with suppress(InvalidQuery):
            planned += plan(text) is not None

    assert planned <= 1
