"""Whatever text a client sends: unfinished queries say something or nothing, cursors are ours or refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanhouse.api.rest import asked, cursor
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.predicates import Predicate
from spanhouse.tracing.plan.requests import Place
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.search.completion import condition_of
from spanhouse.tracing.traceql import to_predicate
from tests.kit.spans import trace_id

unhurried = settings(deadline=None)
"""The first query of a process waits for the grammar."""
SIGNS = st.sampled_from(
    ["{", "}", "(", ")", "&&", "||", '"', "`", "=", "!=", "name", ".foo", "status", "error", "1", " "]
)
WRITTEN = st.one_of(st.text(max_size=40), st.lists(SIGNS, max_size=20).map("".join))
WHOLE = st.sampled_from(
    ['name = "a"', "status = error", "span.x > 1", '(kind = server || name = "b && }")', "duration > 1s", "!(.x = 1)"]
)
PARTIAL = st.sampled_from(["name =", "span.", "span.x", '.y = "', "(kind = ", "status = errr"])


@unhurried
@given(WRITTEN)
def test_any_text_gives_a_condition(text: str) -> None:
    assert isinstance(condition_of(text), Predicate)


@unhurried
@given(st.lists(WHOLE, min_size=1, max_size=3))
def test_a_whole_filter_means_what_it_means_in_a_search(parts: list[str]) -> None:
    text = f"{{ {' && '.join(parts)} }}"

    assert condition_of(text) == to_predicate(text)


@unhurried
@given(st.lists(WHOLE, min_size=1, max_size=3), PARTIAL)
def test_a_condition_still_being_written_leaves_the_others(parts: list[str], partial: str) -> None:
    whole = to_predicate(f"{{ {' && '.join(parts)} }}")

    assert condition_of(f"{{ {' && '.join([*parts, partial])}") == whole


NANOS = st.integers(0, 2**63 - 1)


@given(NANOS, NANOS, NANOS, st.integers(0, 2**63 - 1), st.integers(1, 2**127))
def test_a_cursor_comes_back_as_it_was(start: int, end: int, after: int, duration: int, number: int) -> None:
    known = cursor.Cursor("q", TimeRange(min(start, end), max(start, end)), Place(after, trace_id(number), duration))

    assert cursor.read(known.text(), "q") == known


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_any_other_text_is_refused_as_a_cursor(text: str) -> None:
    with pytest.raises(Malformed):
        cursor.read(text, "q")


@given(NANOS)
def test_a_time_reads_back_to_the_nanosecond(at: int) -> None:
    assert asked.moment(asked.rfc3339(at), "start") == at
