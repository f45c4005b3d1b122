"""From what was found in each step to series: one number a step, steps without spans filled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.tracing.plan.metrics import MetricFunction, MetricSeries, Series
from spanhouse.tracing.store.metrics.grid import Grid
from spanhouse.tracing.store.metrics.labels import BUCKET, QUANTILE, Labels, in_seconds

COUNTING: Final = frozenset({MetricFunction.RATE, MetricFunction.COUNT, MetricFunction.HISTOGRAM})
"""Functions whose number for a step without spans is 0; the others have none there."""


@dataclass(frozen=True, slots=True)
class Found:
    """Of the spans of one group: the step's index and its figure, in ns where `of` is a duration."""

    labels: Labels
    steps: Sequence[tuple[int, float]]


def series_of(series: Series, grid: Grid, found: Iterable[Found]) -> list[MetricSeries]:
    """One series of each group. Counts without any label are there even when no span is."""
    counts = series.function in COUNTING
    divisor = grid.seconds if series.function is MetricFunction.RATE else 1.0
    if not counts and in_seconds(series.of):
        divisor = float(NANOS_PER_SECOND)
    made = [MetricSeries(group.labels, points(grid, group.steps, divisor, filled=counts)) for group in found]
    if not made and counts and not series.by and series.function is not MetricFunction.HISTOGRAM:
        made = [MetricSeries((), points(grid, (), 1.0, filled=True))]
    return made


def points(grid: Grid, steps: Iterable[tuple[int, float]], divisor: float, *, filled: bool) -> tuple[float | None, ...]:
    made: list[float | None] = [0.0 if filled else None] * grid.count
    for index, figure in steps:
        made[index] = None if math.isnan(figure) else float(figure) / divisor
    return tuple(made)


def with_bucket(series: Series, labels: Labels, bucket: float) -> Labels:
    """Buckets of durations are in seconds."""
    return (*labels, (BUCKET, bucket / NANOS_PER_SECOND if in_seconds(series.of) else bucket))


def with_quantile(labels: Labels, quantile: float) -> Labels:
    return (*labels, (QUANTILE, quantile))
