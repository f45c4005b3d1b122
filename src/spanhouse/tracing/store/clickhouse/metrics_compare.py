# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""`compare()`: every scalar attribute of the selected spans and of the others, counted by value and by step.

Ids, times and durations have as many values as there are spans, so they are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from spanhouse.tracing.plan.metrics import Compared, MetricFunction, Series
from spanhouse.tracing.plan.predicates import And, Predicate
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.plan.walk import fields_of
from spanhouse.tracing.store.clickhouse.asking import Asking
from spanhouse.tracing.store.clickhouse.columns import WholeTraces
from spanhouse.tracing.store.clickhouse.compile import Condition, in_traces, span_condition
from spanhouse.tracing.store.clickhouse.conditions import Conditions
from spanhouse.tracing.store.clickhouse.expressions import value_of_key
from spanhouse.tracing.store.clickhouse.metrics_series import step_of
from spanhouse.tracing.store.clickhouse.metrics_whole import WholeSeries
from spanhouse.tracing.store.clickhouse.sources import NOTHING, Needs, needs_of, span_rows
from spanhouse.tracing.store.clickhouse.statements import Build, Statement, TypesOf, every_type
from spanhouse.tracing.store.evaluation.columns import Spans
from spanhouse.tracing.store.evaluation.forest import Numbers
from spanhouse.tracing.store.metrics.comparison import Comparison
from spanhouse.tracing.store.metrics.grid import Grid
from spanhouse.tracing.store.metrics.labels import shown

SPANS_AT_ONCE: Final = 20_000
"""of which a statement names each"""
_MAPS: Final = {"span": "attributes", "resource": "resource", "instrumentation": "scope"}
_TYPES: Final = {"string": "text", "int": "int", "float": "float", "bool": "bool"}
_WHOLE: Final = "(value = trunc(value) AND abs(value) < 9223372036854775808)"
_FLOAT: Final = (f"if({_WHOLE}, 'int', 'float')", f"if({_WHOLE}, toString(toInt64(value)), toString(value))")
"""1.0 counts with 1."""
_INTRINSICS: Final = (
    "tuple('', 'name', 'text', name)",
    "tuple('', 'kind', 'kind', toString(kind))",
    "tuple('', 'status', 'status', toString(status_code))",
    "tuple('resource', 'service.name', 'text', toString(service))",
)
_OF_ROOT: Final = ("rootName", "rootServiceName")
_ROOT: Final = ("tuple('', 'rootName', 'text', root_name)", "tuple('', 'rootServiceName', 'text', root_service)")


def compare(asking: Asking, scope: Scope, compared: Compared, where: Predicate | None, grid: Grid) -> Comparison:
    """`where` is the condition that the spans satisfy; None where whole traces decide which they are."""
    comparison = Comparison(grid, compared.top)
    if where is None:
        for query in _of_whole_traces(asking, scope, compared, grid):
            rows = asking.rows(query.values(None), "values of each attribute")
            _add(comparison, rows)
            _add_totals(comparison, [(*row[:3], row[-1]) for row in rows])
    else:
        needs, types = needs_of(where, compared.selection), asking.types_of(fields_of(And((where, compared.selection))))
        after = needs_of(where) != NOTHING
        query = _Query(scope, grid, span_condition(where), _selection(compared), needs, after, types)
        rows = asking.rows(query.values(compared.top + 1), "values of each attribute")
        _add(comparison, rows)
        _add_totals(comparison, _totals(asking, query, rows, compared.top))
    return comparison


def _add(comparison: Comparison, rows: Sequence[Sequence[Any]]) -> None:
    for selected, attribute_scope, name, kind, text, steps in rows:
        comparison.add_value(bool(selected), _name(attribute_scope, name), shown(kind, value_of_key(kind, text)), steps)


def _add_totals(comparison: Comparison, rows: Sequence[Sequence[Any]]) -> None:
    for selected, attribute_scope, name, steps in rows:
        comparison.add_total(bool(selected), _name(attribute_scope, name), steps)


def _totals(asking: Asking, query: _Query, rows: Sequence[Sequence[Any]], top: int) -> list[Sequence[Any]]:
    """selected, scope, name, [(step, spans)]; of attributes all of whose values are there these say it."""
    seen = Counter((selected, scope, name) for selected, scope, name, *_ in rows)
    cut = {(scope, name) for (_, scope, name), count in seen.items() if count > top}
    totals: list[Sequence[Any]] = [(*row[:3], row[-1]) for row in rows if (row[1], row[2]) not in cut]
    if cut:
        statement = query.totals(root=any(name in _OF_ROOT for scope, name in cut if not scope))
        counted = asking.rows(statement, "spans that have each attribute")
        totals += [row for row in counted if (row[1], row[2]) in cut]
    return totals


def _name(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _of_whole_traces(asking: Asking, scope: Scope, compared: Compared, grid: Grid) -> Iterator[_Query]:
    """Questions about the resulting spans by their ids, some at a time."""
    series = Series(compared.spans, MetricFunction.COUNT)
    for traces, rows, _ in WholeSeries(asking, scope, series, grid, [compared.selection]).resulting():
        selected = Spans(traces.forest, traces).flags(compared.selection)
        if compared.window is not None:
            first, last = np.uint64(compared.window.start), np.uint64(compared.window.end)
            selected &= (traces.start >= first) & (traces.start <= last)
        for group, of_group in (("0", rows[~selected[rows]]), ("1", rows[selected[rows]])):
            for some in np.array_split(of_group, -(-len(of_group) // SPANS_AT_ONCE)) if len(of_group) else ():
                yield _Query(scope, grid, _these(traces, some), _always(group))


def _always(sql: str) -> Condition:
    return lambda build: sql


def _selection(compared: Compared) -> Condition:
    def selected(build: Build) -> str:
        condition = f"({Conditions(build).sql(compared.selection)})"
        if compared.window is None:
            return condition
        first, last = (build.parameter(at, "UInt64") for at in (compared.window.start, compared.window.end))
        return f"({condition} AND start_time BETWEEN {first} AND {last})"

    return selected


def _these(traces: WholeTraces, rows: Numbers) -> Condition:
    numbers, spans, starts = (column[rows].tolist() for column in (traces.forest.trace, traces.span, traces.start))
    trace_ids = [traces.ids[number] for number in sorted(set(numbers))]
    keys = [
        f"{traces.ids[number].hex()}{span:016x}{start}"
        for number, span, start in zip(numbers, spans, starts, strict=True)
    ]

    def condition(build: Build) -> str:
        own = "concat(lower(hex(trace_id)), lower(hex(span_id)), toString(start_time))"
        wanted = build.parameter(keys, "Array(String)")
        return f"{in_traces(build, trace_ids)} AND {own} IN (SELECT arrayJoin({wanted}))"

    return condition


@dataclass(frozen=True, slots=True)
class _Query:
    scope: Scope
    grid: Grid
    spans: Condition
    selected: Condition
    needs: Needs = NOTHING
    """what the conditions take from beyond the spans' rows"""
    after: bool = False
    """whether the spans' condition is about what is joined to their rows"""
    types: TypesOf = every_type

    def values(self, most: int | None) -> Statement:
        """selected, scope, name, kind, text, [(step, spans)]; of each attribute the `most` frequent values."""
        columns = "selected, scope, name, kind, text"
        found = "found.1 AS scope, found.2 AS name, found.3 AS kind, found.4 AS text"
        order = " ORDER BY sum(seen) DESC, text, kind"
        limit = "" if most is None else f"{order} LIMIT {int(most)} BY selected, scope, name"
        return self._counted(columns, found, _pairs(), limit)

    def totals(self, *, root: bool) -> Statement:
        """selected, scope, name, [(step, spans)]; those of the traces' roots only if they are asked for."""
        found = "found.1 AS scope, found.2 AS name"
        return self._counted("selected, scope, name", found, _pairs(values=False, root=root), root=root)

    def _counted(self, columns: str, found: str, pairs: str, limit: str = "", *, root: bool = True) -> Statement:
        build = Build(self.scope, types=self.types)
        each = f"SELECT selected, step, {found} FROM ({self._each(build, pairs, root=root)})"
        by_step = f"SELECT {columns}, step, count() AS seen FROM ({each}) GROUP BY {columns}, step"
        return build.done(f"SELECT {columns}, groupArray(tuple(step, seen)) FROM ({by_step}) GROUP BY {columns}{limit}")

    def _each(self, build: Build, pairs: str, *, root: bool) -> str:
        """A row for each attribute of each span."""
        within, condition = build.started_in(self.grid.range), f"({self.spans(build)})"
        needs = Needs(trace=root or self.needs.trace, parent=self.needs.parent)
        source = span_rows(build, needs, within, *([] if self.after else [condition]))
        where = f" WHERE {condition}" if self.after else ""
        return (
            f"SELECT {self.selected(build)} AS selected, {step_of(build, self.grid)} AS step, "
            f"arrayJoin({pairs}) AS found FROM {source}{where}"
        )


def _pairs(*, values: bool = True, root: bool = True) -> str:
    """Array of (scope, name, kind, text) of one span."""
    arrays = [
        _of_map(scope, f"{prefix}_{suffix}", kind if values else "")
        for scope, prefix in _MAPS.items()
        for suffix, kind in _TYPES.items()
    ]
    arrays.append(f"[{', '.join(_INTRINSICS)}]")
    arrays.append("arrayFilter(one -> one.4 != '', [tuple('', 'statusMessage', 'text', status_message)])")
    if root:
        arrays.append(f"arrayFilter(one -> has_root, [{', '.join(_ROOT)}])")
    return f"arrayConcat({', '.join(arrays)})"


def _of_map(scope: str, column: str, kind: str) -> str:
    if kind:
        of_value, text = _FLOAT if kind == "float" else (f"'{kind}'", "toString(value)")
        pairs = (
            f"arrayMap((key, value) -> tuple('{scope}', toString(key), {of_value}, {text}), "
            f"mapKeys({column}), mapValues({column}))"
        )
    else:
        pairs = f"arrayMap(key -> tuple('{scope}', toString(key), '', ''), mapKeys({column}))"
    # The service stands in a column of its own, also where the resource names none.
    return f"arrayFilter(one -> one.2 != 'service.name', {pairs})" if scope == "resource" else pairs
