# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""From what is asked (the plan) to parameterised SQL. One function per question; none runs anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from spanhouse.tracing.plan.predicates import And, Compare, Constant, Field, Intrinsic, Predicate
from spanhouse.tracing.plan.requests import Place, TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.clickhouse.conditions import Conditions
from spanhouse.tracing.store.clickhouse.expressions import Expressions
from spanhouse.tracing.store.clickhouse.rows import SPAN_COLUMNS, STUB_COLUMNS
from spanhouse.tracing.store.clickhouse.sources import needs_of, span_rows
from spanhouse.tracing.store.clickhouse.statements import (
    BUCKET_NS,
    FIRST_ROOT,
    NO_START,
    OF_SPANS,
    PLAUSIBLE,
    Build,
    Statement,
    TypesOf,
    whole_buckets,
)

Condition: TypeAlias = Callable[[Build], str]
"""A condition on spans, as SQL of the statement that is built."""

SUMMARY_COLUMNS: Final = (
    f"hex(trace_id), {OF_SPANS}, count(), countIf(status_code = 2), sumMap(map(service, toUInt64(1))), "
    f"sumMap(map(service, toUInt64(status_code = 2))), {FIRST_ROOT}"
)
"""Figures of whole traces, of all of their spans."""
SUMMARY_WIDTH: Final = 9


def spans_of_traces(scope: Scope, trace_ids: Sequence[bytes], limit: int) -> Statement:
    """At most `limit` spans of each, by start."""
    build = Build(scope)
    source = build.source("spans", _of_traces(build, trace_ids))
    return build.done(_by_start(f"SELECT {', '.join(SPAN_COLUMNS)} FROM {source}", trace_ids, limit))


def stubs_of_traces(scope: Scope, trace_ids: Sequence[bytes], limit: int) -> Statement:
    """The places of the spans whose services `scope` does not include."""
    build = Build(scope)
    source = build.source("spans", _of_traces(build, trace_ids), hidden=True)
    return build.done(_by_start(f"SELECT {', '.join(STUB_COLUMNS)} FROM {source}", trace_ids, limit))


def _by_start(selected: str, trace_ids: Sequence[bytes], limit: int) -> str:
    each = "" if len(trace_ids) == 1 else " BY trace_id"
    return f"{selected} ORDER BY start_time, span_id LIMIT {int(limit)}{each}"


def _of_traces(build: Build, trace_ids: Sequence[bytes]) -> str:
    if len(trace_ids) > 1:
        return in_traces(build, trace_ids)
    return f"trace_id = toFixedString(unhex({build.parameter(trace_ids[0].hex(), 'String')}), 16)"


def in_traces(build: Build, trace_ids: Sequence[bytes]) -> str:
    ids = build.parameter([trace_id.hex() for trace_id in trace_ids], "Array(String)")
    # As a subquery it becomes a set, which the index by trace id takes; as an array it would not be looked up in it.
    return f"trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids})), 16))"


def duration_bounds(request: TraceSearch) -> Predicate:
    parts: list[Predicate] = []
    if request.trace_duration_min is not None:
        parts.append(Compare(Intrinsic.TRACE_DURATION, ">=", request.trace_duration_min))
    if request.trace_duration_max is not None:
        parts.append(Compare(Intrinsic.TRACE_DURATION, "<=", request.trace_duration_max))
    return And(tuple(parts)) if parts else Constant(True)


def span_condition(predicate: Predicate) -> Condition:
    return lambda build: Conditions(build).sql(predicate)


# -- which traces


def candidates(part: TimeRange, condition: Condition, size: int, offset: int) -> Condition:
    """Traces with such a span that starts in `part`, by their first one, latest first: at most `size` after `offset`.

    That span starts no earlier than its trace, so what it gives is an upper bound of the trace's own start; not so
    where its time is implausible, but `implausible` finds those traces.
    """

    def traces(build: Build) -> str:
        source = build.source("spans", build.started_in(part), condition(build))
        return f"trace_id IN (SELECT trace_id FROM {source} {_latest('start_time', size, offset)})"

    return traces


def every_trace(part: TimeRange, size: int, offset: int) -> Condition:
    """As `candidates`, without a condition and from the rollup alone; `part` must begin where a bucket does."""

    def traces(build: Build) -> str:
        source = build.source("trace_summaries", build.buckets(part), service=None)
        last = build.parameter(part.end, "UInt64")
        # A bucket's traces may start after `part` has ended.
        latest = _latest("start", size, offset, having=f"HAVING min(start) <= {last} ")
        return f"trace_id IN (SELECT trace_id FROM {source} {latest})"

    return traces


def _latest(start: str, size: int, offset: int, having: str = "") -> str:
    return f"GROUP BY trace_id {having}ORDER BY min({start}) DESC, trace_id LIMIT {int(size)} OFFSET {int(offset)}"


def _stands_after(build: Build, place: Place) -> str:
    duration, start = (build.parameter(value, "UInt64") for value in (place.duration, place.start))
    trace_id = f"toFixedString(unhex({build.parameter(place.trace_id.hex(), 'String')}), 16)"
    return (
        "(-toInt128(trace_duration), -toInt128(trace_start), trace_id) "
        f"> (-toInt128({duration}), -toInt128({start}), {trace_id})"
    )


def slowest_ids(request: TraceSearch, traces: Condition, size: int, offset: int, types: TypesOf) -> Statement:
    """Of these traces the slowest, at most `size` after `offset`."""
    build = Build(request.scope, types=types)
    bounds = [
        f"trace_duration {operator} {build.parameter(value, 'UInt64')}"
        for operator, value in ((">=", request.trace_duration_min), ("<=", request.trace_duration_max))
        if value is not None
    ]
    if request.after is not None:
        bounds.append(_stands_after(build, request.after))
    return build.done(
        f"SELECT hex(trace_id) FROM ({build.trace_summaries(traces(build))}) WHERE {' AND '.join(['1', *bounds])} "
        f"ORDER BY trace_duration DESC, trace_start DESC, trace_id LIMIT {int(size)} OFFSET {int(offset)}"
    )


def some_traces(scope: Scope, condition: Condition, limit: int, types: TypesOf) -> Statement:
    """At most so many traces that have such a span, at whatever time."""
    build = Build(scope, types=types)
    return build.done(
        f"SELECT hex(trace_id) FROM (SELECT DISTINCT trace_id FROM {build.source('spans', condition(build))} "
        f"LIMIT {int(limit)})"
    )


def with_a_span(request: TraceSearch, condition: Condition | None) -> Condition:
    """The condition that a trace has such a span in the range; None: any."""

    def traces(build: Build) -> str:
        if condition is not None or request.scope.services is not None:
            own = [] if condition is None else [condition(build)]
            source = build.source("spans", build.started_in(request.range), *own)
            return f"trace_id IN (SELECT trace_id FROM {source})"
        # The rollup tells whole buckets; whether a span starts late enough within the first one only the spans do.
        first_whole = whole_buckets(request.range).start
        first_end = max(request.range.start, min(first_whole - 1, request.range.end))
        in_first = build.source("spans", build.started_in(TimeRange(request.range.start, first_end)))
        last = build.parameter(request.range.end, "UInt64")
        in_whole = build.source(
            "trace_summaries", build.buckets(whole_buckets(request.range)), f"start <= {last}", service=None
        )
        return f"(trace_id IN (SELECT trace_id FROM {in_whole}) OR trace_id IN (SELECT trace_id FROM {in_first}))"

    return traces


def implausible(request: TraceSearch, condition: Condition, limit: int) -> Condition:
    """Of the traces that have such a span of implausible time, which bounds nothing, those that start last."""

    def traces(build: Build) -> str:
        conditions = [build.started_in(request.range), f"NOT {PLAUSIBLE}", condition(build)]
        if request.scope.services is None:
            marked = build.source("trace_summaries", build.buckets(request.range), "implausible > 0", service=None)
            conditions.insert(0, f"trace_id IN (SELECT trace_id FROM {marked})")
        matching = build.source("spans", *conditions)
        source = build.source("spans", f"trace_id IN (SELECT trace_id FROM {matching})")
        return (
            f"trace_id IN (SELECT trace_id FROM (SELECT trace_id, {OF_SPANS} FROM {source} GROUP BY trace_id "
            f"ORDER BY trace_start DESC, trace_id LIMIT {int(limit)}))"
        )

    return traces


def some_implausible(build: Build, time_range: TimeRange) -> str:
    """Whether some span of the range may have an implausible time. Of some services only their spans tell."""
    if build.scope.services is not None:
        return "1"
    marked = build.source("trace_summaries", build.buckets(time_range), "implausible > 0", service=None)
    return f"(SELECT count() > 0 FROM {marked})"


def marked(scope: Scope, time_range: TimeRange) -> Statement:
    """Whether some span of the range may have an implausible time."""
    build = Build(scope)
    if scope.services is not None:
        source = build.source("spans", build.started_in(time_range), f"NOT {PLAUSIBLE}")
    else:
        source = build.source("trace_summaries", build.buckets(time_range), "implausible > 0", service=None)
    return build.done(f"SELECT count() > 0 FROM {source}")


def extent(scope: Scope, time_range: TimeRange) -> Statement:
    """How many, the first and the last bucket of spans of plausible time in a range."""
    build = Build(scope)
    if scope.services is not None:
        source = build.source("spans", build.started_in(time_range), PLAUSIBLE)
    else:
        source = build.source("trace_summaries", build.buckets(time_range), f"good_start < {NO_START}", service=None)
    return build.done(f"SELECT count(), min(start_bucket), max(start_bucket) FROM {source}")


def starts_a_bucket(part: TimeRange) -> bool:
    return part.start % BUCKET_NS == 0


# -- what they hold


def summaries(scope: Scope, trace_ids: Sequence[bytes]) -> Statement:
    """Figures of whole traces, from their spans."""
    build = Build(scope)
    source = build.source("spans", in_traces(build, trace_ids))
    return build.done(f"SELECT {SUMMARY_COLUMNS} FROM {source} GROUP BY trace_id")


def found(
    request: TraceSearch, traces: Condition, part: TimeRange, fields: Sequence[Field], types: TypesOf
) -> Statement:
    """Each of these traces in one row: SUMMARY_COLUMNS, number of matching spans, the first of them, its bound in
    `part`, and whether some span of the range has an implausible time.

    A matching span is (start, hex id, service, name, duration, kind and text of each field).
    """
    build = Build(request.scope, types=types)
    values = Expressions(build)
    keys = [text for field in fields for text in values.value(field)]
    span = ", ".join(["start_time", "hex(span_id)", "toString(service)", "name", "duration", *keys])
    first, last = (build.parameter(at, "UInt64") for at in (request.range.start, request.range.end))
    where = request.where if isinstance(request.where, Predicate) else Constant(True)
    matches = f"start_time BETWEEN {first} AND {last} AND {Conditions(build).sql(where)}"
    from_, to = (build.parameter(at, "UInt64") for at in (part.start, part.end))
    most = request.spans_per_trace or request.scope.limits.spans_per_spanset
    return build.done(
        f"WITH ({matches}) AS matches "
        f"SELECT {SUMMARY_COLUMNS}, countIf(matches) AS matched, "
        f"groupArraySortedIf({int(most)})(tuple({span}), matches) AS spans, "
        f"minIf(start_time, matches AND start_time BETWEEN {from_} AND {to}) AS bound, "
        f"{some_implausible(build, request.range)} AS strange "
        f"FROM {build.source('spans', traces(build))} GROUP BY trace_id"
    )


def details(
    scope: Scope, spans: Sequence[tuple[bytes, bytes, int]], fields: Sequence[Field], types: TypesOf
) -> Statement:
    """Hex trace id, start, hex id, service, name, duration, kind and text of each field: of the spans with these
    traces and ids, and others that have both by chance."""
    build = Build(scope, types=types)
    values = Expressions(build)
    keys = [text for field in fields for text in values.value(field)]
    ids = build.parameter(sorted({span_id.hex() for _, span_id, _ in spans}), "Array(String)")
    source = span_rows(
        build,
        needs_of(*fields),
        in_traces(build, sorted({trace_id for trace_id, _, _ in spans})),
        f"span_id IN (SELECT toFixedString(unhex(arrayJoin({ids})), 8))",
    )
    columns = ["hex(trace_id)", "start_time", "hex(span_id)", "toString(service)", "name", "duration", *keys]
    return build.done(f"SELECT {', '.join(columns)} FROM {source}")
