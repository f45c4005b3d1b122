"""What the reference evaluator says of small traces, each figure worked out by hand: what the store is held against."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spanhouse.tracing.spans.model import Event, Span
from spanhouse.tracing.traceql import parse
from tests.kit import traceql_reference as reference
from tests.kit.spans import BASE, MS, make_span, span_id
from tests.kit.traceql_metrics import Line
from tests.kit.traceql_spansets import duration_text

TREE = (
    make_span(1, at=0, name="root"),
    make_span(2, 1, at=1, name="a"),
    make_span(3, 1, at=2, name="b"),
    make_span(4, 2, at=3, name="c"),
    make_span(5, 99, at=4, name="lost"),
    make_span(6, 5, at=5, name="below lost"),
    make_span(7, at=6, name="second root"),
)
"""root(a(c) b), second root; and what hangs below a parent that is not there."""


def found(query: str, *spans: Span) -> list[list[str]]:
    """Names of the spans of each spanset of the one trace."""
    root = parse(query).root
    sets = reference.search(root, reference.families(spans)).values()  # type: ignore[arg-type]
    return [[span.name for span in one.spans] for of_trace in sets for one in of_trace]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('{ name = "root" } > { }', ["a", "b"]),
        ('{ name = "root" } >> { }', ["a", "b", "c"]),
        ('{ name = "c" } < { }', ["a"]),
        ('{ name = "c" } << { }', ["root", "a"]),
        ('{ name = "root" } ~ { }', ["second root"]),
        ('{ name = "lost" } > { }', []),
        ('{ name = "a" } !> { }', ["root", "a", "b", "lost", "below lost", "second root"]),
        ('{ name = "nobody" } !>> { name = "c" }', ["c"]),
        ('{ name = "root" } &> { name = "b" }', ["root", "b"]),
        ('{ } &<< { name = "a" }', ["a", "c"]),
        ("{ nestedSetParent = 0 }", ["lost", "below lost"]),
        ("{ nestedSetLeft = 9 }", ["second root"]),
        ('{ name = "a" } && { name = "nobody" }', []),
        ('{ name = "a" } && { name = "c" }', ["a", "c"]),
    ],
)
def test_spans_stand_to_one_another(query: str, names: list[str]) -> None:
    assert found(query, *TREE) == ([names] if names else [])


def test_a_circle_and_a_span_that_is_its_own_parent_are_reached_from_no_root() -> None:
    circle = (make_span(1, 2, at=0, name="a"), make_span(2, 1, at=1, name="b"), make_span(3, 3, at=2, name="own"))

    assert found("{ nestedSetLeft = 0 }", *circle) == [["a", "b", "own"]]
    assert found("{ } >> { }", *circle) == []
    assert found('{ parent.span.x = 1 && name = "own" }', replace(circle[2], attributes={"x": 1})) == []


def test_of_two_spans_with_one_id_the_first_has_the_children() -> None:
    twins = (make_span(1, at=0, name="first"), make_span(1, at=5, name="second"), make_span(2, 1, at=1, name="child"))

    assert found("{ } < { }", *twins) == [["first"]]
    assert found("{ childCount = 1 }", *twins) == [["first", "second"]]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('span.tags = "a"', True),
        ('span.tags != "a"', False),
        ('span.tags != "c"', True),
        ('span.tags !~ "c|d"', True),
        ('span.tags !~ "b"', False),
        ("span.tags != 1", False),
        ("span.ids > 2", True),
        ("span.ids != 4", True),
        ("span.none = 1", False),
        ("span.none != 1", False),
        ("!(span.none = 1)", True),
        ("span.none = nil", True),
        ("span.whole / 2 = 0.5", True),
        ("span.whole / 0 > 0", False),
        ('span.whole = "1"', False),
        ("span.two = error", False),
        ("span.two = status", False),
        ('event.k = 1 && event:name = "two"', False),
        ('event.k = 2 && event:name = "two"', True),
        (".k = 2", True),
    ],
)
def test_values_compare(condition: str, holds: bool) -> None:
    attributes = {"tags": ["a", "b"], "ids": [1, 3], "whole": 1, "two": 2}
    events = (Event(BASE, "one", {"k": 1}), Event(BASE, "two", {"k": 2}))
    span = make_span(1, attributes=attributes, events=events, status_code=2)

    assert bool(found(f"{{ {condition} }}", span)) == holds


def test_a_spanset_is_parted_by_value_and_type() -> None:
    values = [1, 1.0, "1", True, None, [1]]
    spans = [make_span(n, at=n, name=f"{n}", attributes={"x": value}) for n, value in enumerate(values, 1)]

    assert found("{ } | by(span.x)", *spans) == [["1", "2"], ["3"], ["4"], ["5"], ["6"]]
    assert found("{ } | by(span.x) | count() > 1", *spans) == [["1", "2"]]
    assert found('{ } | by(span.x) | coalesce() | { name != "3" }', *spans) == [["1", "2", "4", "5", "6"]]


def test_a_figure_is_of_the_spans_that_have_a_number() -> None:
    spans = [make_span(n, at=n, attributes={"x": value}) for n, value in enumerate([1, 2.0, "7", None], 1)]

    assert found("{ } | avg(span.x) = 1.5", *spans)
    assert found("{ } | sum(span.x) + 1 = count()", *spans)
    assert not found("{ } | avg(span.none) != 1", *spans)


def _line(query: str, *spans: Span, step: int | None = None) -> Line:
    steps = reference.Steps(BASE, BASE + 10_000 * MS, step)
    (line,) = reference.lines(parse(query).root, reference.families(spans), steps)  # type: ignore[arg-type]
    return line


def test_a_quantile_lies_between_the_two_closest_ranks() -> None:
    spans = [make_span(n, at=n, lasts=n * 1000) for n in (1, 2, 3, 4)]

    assert _line("{ } | quantile_over_time(duration, .5)", *spans).points == [2.5]
    assert _line("{ } | quantile_over_time(duration, 1)", *spans).points == [4.0]


def test_a_rate_is_of_the_whole_step_where_the_range_cuts_it() -> None:
    line = _line("{ } | rate()", make_span(1, at=0), make_span(2, at=1), step=20_000 * MS)

    assert line.points == [2 / 20]


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, "0s"), (250, "250ns"), (1_500_000, "1.5ms"), (1_000_000_002, "1.000000002s"), (3_661 * 10**9, "1h1m1s")],
)
def test_lengths_of_time_read_as_everywhere(nanos: int, text: str) -> None:
    assert duration_text(nanos) == text


def test_ids_of_a_query_may_leave_zeros_out() -> None:
    assert found(f'{{ span:id = "{span_id(2).hex().lstrip("0")}" }}', *TREE) == [["a"]]
