"""Answers of queries as a terminal shows them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from spanhouse.cli import query_tables as tables

TRACE: dict[str, Any] = {
    "trace_id": "0" * 28 + "abc1",
    "start": "2026-11-24T23:12:00.000000000Z",
    "duration_ns": 1_500_000_000,
    "spans": 4,
    "errors": 0,
    "root_service": "shop",
    "root_name": "GET [/]",
    "span_sets": [],
}


def span(number: int, **attributes: Any) -> dict[str, Any]:
    return {
        "span_id": f"{number:016x}",
        "service": "cart",
        "name": "add",
        "start": "2026-11-24T23:12:01.000000000Z",
        "duration_ns": 250,
        "attributes": [{"key": key, "value": value} for key, value in attributes.items()],
    }


def printed(table: Table) -> str:
    text = io.StringIO()
    Console(file=text, width=200, color_system=None).print(table)
    return text.getvalue()


def test_a_trace_is_a_row_whatever_signs_its_names_have() -> None:
    text = printed(tables.traces_table([TRACE, {**TRACE, "root_service": None, "errors": 2}]))

    _, first, second, *_ = text.splitlines()
    assert first.split() == [TRACE["trace_id"], "11-24", "23:12:00", "1.5", "s", "4", "shop:", "GET", "[/]"]
    assert second.split()[-5:] == ["2", "root", "not", "yet", "received"]


def test_spansets_without_attributes_are_not_shown() -> None:
    plain = {"matched": 3, "spans": [span(1)], "attributes": []}

    assert list(tables.span_rows({**TRACE, "span_sets": [plain]})) == []


def test_groups_and_selected_fields_are_rows_below_their_trace() -> None:
    grouped = {
        "matched": 3,
        "spans": [span(1, code={"intValue": "500"}, ok={"boolValue": True})],
        "attributes": [{"key": "by(name)", "value": {"stringValue": "add"}}],
    }
    alone = {"matched": 1, "spans": [span(2)], "attributes": [{"key": "by(name)", "value": {}}]}

    rows = [" ".join(filter(None, row)) for row in tables.span_rows({**TRACE, "span_sets": [grouped, alone]})]

    assert rows == [
        "  3 spans by(name) = add",
        "    0000000000000001 11-24 23:12:01 250 ns cart: add  code = 500  ok = true",
        "  1 span by(name) = nil",
        "    0000000000000002 11-24 23:12:01 250 ns cart: add",
    ]


def metric(*points: Any, labels: dict[str, Any] | None = None) -> dict[str, Any]:
    pairs = [{"key": key, "value": value} for key, value in (labels or {}).items()]
    times = [f"2026-11-24T23:{minute:02d}:00.000000000Z" for minute in range(len(points))]
    return {"name": "rate", "times": times, "series": [{"labels": pairs, "points": list(points)}]}


def test_a_metric_is_a_line_with_its_last_least_and_greatest_value() -> None:
    (row,) = printed(
        tables.metrics_table(metric(0, 4, None, 8, labels={"status": {"stringValue": "error"}}))
    ).splitlines()[1:2]

    assert row.split() == ["status", "=", "error", "▁▄", "█", "8", "0", "8"]


def test_a_value_at_once_is_one_number_under_the_metrics_name() -> None:
    assert printed(tables.metrics_table(metric(1234.5))).splitlines()[1].split() == ["rate", "1234"]


def test_a_series_without_a_value_has_no_figures() -> None:
    assert printed(tables.metrics_table(metric(None, None))).splitlines()[1].split() == ["rate"]


def test_values_that_are_no_numbers_are_shown_and_not_drawn() -> None:
    row = printed(tables.metrics_table(metric(1, "NaN", "Infinity"))).splitlines()[1]

    assert row.split()[0] == "rate"
    assert "inf" in row
    assert row.count("█") == 1


@pytest.mark.parametrize(
    ("points", "width", "line"),
    [
        ([], 4, ""),
        ([0, 0], 4, "▁▁"),
        ([1, 2, 4, 8], 4, "▁▂▄█"),
        ([1, 8, None, None, 4, 4], 3, "█ ▄"),
        ([None], 4, " "),
        ([-1, 1], 4, "▁█"),
    ],
)
def test_a_course_fits_its_width(points: list[float | None], width: int, line: str) -> None:
    assert tables.sparkline(points, width) == line


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, "0 ns"), (999, "999 ns"), (1_500, "1.5 µs"), (69_700_000, "69.7 ms"), (1.5e9, "1.5 s"), (90e9, "1.5 min")],
)
def test_durations_read_in_the_unit_that_fits(nanos: float, text: str) -> None:
    assert tables.duration_text(nanos) == text


@pytest.mark.parametrize(
    ("value", "text"), [(3.0, "3"), (1234567.0, "1,234,567"), (0.12345, "0.1235"), (1e20, "1e+20")]
)
def test_numbers_read_without_more_digits_than_they_need(value: float, text: str) -> None:
    assert tables.number_text(value) == text
