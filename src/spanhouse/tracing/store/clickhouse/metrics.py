"""Metrics: each part over spans is a question of its own to the engine; what is done with series is done here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from spanhouse.tracing.plan.metrics import (
    Combined,
    Compared,
    Metrics,
    MetricsAnswer,
    MetricSeries,
    MetricsRequest,
    Ranked,
    Series,
    Threshold,
)
from spanhouse.tracing.plan.predicates import Predicate
from spanhouse.tracing.store.clickhouse.asking import Asking, Rows
from spanhouse.tracing.store.clickhouse.metrics_compare import compare
from spanhouse.tracing.store.clickhouse.metrics_exemplars import ExemplarQuery
from spanhouse.tracing.store.clickhouse.metrics_rollup import RollupQuery, minutes_of
from spanhouse.tracing.store.clickhouse.metrics_series import SeriesQuery, fields_looked_up, needs_tree
from spanhouse.tracing.store.clickhouse.metrics_whole import WholeSeries
from spanhouse.tracing.store.clickhouse.sources import needs_of
from spanhouse.tracing.store.clickhouse.statements import TypesOf
from spanhouse.tracing.store.metrics import second_stage
from spanhouse.tracing.store.metrics.exemplars import attached, windows
from spanhouse.tracing.store.metrics.figures import series_of
from spanhouse.tracing.store.metrics.grid import grid_of, series_max
from spanhouse.tracing.store.metrics.labels import parts
from spanhouse.tracing.store.metrics.simple import condition_of

T = TypeVar("T")


class Measuring:
    """One request. `warnings` says what a limit has left out."""

    def __init__(self, asking: Asking, request: MetricsRequest) -> None:
        self._asking = asking
        self._request = request
        self.grid = grid_of(request)
        self._series_max = series_max(request, self.grid)
        self._exemplars = -(
            -request.exemplars // max(1, sum(isinstance(part, Series) for part in parts(request.metrics)))
        )
        self.warnings: list[str] = []

    def answer(self) -> MetricsAnswer:
        series = second_stage.in_order(self._of(self._request.metrics))
        series = second_stage.settled(self.grid, series, self._request.exemplars)
        asking = self._asking
        return MetricsAnswer(self.grid.times, series, asking.cost, tuple(asking.statements), tuple(self.warnings))

    def _of(self, metrics: Metrics) -> Sequence[MetricSeries]:
        match metrics:
            case Series():
                return self._measured(metrics)
            case Compared():
                return self._compared(metrics)
            case Ranked(of, most, count):
                return second_stage.ranked(self._of(of), most=most, count=count)
            case Threshold(of, operator, value):
                return second_stage.over_threshold(self._of(of), operator, value)
            case Combined(operator, left, right):
                return second_stage.combined(operator, self._side(left), self._side(right))

    def _compared(self, compared: Compared) -> Sequence[MetricSeries]:
        where = condition_of(compared.spans)
        if where is not None and needs_of(where, compared.selection).tree:
            where = None
        found = list(compare(self._asking, self._request.scope, compared, where, self.grid).series())
        return self._largest(found)

    def _largest(self, series: list[MetricSeries]) -> list[MetricSeries]:
        most = sorted(series, key=lambda one: -sum(point or 0 for point in one.points))
        return self._noted(most[: self._series_max], more=len(series) > self._series_max)

    def _side(self, side: Metrics | float) -> Sequence[MetricSeries] | float:
        return side if isinstance(side, float | int) else self._of(side)

    def _measured(self, series: Series) -> Sequence[MetricSeries]:
        where = condition_of(series.spans)
        if where is None or needs_tree(series, where):
            tally = WholeSeries(self._asking, self._request.scope, series, self.grid).tally(self._exemplars)
            found, more = tally.largest(self._groups_max(series))
            made = series_of(series, self.grid, self._noted(found, more=more))
            return attached(series, made, self.grid, tally.candidates, self._exemplars)
        types = self._asking.types_of(fields_looked_up(series, where))
        rows, made = self._of_rows(series, where, types)
        if not self._exemplars or not rows:
            return made
        query = ExemplarQuery(self._request.scope, series, where, self.grid, types)
        statement = query.statement(windows(self.grid, self._exemplars, sum(row[-1] for row in rows)))
        candidates = query.candidates(self._asking.rows(statement, "spans that may be exemplars"))
        return attached(series, made, self.grid, candidates, self._exemplars)

    def _of_rows(self, series: Series, where: Predicate, types: TypesOf) -> tuple[Rows, list[MetricSeries]]:
        scope, most = self._request.scope, self._groups_max(series)
        minutes = minutes_of(series, where, self.grid)
        query: SeriesQuery | RollupQuery
        if minutes is not None:
            query = RollupQuery(scope, series, where, self.grid, most, minutes)
            statement = query.statement(self._asking.rows)
        else:
            query = SeriesQuery(scope, series, where, self.grid, most, types)
            statement = query.statement()
        rows = self._asking.rows(statement, "a series of each group")
        found = self._noted(query.found(rows[:most]), more=len(rows) > most)
        return rows[:most], series_of(series, self.grid, found)

    def _groups_max(self, series: Series) -> int:
        return max(1, self._series_max // max(1, len(series.quantiles)))

    def _noted(self, found: list[T], *, more: bool) -> list[T]:
        if more:
            self.warnings.append(
                f"there are more than {self._series_max:,} series; these have the most spans. "
                "Narrow the condition, or group by something with fewer values"
            )
        return found
