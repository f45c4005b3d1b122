# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""A series over spans of a plain condition as one statement: grouped by step and typed keys, then by keys alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from spanhouse.tracing.plan.metrics import MetricFunction, Series
from spanhouse.tracing.plan.predicates import Field, Intrinsic, Predicate
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.plan.walk import fields_of
from spanhouse.tracing.store.clickhouse.conditions import Conditions
from spanhouse.tracing.store.clickhouse.expressions import Expressions, is_service_name, value_of_key
from spanhouse.tracing.store.clickhouse.sources import NOTHING, needs_of, span_rows
from spanhouse.tracing.store.clickhouse.statements import Build, Statement, TypesOf
from spanhouse.tracing.store.metrics.figures import Found, with_bucket, with_quantile
from spanhouse.tracing.store.metrics.grid import Grid
from spanhouse.tracing.store.metrics.labels import Labels, shown

_FIGURES: Final = {
    MetricFunction.RATE: "count()",
    MetricFunction.COUNT: "count()",
    MetricFunction.HISTOGRAM: "count()",
    MetricFunction.MIN: "min({0})",
    MetricFunction.MAX: "max({0})",
    MetricFunction.AVG: "avg({0})",
    MetricFunction.SUM: "sum({0})",
}
_POWER: Final = "roundToExp2({0})"
_BUCKET: Final = f"multiIf({{0}} <= 0, 0., {{0}} <= 1, 1., {_POWER} = {{0}}, {{0}}, {_POWER} * 2)"
"""The least power of two that is not less. `roundToExp2` rounds down, exactly."""

_PLAIN: Final[dict[Intrinsic, tuple[str, str]]] = {
    Intrinsic.SERVICE: ("text", "service"),
    Intrinsic.NAME: ("text", "name"),
    Intrinsic.KIND: ("kind", "kind"),
    Intrinsic.STATUS: ("status", "status_code"),
    Intrinsic.STATUS_MESSAGE: ("text", "status_message"),
    Intrinsic.SCOPE_NAME: ("text", "scope_name"),
    Intrinsic.SCOPE_VERSION: ("text", "scope_version"),
}
"""(kind of value, column): what every span has, of one type."""


def plain_of(field: Field) -> tuple[str, str] | None:
    """(kind, column) of a field that every span has with one type."""
    if isinstance(field, Intrinsic):
        return _PLAIN.get(field)
    if is_service_name(field.scope, field.name) and not field.of_parent:
        return _PLAIN[Intrinsic.SERVICE]
    return None


class Keys:
    """The columns by which a statement groups, and the labels that its rows mean by them."""

    def __init__(self, build: Build, by: Sequence[tuple[str, Field]]) -> None:
        self._by = by
        self._plain = [plain_of(field) for _, field in by]
        values = Expressions(build)
        self.selected: list[str] = []
        for nth, (_, field) in enumerate(by):
            plain = self._plain[nth]
            if plain is not None:
                self.selected.append(f"{plain[1]} AS key{nth}")
            else:
                kind, text = values.key(field)
                self.selected += [f"{kind} AS kind{nth}", f"{text} AS key{nth}"]
        self.names = [column.rsplit(" AS ", 1)[1] for column in self.selected]

    def labels(self, row: Sequence[Any]) -> Labels:
        cells = iter(row)
        found = []
        for (label, _), plain in zip(self._by, self._plain, strict=True):
            if plain is not None:
                found.append((label, shown(plain[0], next(cells))))
            else:
                kind, text = next(cells), next(cells)
                found.append((label, shown(kind, value_of_key(kind, text))))
        return tuple(found)


class SpanRows:
    """The rows of spans that count for a series, and what each gives: keys and, where there is one, its value."""

    def __init__(self, build: Build, series: Series, where: Predicate, grid: Grid) -> None:
        self._build = build
        self._where = where
        self._grid = grid
        self._values = [field for _, field in series.by] + ([] if series.of is None else [series.of])
        self._has, self.value = ("1", "") if series.of is None else Expressions(build).number(series.of)
        self.keys = Keys(build, series.by)
        histogram = series.function is MetricFunction.HISTOGRAM
        self.selected = [*self.keys.selected, *([f"{_BUCKET.format(self.value)} AS bucket"] if histogram else [])]
        self.names = [*self.keys.names, *(["bucket"] if histogram else [])]

    def source(self, *conditions: str) -> str:
        """What follows FROM; the conditions are about columns of the spans' own."""
        build, needs, of_condition = self._build, needs_of(self._where, *self._values), needs_of(self._where)
        within, condition = build.started_in(self._grid.range), _said(Conditions(build).sql(self._where))
        of_row, joined = ([], condition) if of_condition != NOTHING else (condition, [])
        joined = [*joined, *_said(self._has)]
        if needs == NOTHING:
            return span_rows(build, needs, within, *conditions, *of_row, *joined)
        source = span_rows(build, needs, within, *conditions, *of_row)
        return f"{source} WHERE {' AND '.join(joined)}" if joined else source


def _said(condition: str) -> list[str]:
    return [] if condition == "1" else [f"({condition})"]


class SeriesQuery:
    """The statement of one series, and what its rows mean."""

    def __init__(self, scope: Scope, series: Series, where: Predicate, grid: Grid, limit: int, types: TypesOf) -> None:
        self._build = Build(scope, types=types)
        self._series = series
        self._grid = grid
        self._limit = limit
        self._rows = SpanRows(self._build, series, where, grid)

    def statement(self) -> Statement:
        """Keys, [(step, figure)], spans; groups with the most spans first, one more than fit."""
        return self._build.done(grouped(self._parts(), self._rows.names, self._limit + 1))

    def found(self, rows: Sequence[Sequence[Any]]) -> list[Found]:
        width = len(self._rows.names)
        return [found for row in rows for found in self._found(row[:width], row[width])]

    def _parts(self) -> str:
        selected = [*self._rows.selected, f"{step_of(self._build, self._grid)} AS step"]
        names = ", ".join([*self._rows.names, "step"])
        return (
            f"SELECT {', '.join(selected)}, {self._figure(self._rows.value)} AS figure, count() AS spans "
            f"FROM {self._rows.source()} GROUP BY {names}"
        )

    def _figure(self, value: str) -> str:
        if self._series.function is MetricFunction.QUANTILE:
            levels = ", ".join(repr(float(level)) for level in self._series.quantiles)
            return f"quantilesExactInclusive({levels})({value})"
        return _FIGURES[self._series.function].format(value)

    def _found(self, cells: Sequence[Any], steps: Sequence[tuple[int, Any]]) -> Iterable[Found]:
        labels = self._rows.keys.labels(cells)
        match self._series.function:
            case MetricFunction.HISTOGRAM:
                yield Found(with_bucket(self._series, labels, float(cells[-1])), steps)
            case MetricFunction.QUANTILE:
                for nth, level in enumerate(self._series.quantiles):
                    yield Found(with_quantile(labels, level), [(step, figures[nth]) for step, figures in steps])
            case _:
                yield Found(labels, steps)


def grouped(parts: str, names: Sequence[str], limit: int) -> str:
    """Of rows with keys, step, figure and spans: one row per key."""
    keys = ", ".join(names)
    return (
        f"SELECT {keys}{', ' if keys else ''}groupArray(tuple(step, figure)), sum(spans) AS total FROM ({parts}) "
        + (f"GROUP BY {keys} " if keys else "HAVING total > 0 ")
        + f"ORDER BY total DESC{', ' if keys else ''}{keys} LIMIT {int(limit)}"
    )


def step_of(build: Build, grid: Grid, at: str = "start_time") -> str:
    if grid.step is None:
        return "0"
    step, first = build.parameter(grid.step, "UInt64"), build.parameter(grid.first, "UInt64")
    return f"toUInt32(intDiv({at}, {step}) - {first})"


def fields_looked_up(series: Series, where: Predicate) -> Iterator[Field]:
    """Those whose values are not in a column of their own."""
    yield from (field for _, field in series.by if plain_of(field) is None)
    yield from (field for field in fields_of(where) if plain_of(field) is None)
    if series.of is not None:
        yield from fields_of(series.of)


def needs_tree(series: Series, where: Predicate) -> bool:
    """Whether a value is of a span's place in its tree, which no row has."""
    values = [field for _, field in series.by]
    return needs_of(where, *values, *([] if series.of is None else [series.of])).tree
