# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Counts by service, name and kind from the minutes' rollup, exactly as the spans would give them.

Whole minutes come from `red_minutes`, what the range has besides from spans. Retention deletes spans one by one and the
rollup by days, so of the oldest day of receipt the rollup may still count spans that are gone: its sum is held against
the spans, and where they differ that day is counted from spans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spanhouse.base.clock import NANOS_PER_DAY
from spanhouse.tracing.plan.metrics import MetricFunction, Series
from spanhouse.tracing.plan.predicates import And, Compare, Constant, Intrinsic, Not, Predicate
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.walk import fields_of
from spanhouse.tracing.spans.model import StatusCode
from spanhouse.tracing.store.clickhouse.conditions import Conditions
from spanhouse.tracing.store.clickhouse.metrics_series import Keys, grouped, plain_of, step_of
from spanhouse.tracing.store.clickhouse.statements import Build, Statement
from spanhouse.tracing.store.metrics.figures import Found
from spanhouse.tracing.store.metrics.grid import Grid

Rows = Sequence[Sequence[Any]]
Ask = Callable[[Statement, str], Rows]

MINUTE_NS: Final = 60_000_000_000
COLUMNS: Final = frozenset({"service", "name", "kind"})
CALLS: Final = "sum(calls)"
FAILED: Final = Compare(Intrinsic.STATUS, "=", StatusCode.ERROR.value)
_BY_STATUS: Final[dict[Predicate, str]] = {
    FAILED: "sum(errors)",
    Not(FAILED): "toUInt64(sum(calls) - sum(errors))",
    Compare(Intrinsic.STATUS, "!=", StatusCode.ERROR.value): "toUInt64(sum(calls) - sum(errors))",
}


@dataclass(frozen=True, slots=True)
class Minutes:
    """What of a series the rollup has: a figure, the condition on its columns, the first and the last whole minute."""

    figure: str
    condition: Predicate
    first: int
    last: int

    @property
    def range(self) -> TimeRange:
        return TimeRange(self.first * MINUTE_NS, (self.last + 1) * MINUTE_NS - 1)


def minutes_of(series: Series, where: Predicate, grid: Grid) -> Minutes | None:
    """None where the rollup does not tell."""
    if series.function not in (MetricFunction.RATE, MetricFunction.COUNT) or (grid.step or 0) % MINUTE_NS:
        return None
    first, last = -(-grid.start // MINUTE_NS), grid.end // MINUTE_NS - 1
    parts = where.of if isinstance(where, And) else (where,)
    by_status = [part for part in parts if part in _BY_STATUS]
    others = And(tuple(part for part in parts if part not in _BY_STATUS))
    fields = [*fields_of(others), *(field for _, field in series.by)]
    if last < first or len(by_status) > 1 or not all((plain_of(field) or ("", ""))[1] in COLUMNS for field in fields):
        return None
    figure = _BY_STATUS[by_status[0]] if by_status else CALLS
    return Minutes(figure, others if others.of else Constant(True), first, last)


class RollupQuery:
    """The statement of one series of which the rollup has the whole minutes."""

    def __init__(
        self, scope: Scope, series: Series, where: Predicate, grid: Grid, limit: int, minutes: Minutes
    ) -> None:
        self._build = Build(scope)
        self._scope = scope
        self._where = where
        self._grid = grid
        self._limit = limit
        self._minutes = minutes
        self._keys = Keys(self._build, series.by)

    def statement(self, ask: Ask) -> Statement:
        """Keys, [(step, figure)], spans; groups with the most spans first, one more than fit."""
        spoiled = self._spoiled_day(ask)
        parts = [self._of_minutes(spoiled), *(self._of_spans(edge) for edge in self._edges())]
        if spoiled is not None:
            parts.append(self._of_spans(self._minutes.range, f"received_at < {self._end_of(self._build, spoiled)}"))
        whole = parts[0]
        if len(parts) > 1:
            names = ", ".join([*self._keys.names, "step"])
            whole = (
                f"SELECT {names}, sum(figure) AS figure, sum(spans) AS spans "
                f"FROM ({' UNION ALL '.join(parts)}) GROUP BY {names}"
            )
        return self._build.done(grouped(whole, self._keys.names, self._limit + 1))

    def found(self, rows: Rows) -> list[Found]:
        width = len(self._keys.names)
        return [Found(self._keys.labels(row[:width]), row[width]) for row in rows]

    # -- what comes from where

    def _of_minutes(self, spoiled: int | None) -> str:
        build = self._build
        conditions = [_within(build, self._minutes), Conditions(build).sql(self._minutes.condition)]
        if spoiled is not None:
            conditions.append(f"received_day != {build.parameter(spoiled, 'UInt32')}")
        source = build.source("red_minutes", *(f"({condition})" for condition in conditions))
        step = step_of(build, self._grid, f"toUInt64(minute) * {MINUTE_NS}")
        return self._select(step, self._minutes.figure, source, having=" HAVING figure > 0")

    def _of_spans(self, time_range: TimeRange, *conditions: str) -> str:
        build = self._build
        condition = f"({Conditions(build).sql(self._where)})"
        source = build.source("spans", build.started_in(time_range), condition, *conditions)
        return self._select(step_of(build, self._grid), "count()", source)

    def _select(self, step: str, figure: str, source: str, having: str = "") -> str:
        names = ", ".join([*self._keys.names, "step"])
        return (
            f"SELECT {', '.join([*self._keys.selected, f'{step} AS step'])}, {figure} AS figure, figure AS spans "
            f"FROM {source} GROUP BY {names}{having}"
        )

    def _edges(self) -> list[TimeRange]:
        """Of the range, what lies before the first whole minute and after the last."""
        whole = self._minutes.range
        before, after = (self._grid.start, whole.start - 1), (whole.end + 1, self._grid.end - 1)
        return [TimeRange(start, end) for start, end in (before, after) if start <= end]

    # -- the day that retention is at

    def _spoiled_day(self, ask: Ask) -> int | None:
        """The oldest day of receipt, if the rollup counts other spans of it than there are, and any in the range."""
        build = Build(self._scope)
        oldest = build.done(f"SELECT min(received_day) FROM {build.source('red_minutes')}")
        ((day,),) = ask(oldest, "the oldest day of receipt")
        build = Build(self._scope)
        of_day = f"received_day = {build.parameter(day, 'UInt32')}"
        ((rolled_up, in_range),) = ask(
            build.done(
                f"SELECT sum(calls), sumIf(calls, {_within(build, self._minutes)}) "
                f"FROM {build.source('red_minutes', of_day)}"
            ),
            "what the rollup has of it",
        )
        if not in_range:
            return None
        build = Build(self._scope)
        partition = f"_partition_id = {build.parameter(str(day), 'String')}"
        spans = build.done(f"SELECT count() FROM {build.source('spans', partition)}")
        ((stored,),) = ask(spans, "spans there are of it")
        return None if stored == rolled_up else int(day)

    @staticmethod
    def _end_of(build: Build, day: int) -> str:
        return build.parameter((day + 1) * NANOS_PER_DAY, "UInt64")


def _within(build: Build, minutes: Minutes) -> str:
    first, last = (build.parameter(minute, "UInt32") for minute in (minutes.first, minutes.last))
    return f"minute BETWEEN {first} AND {last}"
