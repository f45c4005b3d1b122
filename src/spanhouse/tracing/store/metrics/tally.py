"""Figures of spans that come in parts, as columns: counted up here where no engine can group them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanhouse.base.errors import QueryLimitReached
from spanhouse.tracing.plan.metrics import MetricFunction, Series
from spanhouse.tracing.store.metrics.exemplars import Candidate
from spanhouse.tracing.store.metrics.figures import Found, with_bucket, with_quantile
from spanhouse.tracing.store.metrics.grid import Grid
from spanhouse.tracing.store.metrics.labels import Key, Labels, key, order

Numbers = NDArray[np.int64]
Reals = NDArray[np.float64]

VALUES_MAX: Final = 20_000_000
"""Values that quantiles are taken of; they are all kept until the end"""
CELLS_MAX: Final = 4_000_000
"""Steps of all groups together"""


@dataclass(slots=True)
class _Cell:
    """One step of a group."""

    figures: list[float] = field(default_factory=list)
    """what the function needs to go on counting; empty before the first spans"""
    values: list[Reals] = field(default_factory=list)
    """all of them, of quantiles only"""


class Tally:
    """Of one series. Each span comes once, with its group, its step and, where the function takes one, its value."""

    def __init__(self, series: Series, grid: Grid) -> None:
        self._series = series
        self._grid = grid
        self._groups: dict[Key, int] = {}
        self._labels: list[Labels] = []
        self._cells: dict[tuple[int, int], _Cell] = {}
        self._spans: dict[int, int] = defaultdict(int)
        self._values = 0
        self.candidates: list[Candidate] = []
        """for exemplars; whoever adds spans adds them"""

    def add(self, labels: Sequence[Labels], which: Numbers, steps: Numbers, values: Reals | None) -> None:
        """`which[s]` is the place of span s's labels."""
        if self._series.function is MetricFunction.HISTOGRAM and values is not None:
            bounds, of_bound = np.unique(buckets(values), return_inverse=True)
            labels = [with_bucket(self._series, one, float(bound)) for one in labels for bound in bounds]
            which = which * len(bounds) + of_bound
        cells, where, counts = np.unique(which * self._grid.count + steps, return_inverse=True, return_counts=True)
        parts = [] if values is None else np.split(values[np.argsort(where, kind="stable")], np.cumsum(counts)[:-1])
        for nth, (cell, count) in enumerate(zip(cells.tolist(), counts.tolist(), strict=True)):
            group = self._group(labels[cell // self._grid.count])
            self._spans[group] += count
            self._add(group, cell % self._grid.count, count, parts[nth] if parts else None)

    def largest(self, most: int) -> tuple[list[Found], bool]:
        """Of the `most` groups with the most spans, and whether there are others."""
        groups = sorted(self._spans, key=lambda group: (-self._spans[group], order(self._labels[group])))
        steps: dict[int, list[tuple[int, list[float]]]] = defaultdict(list)
        for (group, step), cell in self._cells.items():
            steps[group].append((step, self._figures(cell)))
        found = [found for group in groups[:most] for found in self._found(self._labels[group], steps[group])]
        return found, len(groups) > most

    def _found(self, labels: Labels, steps: list[tuple[int, list[float]]]) -> list[Found]:
        if self._series.function is not MetricFunction.QUANTILE:
            return [Found(labels, [(step, figures[0]) for step, figures in steps])]
        return [
            Found(with_quantile(labels, level), [(step, figures[nth]) for step, figures in steps])
            for nth, level in enumerate(self._series.quantiles)
        ]

    def _group(self, labels: Labels) -> int:
        known = self._groups.setdefault(key(labels), len(self._labels))
        if known == len(self._labels):
            self._labels.append(labels)
        return known

    def _add(self, group: int, step: int, count: int, values: Reals | None) -> None:
        cell = self._cells.setdefault((group, step), _Cell())
        if len(self._cells) > CELLS_MAX:
            raise _too_much("group by something with fewer values, or ask for a longer step")
        if self._series.function is MetricFunction.QUANTILE and values is not None:
            self._values += len(values)
            if self._values > VALUES_MAX:
                raise _too_much("narrow the time range or add a condition")
            cell.values.append(values)
            return
        figures = [float(count)] if values is None else self._summed(count, values)
        cell.figures = self._merged(cell.figures, figures) if cell.figures else figures

    def _summed(self, count: int, values: Reals) -> list[float]:
        with np.errstate(invalid="ignore"):
            match self._series.function:
                case MetricFunction.MIN:
                    return [float(values.min())]
                case MetricFunction.MAX:
                    return [float(values.max())]
                case MetricFunction.SUM:
                    return [float(values.sum())]
                case MetricFunction.AVG:
                    return [float(values.sum()), float(count)]
        return [float(count)]

    def _merged(self, one: Sequence[float], other: Sequence[float]) -> list[float]:
        match self._series.function:
            case MetricFunction.MIN:
                return [min(one[0], other[0])]
            case MetricFunction.MAX:
                return [max(one[0], other[0])]
        return [first + second for first, second in zip(one, other, strict=True)]

    def _figures(self, cell: _Cell) -> list[float]:
        match self._series.function:
            case MetricFunction.QUANTILE:
                with np.errstate(invalid="ignore"):
                    return [float(one) for one in np.quantile(np.concatenate(cell.values), self._series.quantiles)]
            case MetricFunction.AVG:
                total, count = cell.figures
                return [total / count]
        return [cell.figures[0]]


def buckets(values: Reals) -> Reals:
    """The least power of two that is not less, exactly; 1 for what lies between 0 and 1, 0 below."""
    mantissa, exponent = np.frexp(values)
    powers = np.ldexp(1.0, np.where(mantissa == 0.5, exponent - 1, exponent))
    powers = np.where(np.isinf(values), math.inf, powers)
    return np.where(values <= 0, 0.0, np.where(values <= 1, 1.0, powers))


def _too_much(what: str) -> QueryLimitReached:
    return QueryLimitReached(f"the metric has more parts than are kept in memory; {what}", retry_after_seconds=0)
