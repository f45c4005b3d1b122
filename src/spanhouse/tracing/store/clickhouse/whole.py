"""A search that takes whole traces: structure, sets of spans, figures of a set.

Traces that may match are those with a span in the range that may come out (`shape.sources`). They are looked up newest
first (or slowest first), whole, and the evaluation decides. Before old slices are looked at, the engine is asked which
traces have what every result needs (`shape.required`): where that is rare, those traces are all that is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final, TypeAlias

import numpy as np

from spanhouse.tracing.plan.predicates import Constant, Field, Predicate
from spanhouse.tracing.plan.requests import FoundSpanset, FoundTrace, MatchedSpan, Order, TraceSearch
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.plan.shape import named_fields, required, sources
from spanhouse.tracing.plan.walk import OF_TREE
from spanhouse.tracing.spans.model import AttributeValue
from spanhouse.tracing.store.clickhouse import compile
from spanhouse.tracing.store.clickhouse.asking import Asking
from spanhouse.tracing.store.clickhouse.columns import WholeTraces, fetch
from spanhouse.tracing.store.clickhouse.compile import Condition
from spanhouse.tracing.store.clickhouse.conditions import Conditions
from spanhouse.tracing.store.clickhouse.expressions import joined
from spanhouse.tracing.store.clickhouse.found import matched_span, shown_fields, summary_of
from spanhouse.tracing.store.clickhouse.newest import Looked, newest, slices
from spanhouse.tracing.store.clickhouse.sources import NOTHING, needs_of
from spanhouse.tracing.store.clickhouse.statements import Build
from spanhouse.tracing.store.evaluation.atoms import possible
from spanhouse.tracing.store.evaluation.columns import tree_numbers
from spanhouse.tracing.store.evaluation.forest import Numbers
from spanhouse.tracing.store.evaluation.spansets import Sets, asked_by, evaluate

SPANS_AT_ONCE: Final = 1_000_000
"""about so many are looked at together"""
TRACES_AT_ONCE: Final = 50_000
RARE_TRACES: Final = 2_000
"""so many traces are looked up by id, if no other can match"""
SLOWEST_TRIED: Final = 200
"""so many of the slowest are looked at before all others are"""
PROBE_AFTER_SPANS: Final = 200_000
"""so many are looked at before it is asked what is rare"""


IMPLAUSIBLE_TRACES: Final = 10_000


@dataclass(frozen=True, slots=True)
class WholeHit:
    """A trace that matches; its batch knows which spans do."""

    trace_id: bytes
    start: int
    batch: Batch
    number: int

    @property
    def spansets(self) -> Sequence[tuple[int, Numbers]]:
        return self.batch.spansets_of(self.number)


class Batch:
    """Some whole traces and what the question yields of them."""

    def __init__(self, traces: WholeTraces, sets: Sets, time_range: TimeRange) -> None:
        self.traces = traces
        self.sets = sets
        inside = (traces.start >= np.uint64(time_range.start)) & (traces.start <= np.uint64(time_range.end))
        self.rows: Numbers = np.flatnonzero(sets.within & inside)
        """the spans that count"""

    def hits(self) -> list[WholeHit]:
        numbers = np.unique(self.traces.forest.trace[self.rows])
        starts = self._starts
        return [WholeHit(self.traces.ids[number], int(starts[number]), self, number) for number in numbers.tolist()]

    @cached_property
    def _starts(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
        """When each trace starts, by its spans of plausible time if there are any (plan/plausible.py)."""
        first = np.searchsorted(self.traces.forest.trace, np.arange(self.traces.forest.traces))
        starts = self.traces.start[first]
        believed = np.flatnonzero(self.traces.plausible)
        numbers, at = np.unique(self.traces.forest.trace[believed], return_index=True)
        starts[numbers] = self.traces.start[believed[at]]
        return starts

    def bound(self, otherwise: int) -> int:
        """The least start of what made these traces candidates."""
        starts = self.traces.start[self.traces.candidate]
        return int(starts.min()) if len(starts) else otherwise

    def spansets_of(self, number: int) -> list[tuple[int, Numbers]]:
        """(spanset, its rows that count) of a trace."""
        of_trace = self.traces.forest.trace[self.rows]
        rows = self.rows[np.searchsorted(of_trace, number, "left") : np.searchsorted(of_trace, number, "right")]
        member = self.sets.member[rows]
        return [(int(spanset), rows[member == spanset]) for spanset in np.unique(member)]


class WholeSearch:
    def __init__(self, asking: Asking, request: TraceSearch) -> None:
        self._asking = asking
        self._request = request
        self._asked = asked_by(request.where)
        self._types = asking.types_of(field for _, field in named_fields(request.where))
        self._rare: Sequence[bytes] | None = None
        self._probed = False
        self._spans, self._traces = 0, 0

    def found(self) -> list[FoundTrace]:
        request = self._request
        if request.order is Order.SLOWEST:
            return self._answered(self._slowest())
        part = self._asking.plausible_part(request.range)
        return self._answered(newest(part, request.limit, self._look, self._implausible, request.after))

    # -- which traces

    def _look(self, part: TimeRange, size: int, offset: int) -> Looked[WholeHit]:
        if self._spans > PROBE_AFTER_SPANS and not self._probed:
            self._probe()
            if self._rare is not None:
                return Looked(self._rare_hits(), 0, 0, complete=True)
        if self._rare is not None:
            return Looked((), 0, 0, complete=True)
        size = min(size, self._most())
        batch = self._batch(compile.candidates(part, self._candidate, size, offset), part)
        traces = batch.traces.forest.traces
        return Looked(batch.hits(), traces, batch.bound(part.start), traces < size, implausible=offset == 0)

    def _slowest(self) -> list[WholeHit]:
        """The slowest candidates first; where those do not do, all of them, in the order in which they lie together."""
        request = self._request
        traces = compile.with_a_span(request, self._candidate)
        ids = self._ranked(traces, SLOWEST_TRIED + request.limit)
        hits = {hit.trace_id: hit for hit in self._batch(_of_ids(ids)).hits()} if ids else {}
        found = [hits[trace_id] for trace_id in ids if trace_id in hits]
        if len(found) >= request.limit or len(ids) < SLOWEST_TRIED + request.limit:
            return found[: request.limit]
        return self._slowest_of_all()

    def _slowest_of_all(self) -> list[WholeHit]:
        best = self._slowest_of(self._implausible())
        for part in slices(self._asking.plausible_part(self._request.range)):
            offset = 0
            while True:
                looked = self._look(part, TRACES_AT_ONCE, offset)
                best = self._slowest_of([*best, *looked.found])
                if looked.complete:
                    break
                offset += looked.traces
        return best

    def _slowest_of(self, hits: Sequence[WholeHit]) -> list[WholeHit]:
        each = {hit.trace_id: hit for hit in hits}
        return [each[trace_id] for trace_id in self._ranked(_of_ids(list(each)), self._request.limit)] if each else []

    def _ranked(self, traces: Condition, size: int) -> list[bytes]:
        statement = compile.slowest_ids(self._request, traces, size, 0, self._types)
        return [bytes.fromhex(trace_id) for (trace_id,) in self._asking.rows(statement, "the slowest traces")]

    def _implausible(self) -> list[WholeHit]:
        request = self._request
        marked = self._asking.rows(compile.marked(request.scope, request.range), "spans of implausible time")
        if not marked[0][0]:
            return []
        return self._batch(compile.implausible(request, self._candidate, IMPLAUSIBLE_TRACES)).hits()

    def _probe(self) -> None:
        """Whether something that every result needs is rare: then the traces that have it are all that is looked at."""
        self._probed = True
        for needed in required(self._request.where):
            condition = possible(needed, _not_in_a_row)
            if condition == Constant(True):
                continue
            having = compile.span_condition(condition)
            statement = compile.some_traces(self._request.scope, having, RARE_TRACES + 1, self._types)
            rows = self._asking.rows(statement, "traces that have what every result needs")
            if len(rows) <= RARE_TRACES:
                self._rare = [bytes.fromhex(trace_id) for (trace_id,) in rows]
                return

    def _most(self) -> int:
        each = self._spans / self._traces if self._traces else 0
        return max(1, min(TRACES_AT_ONCE, int(SPANS_AT_ONCE / max(each, 1))))

    def _candidate(self, build: Build) -> str:
        """What a span satisfies that may come out, of a trace whose duration is asked for."""
        conditions = [Conditions(build).sql(possible(each, _not_in_a_row)) for each in sources(self._request.where)]
        duration = compile.duration_bounds(self._request)
        parts = [joined(" OR ", conditions, empty="0"), Conditions(build).sql(duration)]
        if self._rare is not None:
            parts.append(compile.in_traces(build, self._rare) if self._rare else "0")
        return " AND ".join(f"({part})" for part in parts if part != "1") or "1"

    def _rare_hits(self) -> list[WholeHit]:
        found: list[WholeHit] = []
        within = compile.with_a_span(self._request, self._candidate)
        for some in _in_parts(self._rare or (), self._most()):
            traces = partial(_both, _of_ids(some), within)
            found += self._batch(traces).hits()
        return found

    def _batch(self, traces: Condition, part: TimeRange | None = None) -> Batch:
        candidate = None if part is None else (self._candidate, part)
        columns = fetch(self._asking, self._request.scope, self._asked, traces, candidate)
        self._spans += len(columns.start)
        self._traces += columns.forest.traces
        return Batch(columns, evaluate(self._request.where, columns.forest, columns), self._request.range)

    # -- what they hold

    def _answered(self, hits: Sequence[WholeHit]) -> list[FoundTrace]:
        if not hits:
            return []
        ids = [hit.trace_id for hit in hits]
        rows = self._asking.rows(compile.summaries(self._request.scope, ids), "summaries of the traces found")
        summaries = {summary.trace_id: summary for summary in map(summary_of, rows)}
        spans = self._spans_of(hits)
        return [
            FoundTrace(
                summaries[hit.trace_id],
                tuple(self._spanset(hit, spanset, rows, spans) for spanset, rows in hit.spansets),
            )
            for hit in hits
        ]

    def _spanset(self, hit: WholeHit, spanset: int, rows: Numbers, spans: Spans) -> FoundSpanset:
        shown = [spans[_key(hit, row)].pop() for row in self._first(rows)]
        return FoundSpanset(len(rows), tuple(shown), hit.batch.sets.attributes(spanset))

    def _first(self, rows: Numbers) -> list[int]:
        most = self._request.spans_per_trace or self._request.scope.limits.spans_per_spanset
        return list(rows[:most].tolist())

    def _spans_of(self, hits: Sequence[WholeHit]) -> Spans:
        """The spans that are shown, by trace, id and start; of several that are alike in these each one."""
        fields = shown_fields(self._request)
        of_rows = {name: field for name, field in fields.items() if field not in OF_TREE}
        wanted = {_key(hit, row): (hit, row) for hit in hits for _, rows in hit.spansets for row in self._first(rows)}
        statement = compile.details(self._request.scope, list(wanted), list(of_rows.values()), self._types)
        found: Spans = defaultdict(list)
        for trace_id, *row in self._asking.rows(statement, "spans shown"):
            span = matched_span(row, list(of_rows))
            key = (bytes.fromhex(trace_id), span.span_id, span.start)
            if key in wanted:
                hit, number = wanted[key]
                span.attributes.update(_of_tree(hit, number, fields))
                found[key].append(span)
        return found


Key: TypeAlias = tuple[bytes, bytes, int]
Spans: TypeAlias = dict[Key, list[MatchedSpan]]


def _key(hit: WholeHit, row: int) -> Key:
    traces = hit.batch.traces
    return hit.trace_id, int(traces.span[row]).to_bytes(8), int(traces.start[row])


def _of_tree(hit: WholeHit, row: int, fields: Mapping[str, Field]) -> dict[str, AttributeValue]:
    forest = hit.batch.traces.forest
    return {name: int(tree_numbers(forest, field)[row]) for name, field in fields.items() if field in OF_TREE}


def _not_in_a_row(leaf: Predicate) -> bool:
    return needs_of(leaf) != NOTHING


def _of_ids(ids: Sequence[bytes]) -> Condition:
    return lambda build: compile.in_traces(build, ids)


def _both(one: Condition, other: Condition, build: Build) -> str:
    return f"{one(build)} AND {other(build)}"


def _in_parts(ids: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for first in range(0, len(ids), size):
        yield ids[first : first + size]
