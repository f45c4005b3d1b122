"""Which spans stand for a metric's points: a few, of different traces, spread over the range and the series."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.tracing.plan.metrics import Exemplar, MetricFunction, MetricSeries, Series
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.store.metrics.grid import Grid
from spanhouse.tracing.store.metrics.labels import QUANTILE, Key, Labels, in_seconds, key

PARTS_MAX: Final = 20
"""Parts of the range over which exemplars are spread"""
ALL_LOOKED_AT: Final = 20_000
"""Of so many spans or fewer every one may become an exemplar"""
LOOKED_AT_OF_PART: Final = 200
"""Of more, about so many of each part"""


@dataclass(frozen=True, slots=True)
class Candidate:
    labels: Labels
    """of its group, without those that the function adds"""
    exemplar: Exemplar


def windows(grid: Grid, most: int, spans: int) -> list[TimeRange]:
    """One stretch of time in each part of the range. With many spans a stretch is short, so that few are looked at."""
    parts = max(1, min(most, PARTS_MAX, grid.end - grid.start))
    length = (grid.end - grid.start) / parts
    share = 1.0 if spans <= ALL_LOOKED_AT else min(1.0, parts * LOOKED_AT_OF_PART / spans)
    starts = [grid.start + int(length * number) for number in range(parts)]
    ends = [*(start - 1 for start in starts[1:]), grid.end - 1]
    return [
        TimeRange(start, max(start, min(end, start + int(length * share)))) if share < 1 else TimeRange(start, end)
        for start, end in zip(starts, ends, strict=True)
    ]


def attached(
    series: Series, found: Sequence[MetricSeries], grid: Grid, candidates: Iterable[Candidate], most: int
) -> list[MetricSeries]:
    """The series with at most `most` exemplars altogether, each of another trace."""
    places = _Places(series, found, grid)
    by_place: dict[int, list[Exemplar]] = defaultdict(list)
    for candidate in candidates:
        place = places.of(candidate)
        if place is not None:
            by_place[place].append(_in_unit(series, candidate.exemplar))
    chosen: dict[int, list[Exemplar]] = defaultdict(list)
    for place, exemplar in _chosen(by_place, grid, most):
        chosen[place].append(exemplar)
    return [replace(one, exemplars=tuple(chosen[place])) for place, one in enumerate(found)]


def _chosen(by_place: dict[int, list[Exemplar]], grid: Grid, most: int) -> Iterator[tuple[int, Exemplar]]:
    """Series in turn; of each the exemplar from the part of the range that has the fewest so far."""
    length = -(-(grid.end - grid.start) // max(1, min(most, PARTS_MAX)))
    of_part: Counter[int] = Counter()
    traces: set[bytes] = set()
    while len(traces) < most and any(by_place.values()):
        for place, left in by_place.items():
            left[:] = [exemplar for exemplar in left if exemplar.trace_id not in traces]
            if left and len(traces) < most:
                best = min(left, key=lambda one: (of_part[(one.at - grid.start) // length], one.at, one.span_id))
                of_part[(best.at - grid.start) // length] += 1
                traces.add(best.trace_id)
                yield place, best


def _in_unit(series: Series, exemplar: Exemplar) -> Exemplar:
    """Counts have no value of their own: the point's is theirs (`second_stage.settled`)."""
    if series.of is None or series.function is MetricFunction.HISTOGRAM:
        return replace(exemplar, value=math.nan)
    return replace(exemplar, value=exemplar.value / NANOS_PER_SECOND) if in_seconds(series.of) else exemplar


class _Places:
    """Which of the series a candidate belongs to."""

    def __init__(self, series: Series, found: Sequence[MetricSeries], grid: Grid) -> None:
        self._series = series
        self._found = found
        self._grid = grid
        quantiles = series.function is MetricFunction.QUANTILE
        self._places: dict[Key, list[int]] = defaultdict(list)
        for place, one in enumerate(found):
            labels = tuple(label for label in one.labels if label[0] != QUANTILE) if quantiles else one.labels
            self._places[key(labels)].append(place)

    def of(self, candidate: Candidate) -> int | None:
        places = self._places.get(key(candidate.labels), [])
        step = self._grid.index_of(candidate.exemplar.at)
        places = [place for place in places if self._found[place].points[step] is not None]
        if len(places) < 2:
            return places[0] if places else None
        value = _in_unit(self._series, candidate.exemplar).value
        return min(places, key=lambda place: abs((self._found[place].points[step] or 0.0) - value))
