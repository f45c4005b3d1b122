"""The SQL of some questions, as it stands in `sql/`: what changes there is looked at, not only whether it still works.

With SPANHOUSE_GOLDEN=1 in the environment the files are written anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from spanhouse.tracing.plan.predicates import Predicate
from spanhouse.tracing.plan.requests import TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.clickhouse import columns, compile, guard
from spanhouse.tracing.store.clickhouse.found import shown_fields
from spanhouse.tracing.store.clickhouse.statements import Statement
from spanhouse.tracing.store.evaluation.spansets import asked_by
from spanhouse.tracing.traceql import to_spanset

SQL = Path(__file__).parent / "sql"
SCOPE = Scope("i-one")
HOUR = TimeRange(3_600 * 10**9, 7_200 * 10**9)
TYPES = {("span", "code"): ["int"], ("resource", "env"): ["string"], ("span", "tags"): ["other"]}


def types(scope: str, name: str) -> list[str]:
    """What this instance has: codes, environments, lists of tags."""
    return TYPES.get((scope, name), [])


def plain(query: str) -> Statement:
    """Traces of one slice and their matching spans."""
    where = to_spanset(query)
    assert isinstance(where, Predicate)
    request = TraceSearch(SCOPE, HOUR, where)
    traces = compile.candidates(HOUR, compile.span_condition(where), 60, 0)
    return compile.found(request, traces, HOUR, list(shown_fields(request).values()), types)


def whole(query: str) -> Statement:
    """Columns of some traces, for the evaluation."""
    traces = partial(compile.in_traces, trace_ids=[bytes(16)])
    return columns.statement(SCOPE, asked_by(to_spanset(query)), traces, None, types)


CASES: dict[str, tuple[Callable[[str], Statement], str]] = {
    "errors": (plain, "{ status = error }"),
    "attribute_of_a_scope": (plain, "{ span.code >= 500 && duration > 200ms }"),
    "attribute_of_any_scope": (plain, '{ .env = "prod" }'),
    "elements_of_an_array": (plain, '{ span.tags != "a" }'),
    "one_event": (plain, '{ event:name = "exception" && event:timeSinceStart > 1ms }'),
    "duration_of_the_trace": (plain, "{ traceDuration > 1s }"),
    "descendants": (whole, '{ resource.env = "prod" } >> { status = error }'),
    "groups_and_figures": (whole, "{ } | by(span.code) | avg(duration) > 1s"),
    "parent": (whole, "{ parent.code = span.code }"),
    "nested_sets": (whole, "{ nestedSetLeft > 3 && status = error }"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_question_is_said_in_this_sql(name: str) -> None:
    build, query = CASES[name]

    statement = build(query)
    guard.check(statement, SCOPE)
    text = f"-- {query}\n{_readable(statement.sql)}\n"

    file = SQL / f"{name}.sql"
    if os.environ.get("SPANHOUSE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def test_no_file_is_left_over() -> None:
    assert {file.stem for file in SQL.glob("*.sql")} == CASES.keys()


def _readable(sql: str) -> str:
    """A line for each clause and each column."""
    depth, lines, line = 0, [], ""
    for token in re.findall(r"[()]|, |[^(),]+|,", sql):
        depth += (token == "(") - (token == ")")
        if token == ", " and depth == 0:
            lines.append(line + ",")
            line = "   "
        else:
            line += token
    text = "\n".join([*lines, line])
    return re.sub(r" (FROM|WHERE|GROUP BY|ORDER BY|ANY LEFT JOIN|SELECT) ", r"\n\1 ", text)
