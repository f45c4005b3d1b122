"""Answers of queries as people read them in a terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from spanhouse.cli.output import out

_BARS: Final = "▁▂▃▄▅▆▇█"
_LINE_WIDTH: Final = 48
_NO_ROOT: Final = "root not yet received"
_UNITS: Final = ((60e9, "min", 60e9), (1e9, "s", 1e9), (1e6, "ms", 1e6), (1e3, "µs", 1e3))


def traces_table(traces: Sequence[dict[str, Any]]) -> Table:
    """A row a trace; below it its spansets and spans where the query selects or groups something."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("trace", no_wrap=True, min_width=32)
    table.add_column("UTC", no_wrap=True, min_width=14)
    for column in ("duration", "spans", "errors"):
        table.add_column(column, no_wrap=True, justify="right", min_width=len(column))
    table.add_column("root", overflow="fold")
    for trace in traces:
        table.add_row(*trace_cells(trace))
        for cells in span_rows(trace):
            table.add_row(*cells, style="dim")
    return table


def trace_cells(trace: dict[str, Any]) -> tuple[str, ...]:
    return (
        trace["trace_id"],
        clock_text(trace["start"]),
        duration_text(trace["duration_ns"]),
        str(trace["spans"]),
        str(trace["errors"] or ""),
        escape(f"{trace['root_service']}: {trace['root_name']}" if trace["root_service"] else _NO_ROOT),
    )


def span_rows(trace: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Nothing where spansets have no attributes and neither have their spans."""
    sets = trace["span_sets"]
    if len(sets) < 2 and not any(each["attributes"] or _selected(each) for each in sets):
        return
    for each in sets:
        about = "  ".join(f"{pair['key']} = {value_text(pair['value'])}" for pair in each["attributes"])
        matched = f"{each['matched']} span{'s' if each['matched'] != 1 else ''}"
        yield (f"  {matched}", "", "", "", "", escape(about))
        for span in each["spans"]:
            selected = "  ".join(f"{pair['key']} = {value_text(pair['value'])}" for pair in span["attributes"])
            name = f"{span['service']}: {span['name']}"
            text = escape(f"{name}  {selected}" if selected else name)
            yield (
                f"    {span['span_id']}",
                clock_text(span["start"]),
                duration_text(span["duration_ns"]),
                "",
                "",
                text,
            )


def _selected(span_set: dict[str, Any]) -> bool:
    return any(span["attributes"] for span in span_set["spans"])


def metrics_table(answer: dict[str, Any]) -> Table:
    """A row a series: its labels, its course, its last, least and greatest value."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("series", overflow="fold")
    instant = len(answer["times"]) == 1
    if not instant:
        table.add_column(f"{clock_text(answer['times'][0])} …" if answer["times"] else "", no_wrap=True)
    for column in ("value",) if instant else ("last", "min", "max"):
        table.add_column(column, no_wrap=True, justify="right")
    for series in answer["series"]:
        points = [_number(point) for point in series["points"]]
        known = [point for point in points if point is not None]
        figures = (known[-1:] if instant else [known[-1], min(known), max(known)]) if known else []
        course = [] if instant else [sparkline(points)]
        table.add_row(escape(labels_text(series, answer["name"])), *course, *map(number_text, figures))
    return table


def labels_text(series: dict[str, Any], name: str) -> str:
    return "  ".join(f"{pair['key']} = {value_text(pair['value'])}" for pair in series["labels"]) or name


def sparkline(points: Sequence[float | None], width: int = _LINE_WIDTH) -> str:
    """As many signs as fit, each the greatest of its points; a blank where there is none. 0 is the lowest bar."""
    size = max(1, math.ceil(len(points) / width))
    groups = [points[at : at + size] for at in range(0, len(points), size)]
    tops = [max(_finite(group), default=None) for group in groups]
    highest = max((top for top in tops if top is not None), default=0.0)
    return "".join(" " if top is None else _bar(top, highest) for top in tops)


def _bar(value: float, highest: float) -> str:
    share = value / highest if highest > 0 else 0.0
    return _BARS[min(len(_BARS) - 1, max(0, math.ceil(share * len(_BARS)) - 1))]


def _finite(points: Sequence[float | None]) -> list[float]:
    return [point for point in points if point is not None and math.isfinite(point)]


def print_statements(statements: Sequence[dict[str, Any]]) -> None:
    """Each with what it cost and with its parameters, ready to be run elsewhere."""
    for number, sent in enumerate(statements, start=1):
        out.print(
            f"\n{number}. {sent['purpose']}: {sent['milliseconds']:.1f} ms, {sent['rows']:,} rows and "
            f"{sent['bytes']:,} bytes read",
            style="bold",
            markup=False,
        )
        out.print(sent["sql"], markup=False, soft_wrap=True)
        for name, value in sent["parameters"].items():
            out.print(f"  {name} = {json.dumps(value, ensure_ascii=False)}", markup=False, soft_wrap=True)


def value_text(value: dict[str, Any]) -> str:
    """An AnyValue's value; `nil` where there is none."""
    for kind, held in value.items():
        if held is not None:
            return held if isinstance(held, str) and kind != "bytesValue" else json.dumps(held, ensure_ascii=False)
    return "nil"


def duration_text(nanos: float) -> str:
    for least, unit, size in _UNITS:
        if nanos >= least:
            return f"{nanos / size:.3g} {unit}" if nanos / size < 100 else f"{nanos / size:,.0f} {unit}"
    return f"{nanos:.0f} ns"


def number_text(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def _number(point: float | str | None) -> float | None:
    return None if point is None else float(point)


def clock_text(at: str) -> str:
    """`11-24 23:12:00` of an RFC 3339 time"""
    return f"{at[5:10]} {at[11:19]}"
