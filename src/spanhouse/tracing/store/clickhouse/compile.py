# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""From what is asked (the plan) to parameterised SQL. One function per question; none runs anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spanhouse.tracing.plan.predicates import And, Compare, Constant, Intrinsic, Predicate
from spanhouse.tracing.plan.requests import TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.clickhouse.conditions import Conditions
from spanhouse.tracing.store.clickhouse.rows import SPAN_COLUMNS, STUB_COLUMNS
from spanhouse.tracing.store.clickhouse.statements import (
    FIRST_ROOT,
    OF_SPANS,
    PLAUSIBLE,
    Build,
    Statement,
    whole_buckets,
)

SELECTED_COLUMNS: Final = SPAN_COLUMNS[16:18]
"""Attributes of a matched span and of its resource, fetched only when some are asked for."""


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
        return f"trace_id IN {_trace_ids(build, trace_ids)}"
    return f"trace_id = toFixedString(unhex({build.parameter(trace_ids[0].hex(), 'String')}), 16)"


def where_of(request: TraceSearch) -> Predicate:
    """The request's condition together with its bounds on the trace's duration."""
    parts = [request.where]
    if request.trace_duration_min is not None:
        parts.append(Compare(Intrinsic.TRACE_DURATION, ">=", request.trace_duration_min))
    if request.trace_duration_max is not None:
        parts.append(Compare(Intrinsic.TRACE_DURATION, "<=", request.trace_duration_max))
    parts = [part for part in parts if part != Constant(True)]
    if not parts:
        return Constant(True)
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def candidates(request: TraceSearch, part: TimeRange, limit: int) -> Statement:
    """Traces with a matching span that starts in `part`, by their first such span, latest first.

    That span starts no earlier than its trace, so what it gives is an upper bound of the trace's own start; not so
    where its time is implausible, but `implausible` finds those traces.
    """
    build = Build(request.scope)
    source = build.source("spans", build.started_in(part), Conditions(build).sql(where_of(request)))
    return build.done(
        f"SELECT hex(trace_id), min(start_time) AS first FROM {source} "
        f"GROUP BY trace_id ORDER BY first DESC, trace_id LIMIT {int(limit)}"
    )


def every_trace(scope: Scope, part: TimeRange, limit: int) -> Statement:
    """As `candidates`, without a condition and from the rollup alone; `part` must begin where a bucket does."""
    build = Build(scope)
    source = build.source("trace_summaries", build.buckets(part), service=None)
    last = build.parameter(part.end, "UInt64")
    return build.done(
        f"SELECT hex(trace_id), min(start) AS first FROM {source} "
        f"GROUP BY trace_id HAVING first <= {last} ORDER BY first DESC, trace_id LIMIT {int(limit)}"
    )


def implausible(request: TraceSearch) -> Statement:
    """Of the traces that match by a span of implausible time, which bounds nothing, those that start last."""
    build = Build(request.scope)
    conditions = [build.started_in(request.range), f"NOT {PLAUSIBLE}", Conditions(build).sql(where_of(request))]
    if request.scope.services is None:
        marked = build.source("trace_summaries", build.buckets(request.range), "implausible > 0", service=None)
        conditions.insert(0, f"trace_id IN (SELECT trace_id FROM {marked})")
    matching = build.source("spans", *conditions)
    source = build.source("spans", f"trace_id IN (SELECT trace_id FROM {matching})")
    return build.done(
        f"SELECT hex(trace_id), {OF_SPANS} FROM {source} "
        f"GROUP BY trace_id ORDER BY trace_start DESC, trace_id LIMIT {int(request.limit)}"
    )


def slowest(request: TraceSearch) -> Statement:
    """The traces of the whole range by their duration."""
    build = Build(request.scope)
    bounds = [
        f"trace_duration {operator} {build.parameter(value, 'UInt64')}"
        for operator, value in ((">=", request.trace_duration_min), ("<=", request.trace_duration_max))
        if value is not None
    ]
    return build.done(
        f"SELECT hex(trace_id) FROM ({build.trace_summaries(_among(build, request))}) "
        f"WHERE {' AND '.join(['1', *bounds])} "
        f"ORDER BY trace_duration DESC, trace_start DESC, trace_id LIMIT {int(request.limit)}"
    )


def _among(build: Build, request: TraceSearch) -> str:
    """The condition that a trace has a matching span in the range."""
    if request.where != Constant(True) or request.scope.services is not None:
        source = build.source("spans", build.started_in(request.range), Conditions(build).sql(request.where))
        return f"trace_id IN (SELECT trace_id FROM {source})"
    # The rollup tells whole buckets; whether a span starts late enough within the first one only the spans do.
    first_whole = whole_buckets(request.range).start
    in_first = build.source(
        "spans", build.started_in(TimeRange(request.range.start, max(first_whole - 1, request.range.start)))
    )
    last = build.parameter(request.range.end, "UInt64")
    in_whole = build.source(
        "trace_summaries", build.buckets(whole_buckets(request.range)), f"start <= {last}", service=None
    )
    return f"(trace_id IN (SELECT trace_id FROM {in_whole}) OR trace_id IN (SELECT trace_id FROM {in_first}))"


def summaries(scope: Scope, trace_ids: Sequence[bytes]) -> Statement:
    """Figures of whole traces, from their spans."""
    build = Build(scope)
    source = build.source("spans", f"trace_id IN {_trace_ids(build, trace_ids)}")
    return build.done(
        f"SELECT hex(trace_id), {OF_SPANS}, min(start_time), max(start_time), count(), "
        "countIf(status_code = 2), sumMap(map(service, toUInt64(1))), "
        "sumMap(map(service, toUInt64(status_code = 2))), "
        f"{FIRST_ROOT} FROM {source} GROUP BY trace_id"
    )


def matched_spans(request: TraceSearch, trace_ids: Sequence[bytes], starts: TimeRange) -> Statement:
    """The first matching spans of each of these traces, each row with how many the trace has.

    All of these traces' spans start within `starts`.
    """
    build = Build(request.scope)
    source = build.source(
        "spans",
        f"trace_id IN {_trace_ids(build, trace_ids)}",
        build.started_in(_common(request.range, starts)),
        Conditions(build).sql(request.where),
    )
    columns = ["hex(trace_id)", "hex(span_id)", "service", "name", "start_time", "duration"]
    columns.append("count() OVER (PARTITION BY trace_id)")
    if request.select:
        columns += SELECTED_COLUMNS
    cut = f" LIMIT {int(request.spans_per_trace)} BY trace_id" if request.spans_per_trace else ""
    return build.done(f"SELECT {', '.join(columns)} FROM {source} ORDER BY start_time, span_id{cut}")


def _common(time_range: TimeRange, starts: TimeRange) -> TimeRange:
    start = max(time_range.start, starts.start)
    return TimeRange(start, max(start, min(time_range.end, starts.end)))


def _trace_ids(build: Build, trace_ids: Sequence[bytes]) -> str:
    ids = build.parameter([trace_id.hex() for trace_id in trace_ids], "Array(String)")
    # As a subquery it becomes a set, which the index by trace id takes; as an array it would not be looked up in it.
    return f"(SELECT toFixedString(unhex(arrayJoin({ids})), 16))"
