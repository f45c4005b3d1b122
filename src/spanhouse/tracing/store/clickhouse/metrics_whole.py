# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Series over structural conditions and pipelines: decided on whole traces, slice of time by slice.

Of each slice the traces are looked at that have a span which may come out (`shape.sources`), whole, some at a time, and
the resulting spans that start in the slice are counted. So every span is counted once, however long its trace lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from spanhouse.tracing.plan.metrics import Exemplar, MetricFunction, Series
from spanhouse.tracing.plan.predicates import Field, Predicate
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.shape import sources
from spanhouse.tracing.store.clickhouse.asking import Asking
from spanhouse.tracing.store.clickhouse.columns import WholeTraces, fetch
from spanhouse.tracing.store.clickhouse.conditions import Conditions
from spanhouse.tracing.store.clickhouse.expressions import joined
from spanhouse.tracing.store.clickhouse.sources import NOTHING, needs_of
from spanhouse.tracing.store.clickhouse.statements import BUCKET_NS, Build
from spanhouse.tracing.store.evaluation.atoms import possible
from spanhouse.tracing.store.evaluation.columns import Asked, Reals, Spans
from spanhouse.tracing.store.evaluation.forest import Forest, Numbers
from spanhouse.tracing.store.evaluation.spansets import asked_by, evaluate
from spanhouse.tracing.store.metrics.exemplars import Candidate
from spanhouse.tracing.store.metrics.figures import with_bucket
from spanhouse.tracing.store.metrics.grid import Grid
from spanhouse.tracing.store.metrics.labels import Labels
from spanhouse.tracing.store.metrics.tally import Tally, buckets

SPANS_AT_ONCE: Final = 1_000_000
"""about so many are looked at together"""
TRACES_AT_ONCE: Final = 50_000
CANDIDATES_AT_ONCE: Final = 50
"""of each such part, for exemplars"""
SLICE_NS: Final = 12 * BUCKET_NS


@dataclass(frozen=True, slots=True)
class _Page:
    """Traces of a slice, in the order of their ids, all of whose spans start in these buckets."""

    part: TimeRange
    buckets: tuple[int, int]
    size: int
    after: bytes | None = None


class WholeSeries:
    """Counts the spans of one series up in a `Tally`. Their traces' columns tell what is asked `also`."""

    def __init__(
        self, asking: Asking, scope: Scope, series: Series, grid: Grid, also: Sequence[Predicate] = ()
    ) -> None:
        self._asking = asking
        self._scope = scope
        self._series = series
        self._grid = grid
        self._asked = asked_by(series.spans)
        _ask_for(self._asked, series, also)
        self._spans, self._traces = 0, 0

    def tally(self, exemplars: int) -> Tally:
        tally = Tally(self._series, self._grid)
        for traces, rows, values in self.resulting():
            labels, which = self._labels(Spans(traces.forest, traces), rows)
            tally.add(labels, which, self._steps(traces.start[rows]), values)
            if exemplars:
                tally.candidates += self._candidates(traces, rows, values, [labels[place] for place in which.tolist()])
        return tally

    def _candidates(
        self, traces: WholeTraces, rows: Numbers, values: Reals | None, labels: Sequence[Labels]
    ) -> Iterator[Candidate]:
        """Some of these spans, at even distances."""
        for nth in np.unique(np.linspace(0, len(rows) - 1, CANDIDATES_AT_ONCE).astype(np.int64)).tolist():
            row, value = int(rows[nth]), 0.0 if values is None else float(values[nth])
            span_id, at = int(traces.span[row]).to_bytes(8), int(traces.start[row])
            own = labels[nth]
            if self._series.function is MetricFunction.HISTOGRAM:
                own = with_bucket(self._series, own, float(buckets(np.array([value]))[0]))
            yield Candidate(own, Exemplar(traces.ids[traces.forest.trace[row]], span_id, at, value))

    def resulting(self) -> Iterator[tuple[WholeTraces, Numbers, Reals | None]]:
        """Traces, the rows of some of their spans that come out, and the values of these; each span once."""
        for part in _slices(self._grid.range):
            for traces in self._of_slice(part):
                rows, values = self._counted(traces, part)
                if len(rows):
                    yield traces, rows, values

    # -- which traces

    def _of_slice(self, part: TimeRange) -> Iterator[WholeTraces]:
        """Some at a time, in the order of their ids; each once, though spans may arrive meanwhile."""
        bounds = self._buckets_of(part)
        page = None if bounds is None else _Page(part, bounds, self._size())
        while page is not None:
            traces = fetch(self._asking, self._scope, self._asked, partial(self._some, page))
            self._spans += len(traces.start)
            self._traces += len(traces.ids)
            yield traces
            full = len(traces.ids) == page.size
            page = replace(page, after=traces.ids[-1], size=self._size()) if full else None

    def _some(self, page: _Page, build: Build) -> str:
        following = [] if page.after is None else [f"trace_id > {_id(build, page.after)}"]
        source = build.source("spans", build.started_in(page.part), self._candidate(build), *following)
        first, last = (build.parameter(bucket, "UInt32") for bucket in page.buckets)
        return (
            f"start_bucket BETWEEN {first} AND {last} AND trace_id IN "
            f"(SELECT trace_id FROM {source} GROUP BY trace_id ORDER BY trace_id LIMIT {int(page.size)})"
        )

    def _buckets_of(self, part: TimeRange) -> tuple[int, int] | None:
        """Between which buckets of time all spans of the slice's traces start; None: there are no traces."""
        if self._scope.services is not None:
            return 0, 2**32 - 1
        build = Build(self._scope)
        candidates = build.source("spans", build.started_in(part), self._candidate(build))
        source = build.source("trace_summaries", f"trace_id IN (SELECT trace_id FROM {candidates})", service=None)
        statement = build.done(f"SELECT count(), min(start_bucket), max(start_bucket) FROM {source}")
        ((count, first, last),) = self._asking.rows(statement, "when the traces of a slice take place")
        return (first, last) if count else None

    def _candidate(self, build: Build) -> str:
        """What a span satisfies that may come out."""
        conditions = [Conditions(build).sql(possible(each, _not_in_a_row)) for each in sources(self._series.spans)]
        return f"({joined(' OR ', conditions, empty='0')})"

    def _size(self) -> int:
        each = self._spans / self._traces if self._traces else 20.0
        return max(1, min(TRACES_AT_ONCE, int(SPANS_AT_ONCE / max(each, 1.0))))

    # -- what comes out

    def _counted(self, traces: WholeTraces, part: TimeRange) -> tuple[Numbers, Reals | None]:
        sets = evaluate(self._series.spans, traces.forest, traces)
        inside = (traces.start >= np.uint64(part.start)) & (traces.start <= np.uint64(part.end))
        counted = sets.within & inside
        if self._series.of is None:
            return np.flatnonzero(counted), None
        has, numbers = Spans(traces.forest, traces).number(self._series.of)
        counted &= has & ~np.isnan(numbers)
        return np.flatnonzero(counted), numbers[counted]

    def _labels(self, spans: Spans, rows: Numbers) -> tuple[Sequence[Labels], Numbers]:
        names = [label for label, _ in self._series.by]
        if not names:
            return [()], np.zeros(len(rows), np.int64)
        columns = [spans.keys(field) for _, field in self._series.by]
        groups, which = np.unique(np.stack([numbers[rows] for numbers, _ in columns]), axis=1, return_inverse=True)
        labels = [
            tuple((name, values[place]) for name, (_, values), place in zip(names, columns, group, strict=True))
            for group in groups.T.tolist()
        ]
        return labels, which.reshape(-1)

    def _steps(self, starts: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]) -> Numbers:
        if self._grid.step is None:
            return np.zeros(len(starts), np.int64)
        return (starts // np.uint64(self._grid.step)).astype(np.int64) - self._grid.first


def _ask_for(asked: Asked, series: Series, also: Sequence[Predicate]) -> None:
    """The columns that the series takes besides those of its spans."""
    nothing = np.zeros(0, np.int64)
    spans = Spans(Forest(nothing, np.zeros(0, np.uint64), np.zeros(0, np.uint64)), asked)
    fields: list[Field] = [field for _, field in series.by]
    for field in fields:
        spans.keys(field)
    if series.of is not None:
        spans.number(series.of)
    for predicate in also:
        spans.flags(predicate)


def _slices(time_range: TimeRange) -> Iterator[TimeRange]:
    start = time_range.start
    while start <= time_range.end:
        end = min((start // SLICE_NS + 1) * SLICE_NS - 1, time_range.end)
        yield TimeRange(start, end)
        start = end + 1


def _id(build: Build, trace_id: bytes) -> str:
    return f"toFixedString(unhex({build.parameter(trace_id.hex(), 'String')}), 16)"


def _not_in_a_row(leaf: Predicate) -> bool:
    return needs_of(leaf) != NOTHING
