"""The guard reads the text of a statement for itself: what is not certainly one tenant's bounded read is not sent."""

from __future__ import annotations

from functools import partial

import pytest

from spanhouse.base import limits
from spanhouse.tracing.plan.predicates import Attribute, Compare, Matches, Or, Relate
from spanhouse.tracing.plan.requests import TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.clickhouse import columns, compile, guard
from spanhouse.tracing.store.clickhouse.statements import Statement, every_type
from tests.kit.spans import HOSTILE

SCOPE = Scope("i-one")
GOOD = "SELECT count() FROM spans WHERE instance = {instance:String} AND start_time > 5"

VIOLATIONS = [
    "SELECT count() FROM spans",
    "SELECT count() FROM spans WHERE start_time > 5 AND instance = {instance:String}",
    "SELECT count() FROM spans WHERE instance = {instance:String} OR start_time > 5",
    "SELECT count() FROM spans WHERE instance = {instance:String} AND start_time > 5 OR 1",
    "SELECT count() FROM spans WHERE instance = {other:String}",
    "SELECT count() FROM spans AS s WHERE instance = {instance:String}",
    "SELECT count() FROM spans, spans WHERE instance = {instance:String}",
    f"{GOOD} AND trace_id IN (SELECT trace_id FROM spans)",
    f"{GOOD} AND trace_id IN spans",
    f"{GOOD} UNION ALL SELECT count() FROM spans",
    "SELECT count() FROM system.tables WHERE instance = {instance:String}",
    "SELECT count() FROM default.spans WHERE instance = {instance:String}",
    "SELECT * FROM file('/etc/passwd')",
    f"{GOOD} AND name IN (SELECT x FROM url('http://x', 'CSV'))",
    f"SELECT 1 FROM (SELECT trace_id FROM {GOOD[20:]}) AS own ANY LEFT JOIN spans USING (trace_id)",
    f"SELECT 1 FROM (SELECT trace_id FROM {GOOD[20:]}) AS own JOIN (SELECT 1 FROM spans) AS x USING (trace_id)",
    f"{GOOD} AND dictGet('d', 'a', 1) = 1",
    f"{GOOD} AND sleep(3) = 0",
    f"{GOOD}; DROP TABLE spans",
    f"{GOOD} -- and no more",
    f"{GOOD} /* and no more */",
    f"{GOOD} SETTINGS readonly = 0",
    f"{GOOD} FORMAT CSV",
    f"{GOOD} INTO OUTFILE '/tmp/x'",
    "SELECT count() FROM `spans` WHERE instance = {instance:String}",
    "SELECT ' FROM x\\' FROM spans WHERE instance = {instance:String}",
    "INSERT INTO spans SELECT * FROM spans WHERE instance = {instance:String}",
    "ALTER TABLE spans DELETE WHERE instance = {instance:String}",
    "DROP TABLE spans",
]


def test_a_scoped_read_passes() -> None:
    guard.check(Statement(GOOD, {"instance": "i-one"}), SCOPE)


@pytest.mark.parametrize("sql", VIOLATIONS)
def test_a_violation_is_raised(sql: str) -> None:
    with pytest.raises(guard.GuardViolation):
        guard.check(Statement(sql, {"instance": "i-one", "other": "i-two"}), SCOPE)


@pytest.mark.parametrize("parameters", [{}, {"instance": "i-two"}, {"instance": "i-one", "services": ["a"]}])
def test_parameters_hold_exactly_the_scope(parameters: dict[str, object]) -> None:
    with pytest.raises(guard.GuardViolation):
        guard.check(Statement(GOOD, parameters), SCOPE)  # type: ignore[arg-type]


def test_a_scope_of_some_services_is_held_to_them() -> None:
    scope = Scope("i-one", frozenset({"web"}))
    unlimited = Statement(GOOD, {"instance": "i-one", "services": ["web"]})

    with pytest.raises(guard.GuardViolation):
        guard.check(unlimited, scope)
    guard.check(compile.spans_of_traces(scope, [b"1" * 16], 10), scope)
    guard.check(compile.stubs_of_traces(scope, [b"1" * 16], 10), scope)


def test_of_hidden_services_only_stubs_are_read() -> None:
    scope = Scope("i-one", frozenset({"web"}))
    stubs = compile.stubs_of_traces(scope, [b"1" * 16], 10)

    with pytest.raises(guard.GuardViolation):
        guard.check(Statement(stubs.sql.replace("SELECT hex(trace_id)", "SELECT name"), stubs.parameters), scope)


@pytest.mark.parametrize("more", [", name", ", attributes_string", ""])
def test_of_hidden_services_only_places_are_read_in_columns(more: str) -> None:
    scope = Scope("i-one", frozenset({"web"}))
    places = columns.places(scope, partial(compile.in_traces, trace_ids=[b"1" * 16]))
    statement = Statement(places.sql.replace("AS place_start", f"AS place_start{more}"), places.parameters)

    if not more:
        guard.check(statement, scope)
        return
    with pytest.raises(guard.GuardViolation):
        guard.check(statement, scope)


def test_settings_allow_no_writing_and_no_files() -> None:
    settings = guard.settings()

    assert settings["readonly"] == 1
    assert settings["max_execution_time"] == limits.QUERY_SECONDS_MAX
    assert settings["max_memory_usage"] == limits.QUERY_MEMORY_BYTES_MAX


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_people_write_is_in_no_statements_text(hostile: str) -> None:
    harmless, statement = _searching("harmless"), _searching(hostile)

    assert statement.sql == harmless.sql
    assert hostile in statement.parameters.values()
    guard.check(statement, SCOPE)


def _searching(text: str) -> Statement:
    field = Attribute("span", text)
    related = Relate(Attribute("any", text), "=", Attribute("resource", text, of_parent=True))
    where = Or(
        (Compare(field, "=", text), Compare(Attribute("event", text), "=~", text), Matches(field, text), related)
    )
    request = TraceSearch(SCOPE, TimeRange(0, 10), where)
    traces = compile.candidates(TimeRange(0, 10), compile.span_condition(where), 10, 0)
    return compile.found(request, traces, TimeRange(0, 10), [field], every_type)
