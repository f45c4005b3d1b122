# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Spans that may become exemplars of a series over a plain condition: of each part of the range some of each group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from spanhouse.tracing.plan.metrics import Exemplar, MetricFunction, Series
from spanhouse.tracing.plan.predicates import Predicate
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.clickhouse.metrics_series import SpanRows
from spanhouse.tracing.store.clickhouse.statements import Build, Statement, TypesOf, bucket_of
from spanhouse.tracing.store.metrics.exemplars import Candidate
from spanhouse.tracing.store.metrics.figures import with_bucket
from spanhouse.tracing.store.metrics.grid import Grid

CANDIDATES_MAX: Final = 5_000


class ExemplarQuery:
    def __init__(self, scope: Scope, series: Series, where: Predicate, grid: Grid, types: TypesOf) -> None:
        self._build = Build(scope, types=types)
        self._series = series
        self._rows = SpanRows(self._build, series, where, grid)

    def statement(self, windows: Sequence[TimeRange]) -> Statement:
        """Hex trace, hex span, start, value, keys; of each window and group the first span."""
        within = " OR ".join(self._within(window) for window in windows)
        part = ", ".join(f"start_time >= {self._build.parameter(window.start, 'UInt64')}" for window in windows[1:])
        selected = [
            "hex(trace_id) AS of_trace",
            "hex(span_id) AS of_span",
            "start_time AS at",
            f"{self._rows.value or 'toFloat64(0)'} AS value",
            *self._rows.selected,
            f"arraySum([{part}]) AS part" if part else "0 AS part",
        ]
        names = ", ".join([*self._rows.names, "part"])
        return self._build.done(
            f"SELECT {', '.join(['of_trace', 'of_span', 'at', 'value', *self._rows.names])} FROM "
            f"(SELECT {', '.join(selected)} FROM {self._rows.source(f'({within})')}) "
            f"ORDER BY at, of_span LIMIT 1 BY {names} LIMIT {CANDIDATES_MAX}"
        )

    def candidates(self, rows: Sequence[Sequence[Any]]) -> list[Candidate]:
        return [self._candidate(*row) for row in rows]

    def _candidate(self, trace_id: str, span_id: str, at: int, value: float, *keys: Any) -> Candidate:
        labels = self._rows.keys.labels(keys)
        if self._series.function is MetricFunction.HISTOGRAM:
            labels = with_bucket(self._series, labels, float(keys[-1]))
        return Candidate(labels, Exemplar(bytes.fromhex(trace_id), bytes.fromhex(span_id), at, float(value)))

    def _within(self, window: TimeRange) -> str:
        buckets = [self._build.parameter(bucket_of(at), "UInt32") for at in (window.start, window.end)]
        times = [self._build.parameter(at, "UInt64") for at in (window.start, window.end)]
        return f"(start_bucket BETWEEN {buckets[0]} AND {buckets[1]} AND start_time BETWEEN {times[0]} AND {times[1]})"
