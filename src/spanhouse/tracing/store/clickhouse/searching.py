"""`Reader.search`: which traces to look at, in which order, and when it is enough.

Conditions on single spans are left to the engine alone; whatever takes whole traces is decided on their columns
(`whole.py`). Both look up traces in the order of `newest.py`, or by duration over the whole range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from spanhouse.tracing.plan.predicates import Constant, Predicate
from spanhouse.tracing.plan.requests import FoundSpanset, FoundTrace, Order, SearchAnswer, TraceSearch, TraceSummary
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.plan.walk import fields_of
from spanhouse.tracing.store.clickhouse import compile
from spanhouse.tracing.store.clickhouse.asking import Asking
from spanhouse.tracing.store.clickhouse.compile import Condition
from spanhouse.tracing.store.clickhouse.conditions import Conditions
from spanhouse.tracing.store.clickhouse.found import matched_span, shown_fields, summary_of
from spanhouse.tracing.store.clickhouse.newest import Looked, newest
from spanhouse.tracing.store.clickhouse.sources import NOTHING, needs_of
from spanhouse.tracing.store.clickhouse.statements import Build
from spanhouse.tracing.store.clickhouse.whole import WholeSearch


def search(asking: Asking, request: TraceSearch) -> SearchAnswer:
    """Raises `QueryLimitReached` where a limit would leave out part of the answer unseen."""
    asking.check_range(request.range)
    request, warnings = _within_limits(request)
    where = request.where
    if isinstance(where, Predicate) and needs_of(where) == NOTHING:
        found = _Plain(asking, request, where).found()
    else:
        found = WholeSearch(asking, request).found()
    return SearchAnswer(tuple(found), asking.cost, tuple(asking.statements), warnings)


def _within_limits(request: TraceSearch) -> tuple[TraceSearch, tuple[str, ...]]:
    limits, warnings = request.scope.limits, []
    if request.limit > limits.traces:
        warnings.append(f"at most {limits.traces:,} traces are returned; narrow the time range to see others")
    if request.spans_per_trace > limits.spans_per_spanset:
        warnings.append(f"at most {limits.spans_per_spanset:,} spans are returned of one set; add a condition")
    request = replace(
        request,
        limit=min(request.limit, limits.traces),
        spans_per_trace=min(request.spans_per_trace, limits.spans_per_spanset),
    )
    return request, tuple(warnings)


@dataclass(frozen=True, slots=True)
class _PlainHit:
    summary: TraceSummary
    spanset: FoundSpanset

    @property
    def trace_id(self) -> bytes:
        return self.summary.trace_id

    @property
    def start(self) -> int:
        return self.summary.start


class _Plain:
    """A condition on single spans: the engine says all of some traces in one statement."""

    def __init__(self, asking: Asking, request: TraceSearch, where: Predicate) -> None:
        self._asking = asking
        self._request = request
        self._where = where
        self._fields = shown_fields(request)
        self._types = asking.types_of([*fields_of(where), *self._fields.values()])

    def found(self) -> list[FoundTrace]:
        request = self._request
        if request.order is Order.NEWEST:
            part = self._asking.plausible_part(request.range)
            hits = newest(part, request.limit, self._look, self._implausible, request.after)
        else:
            hits = self._slowest()
        return [FoundTrace(hit.summary, (hit.spanset,)) for hit in hits]

    def _look(self, part: TimeRange, size: int, offset: int) -> Looked[_PlainHit]:
        if self._unconditional and compile.starts_a_bucket(part):
            traces = compile.every_trace(part, size, offset)
        else:
            traces = compile.candidates(part, self._candidate, size, offset)
        rows = self._rows(traces, part)
        bound = min((row[-2] for row in rows), default=part.start)
        strange = not rows or any(row[-1] for row in rows)  # without a row there is nobody to tell
        return Looked([self._hit(row) for row in rows], len(rows), bound, len(rows) < size, strange)

    def _implausible(self) -> list[_PlainHit]:
        traces = compile.implausible(self._request, self._candidate, self._request.limit)
        return [self._hit(row) for row in self._rows(traces, self._request.range)]

    def _slowest(self) -> list[_PlainHit]:
        """Two statements: within one the engine would sort the traces several times."""
        request = self._request
        condition = None if self._where == Constant(True) else compile.span_condition(self._where)
        traces = compile.with_a_span(request, condition)
        ids = [
            bytes.fromhex(trace_id)
            for (trace_id,) in self._asking.rows(
                compile.slowest_ids(request, traces, request.limit, 0, self._types), "the slowest traces"
            )
        ]
        if not ids:
            return []
        hits = [self._hit(row) for row in self._rows(partial(compile.in_traces, trace_ids=ids), request.range)]
        return sorted(hits, key=lambda hit: (-hit.summary.duration, -hit.start, hit.trace_id))

    def _rows(self, traces: Condition, part: TimeRange) -> Sequence[Sequence[Any]]:
        statement = compile.found(self._request, traces, part, list(self._fields.values()), self._types)
        return self._asking.rows(statement, "traces and their matching spans")

    def _hit(self, row: Sequence[Any]) -> _PlainHit:
        matched, spans = row[compile.SUMMARY_WIDTH : compile.SUMMARY_WIDTH + 2]
        names = list(self._fields)
        return _PlainHit(summary_of(row), FoundSpanset(matched, tuple(matched_span(span, names) for span in spans)))

    @property
    def _unconditional(self) -> bool:
        bounds = compile.duration_bounds(self._request)
        return self._where == bounds == Constant(True) and self._request.scope.services is None

    def _candidate(self, build: Build) -> str:
        bounds = compile.duration_bounds(self._request)
        parts = [Conditions(build).sql(part) for part in (self._where, bounds)]
        return " AND ".join(f"({part})" for part in parts if part != "1") or "1"
