"""A TraceQL metric on the search page: its series as a chart and a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.console.timerange import Chosen
from spanhouse.tracing.plan.metrics import MetricSeries
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.search import metrics
from spanhouse.tracing.spans.model import AttributeValue

DRAWN_MAX: Final = 20
"""More lines than this no eye tells apart."""
LISTED_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One series of the table. `line` is its place in the chart, None when it is not drawn."""

    label: str
    latest: float | None
    mean: float | None
    most: float | None
    line: int | None


@dataclass(frozen=True, slots=True)
class Measures:
    rows: tuple[Row, ...]
    series: int
    """of which `rows` are the largest"""
    chart: Mapping[str, Any]
    """`at` in s; `series`: label and values (null: no span)"""
    measured: metrics.Measured

    @property
    def drawn(self) -> int:
        return min(self.series, DRAWN_MAX)


def measure(scope: Scope, query: str, chosen: Chosen) -> Measures:
    """Errors as of `metrics.over_time`."""
    end = max(chosen.range.end, chosen.range.start + 1)
    measured = metrics.over_time(scope, query, TimeRange(chosen.range.start, end), exemplars=0)
    series = sorted(measured.answer.series, key=_size, reverse=True)
    rows = tuple(
        _row(one, measured.name, place if place < DRAWN_MAX else None) for place, one in enumerate(series[:LISTED_MAX])
    )
    chart = {
        "at": [at / NANOS_PER_SECOND for at in measured.answer.times],
        "series": [{"label": label_of(one, measured.name), "values": one.points} for one in series[:DRAWN_MAX]],
    }
    return Measures(rows, len(series), chart, measured)


def label_of(series: MetricSeries, name: str) -> str:
    """Its labels as TraceQL has them; a series without any is called `name`."""
    if not series.labels:
        return name
    return ", ".join(f"{label} = {_text(value)}" for label, value in series.labels)


def _text(value: AttributeValue) -> str:
    if value is None:
        return _("none")
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _row(series: MetricSeries, name: str, line: int | None) -> Row:
    known = [point for point in series.points if point is not None]
    return Row(
        label=label_of(series, name),
        latest=known[-1] if known else None,
        mean=sum(known) / len(known) if known else None,
        most=max(known, default=None),
        line=line,
    )


def _size(series: MetricSeries) -> float:
    return sum(point for point in series.points if point is not None)
