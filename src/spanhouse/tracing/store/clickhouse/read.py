"""The `Reader` on ClickHouse: compile, check, send, and make answers of the rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spanhouse.tracing.plan.metrics import MetricsAnswer, MetricsRequest
from spanhouse.tracing.plan.predicates import AttributeScope, Field, Predicate
from spanhouse.tracing.plan.requests import (
    EVERY_SPAN,
    Edge,
    RedPoint,
    RedRow,
    SearchAnswer,
    StoredTrace,
    TraceSearch,
    UsageRow,
)
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.values import FieldValues
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.store.clickhouse import aggregates, compile, searching, values
from spanhouse.tracing.store.clickhouse.asking import Asking, Rows
from spanhouse.tracing.store.clickhouse.engine import Engine
from spanhouse.tracing.store.clickhouse.metrics import Measuring
from spanhouse.tracing.store.clickhouse.peers import PeerReads
from spanhouse.tracing.store.clickhouse.rows import SpanRows, stub
from spanhouse.tracing.store.clickhouse.statements import Statement
from spanhouse.tracing.store.protocols import OPERATION_NAMES_MAX, OPERATIONS_DEFAULT


class ClickHouseReader(PeerReads):
    """Reads through `engine`. Safe to call from several threads if the engine is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def trace(self, scope: Scope, trace_id: bytes, span_limit: int) -> StoredTrace:
        return self.traces(scope, [trace_id], span_limit).get(trace_id, StoredTrace(()))

    def traces(self, scope: Scope, trace_ids: Sequence[bytes], span_limit: int) -> Mapping[bytes, StoredTrace]:
        if not trace_ids:
            return {}
        asking = Asking(self._engine, scope)
        by_trace: dict[bytes, list[Span]] = {}
        for span in SpanRows().spans(asking.rows(compile.spans_of_traces(scope, trace_ids, span_limit + 1))):
            by_trace.setdefault(span.trace_id, []).append(span)
        if scope.services is not None and by_trace:
            for row in asking.rows(compile.stubs_of_traces(scope, list(by_trace), span_limit + 1)):
                span = stub(row)
                by_trace[span.trace_id].append(span)
        return {trace_id: _stored(spans, span_limit) for trace_id, spans in by_trace.items()}

    def search(self, request: TraceSearch) -> SearchAnswer:
        return searching.search(Asking(self._engine, request.scope), request)

    def metrics(self, request: MetricsRequest) -> MetricsAnswer:
        return Measuring(Asking(self._engine, request.scope), request).answer()

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
        asking = Asking(self._engine, scope)
        if where != EVERY_SPAN or scope.services is not None:
            return values.newest_names(asking.rows, scope, time_range, of, where, aggregates.NAMES_MAX)
        rows = asking.rows(aggregates.attribute_names(scope, time_range, of))
        return [(name_scope, name) for name_scope, name in rows]

    def field_values(
        self, scope: Scope, time_range: TimeRange, field: Field, limit: int, where: Predicate = EVERY_SPAN
    ) -> FieldValues:
        asking = Asking(self._engine, scope)
        found = values.newest_values(asking.rows, scope, time_range, field, limit, where)
        return replace(found, cost=asking.cost, statements=tuple(asking.statements))

    def usage(self, scope: Scope, received: TimeRange) -> Sequence[UsageRow]:
        return [UsageRow(*row) for row in self._ask(scope, aggregates.usage(scope, received))]

    def _ask(self, scope: Scope, statement: Statement) -> Rows:
        return Asking(self._engine, scope).rows(statement)


def _stored(spans: list[Span], limit: int) -> StoredTrace:
    spans.sort(key=lambda span: (span.start_time, span.span_id))
    return StoredTrace(tuple(spans[:limit]), truncated=len(spans) > limit)


def _red_row(row: Sequence[Any]) -> RedRow:
    service, name, kind, calls, errors, quantiles = row
    return RedRow(service, name, kind, calls, errors, *_finite(quantiles))


def _finite(quantiles: Sequence[float]) -> tuple[float, float, float]:
    p50, p95, p99 = (0.0 if math.isnan(value) else float(value) for value in quantiles)
    return p50, p95, p99
