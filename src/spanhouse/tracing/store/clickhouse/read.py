"""The `Reader` on ClickHouse: compile, check, send, and make answers of the rows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan.predicates import AttributeScope, Constant, Field, Predicate
from spanhouse.tracing.plan.requests import (
    EVERY_SPAN,
    Edge,
    FoundSpanset,
    FoundTrace,
    MatchedSpan,
    Order,
    ReadCost,
    RedPoint,
    RedRow,
    SearchAnswer,
    StoredTrace,
    TraceSearch,
    TraceSummary,
    UsageRow,
)
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.values import FieldValues
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.store.clickhouse import aggregates, compile, guard, values
from spanhouse.tracing.store.clickhouse.engine import Engine, EngineError
from spanhouse.tracing.store.clickhouse.newest import newest
from spanhouse.tracing.store.clickhouse.rows import SpanRows, attributes_of, stub
from spanhouse.tracing.store.clickhouse.statements import BUCKET_NS, Statement
from spanhouse.tracing.store.protocols import OPERATION_NAMES_MAX, OPERATIONS_DEFAULT
from spanhouse.tracing.store.clickhouse.peers import PeerReads

Rows = Sequence[Sequence[Any]]
CANNOT_COMPILE_REGEXP: Final = 427


class ClickHouseReader(PeerReads):
    """Reads through `engine`. Safe to call from several threads if the engine is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def trace(self, scope: Scope, trace_id: bytes, span_limit: int) -> StoredTrace:
        return self.traces(scope, [trace_id], span_limit).get(trace_id, StoredTrace(()))

    def traces(self, scope: Scope, trace_ids: Sequence[bytes], span_limit: int) -> Mapping[bytes, StoredTrace]:
        if not trace_ids:
            return {}
        asking = _Asking(self._engine, scope)
        by_trace: dict[bytes, list[Span]] = {}
        for span in SpanRows().spans(asking.rows(compile.spans_of_traces(scope, trace_ids, span_limit + 1))):
            by_trace.setdefault(span.trace_id, []).append(span)
        if scope.services is not None and by_trace:
            for row in asking.rows(compile.stubs_of_traces(scope, list(by_trace), span_limit + 1)):
                span = stub(row)
                by_trace[span.trace_id].append(span)
        return {trace_id: _stored(spans, span_limit) for trace_id, spans in by_trace.items()}

    def search(self, request: TraceSearch) -> SearchAnswer:
        asking = _Asking(self._engine, request.scope)
        if request.order is Order.NEWEST:
            summaries = newest(
                request.range,
                request.limit,
                [bytes.fromhex(row[0]) for row in asking.rows(compile.implausible(request))],
                lambda part, size: asking.candidates(request, part, size),
                asking.summaries,
            )
        else:
            ids = [bytes.fromhex(row[0]) for row in asking.rows(compile.slowest(request))]
            by_id = asking.summaries(ids)
            summaries = [by_id[trace_id] for trace_id in ids if trace_id in by_id]
        matched = asking.matched(request, summaries)
        traces = tuple(FoundTrace(summary, (FoundSpanset(*matched[summary.trace_id]),)) for summary in summaries)
        return SearchAnswer(traces, asking.cost)

    def services(self, scope: Scope, time_range: TimeRange) -> Sequence[RedRow]:
        return [_red_row(row) for row in self._ask(scope, aggregates.services(scope, time_range))]

    def operations(
        self, scope: Scope, time_range: TimeRange, service: str | None = None, *, limit: int = OPERATIONS_DEFAULT
    ) -> Sequence[RedRow]:
        return [_red_row(row) for row in self._ask(scope, aggregates.operations(scope, time_range, service, limit))]

    def service_names(self, scope: Scope, time_range: TimeRange) -> Sequence[str]:
        return [name for (name,) in self._ask(scope, aggregates.service_names(scope, time_range))]

    def operation_names(
        self, scope: Scope, time_range: TimeRange, service: str | None = None, *, limit: int = OPERATION_NAMES_MAX
    ) -> Sequence[tuple[str, str, int]]:
        rows = self._ask(scope, aggregates.operation_names(scope, time_range, service, limit))
        return [(row_service, name, kind) for row_service, name, kind in rows]

    def red_series(
        self, scope: Scope, time_range: TimeRange, step: int, service: str | None = None, operation: str | None = None
    ) -> Sequence[RedPoint]:
        rows = self._ask(scope, aggregates.red_series(scope, time_range, step, service, operation))
        return [RedPoint(at, calls, errors, *_finite(quantiles)) for at, calls, errors, quantiles in rows]

    def edges(self, scope: Scope, time_range: TimeRange) -> Sequence[Edge]:
        return [Edge(*row) for row in self._ask(scope, aggregates.edges(scope, time_range))]

    def attribute_names(
        self, scope: Scope, time_range: TimeRange, of: AttributeScope = "any", where: Predicate = EVERY_SPAN
    ) -> Sequence[tuple[AttributeScope, str]]:
        asking = _Asking(self._engine, scope)
        if where != EVERY_SPAN or scope.services is not None:
            return values.newest_names(asking.rows, scope, time_range, of, where, aggregates.NAMES_MAX)
        rows = asking.rows(aggregates.attribute_names(scope, time_range, of))
        return [(name_scope, name) for name_scope, name in rows]

    def field_values(
        self, scope: Scope, time_range: TimeRange, field: Field, limit: int, where: Predicate = EVERY_SPAN
    ) -> FieldValues:
        asking = _Asking(self._engine, scope)
        found = values.newest_values(asking.rows, scope, time_range, field, limit, where)
        return replace(found, cost=asking.cost)

    def usage(self, scope: Scope, received: TimeRange) -> Sequence[UsageRow]:
        return [UsageRow(*row) for row in self._ask(scope, aggregates.usage(scope, received))]

    def _ask(self, scope: Scope, statement: Statement) -> Rows:
        return _Asking(self._engine, scope).rows(statement)


class _Asking:
    """The statements of one question, and what they cost together."""

    def __init__(self, engine: Engine, scope: Scope) -> None:
        self._engine = engine
        self._scope = scope
        self.cost = ReadCost()
        self._starts: dict[bytes, TimeRange] = {}

    def rows(self, statement: Statement) -> Rows:
        guard.check(statement, self._scope)
        try:
            answer = self._engine.query(statement.sql, statement.parameters, guard.settings())
        except EngineError as error:
            if error.code == CANNOT_COMPILE_REGEXP:
                raise InvalidQuery("a regular expression of the query is not in RE2's syntax") from error
            raise
        self.cost = ReadCost(self.cost.rows + answer.cost.rows, self.cost.bytes + answer.cost.bytes)
        rows: Rows = answer.rows()
        return rows

    def candidates(self, request: TraceSearch, part: TimeRange, size: int) -> list[tuple[bytes, int]]:
        unconditional = compile.where_of(request) == Constant(True) and request.scope.services is None
        if unconditional and part.start % BUCKET_NS == 0:
            statement = compile.every_trace(request.scope, part, size)
        else:
            statement = compile.candidates(request, part, size)
        return [(bytes.fromhex(trace_id), first) for trace_id, first in self.rows(statement)]

    def summaries(self, trace_ids: Sequence[bytes]) -> Mapping[bytes, TraceSummary]:
        if not trace_ids:
            return {}
        rows = self.rows(compile.summaries(self._scope, trace_ids))
        found = {summary.trace_id: summary for summary in map(_summary, rows)}
        self._starts.update(zip(found, (TimeRange(row[4], row[5]) for row in rows), strict=True))
        return found

    def matched(
        self, request: TraceSearch, found: Sequence[TraceSummary]
    ) -> Mapping[bytes, tuple[int, tuple[MatchedSpan, ...]]]:
        if not found:
            return {}
        trace_ids = [summary.trace_id for summary in found]
        each = [self._starts[trace_id] for trace_id in trace_ids]
        starts = TimeRange(min(of.start for of in each), max(of.end for of in each))
        spans: dict[bytes, list[MatchedSpan]] = {trace_id: [] for trace_id in trace_ids}
        counts: dict[bytes, int] = dict.fromkeys(trace_ids, 0)
        for row in self.rows(compile.matched_spans(request, trace_ids, starts)):
            trace_id = bytes.fromhex(row[0])
            counts[trace_id] = row[6]
            spans[trace_id].append(_matched_span(row, request.select))
        return {trace_id: (counts[trace_id], tuple(spans[trace_id])) for trace_id in trace_ids}


def _stored(spans: list[Span], limit: int) -> StoredTrace:
    spans.sort(key=lambda span: (span.start_time, span.span_id))
    return StoredTrace(tuple(spans[:limit]), truncated=len(spans) > limit)


def _summary(row: Sequence[Any]) -> TraceSummary:
    trace_id, _, start, end, _, _, spans, errors, per_service, errors_per_service, root = row
    is_child, _, root_service, root_name = root
    services = sorted((name, count, errors_per_service.get(name, 0)) for name, count in per_service.items())
    return TraceSummary(
        trace_id=bytes.fromhex(trace_id),
        start=start,
        end=end,
        spans=spans,
        errors=errors,
        services=tuple(services),
        root_service="" if is_child else root_service,
        root_name="" if is_child else root_name,
    )


def _red_row(row: Sequence[Any]) -> RedRow:
    service, name, kind, calls, errors, quantiles = row
    return RedRow(service, name, kind, calls, errors, *_finite(quantiles))


def _finite(quantiles: Sequence[float]) -> tuple[float, float, float]:
    p50, p95, p99 = (0.0 if math.isnan(value) else float(value) for value in quantiles)
    return p50, p95, p99


def _matched_span(row: Sequence[Any], select: Sequence[str]) -> MatchedSpan:
    attributes = {}
    if select:
        known = {**attributes_of(json.loads(row[8])), **attributes_of(json.loads(row[7]))}
        attributes = {name: known[name] for name in select if name in known}
    return MatchedSpan(bytes.fromhex(row[1]), row[2], row[3], row[4], row[5], attributes)
