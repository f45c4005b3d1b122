# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Questions that only the APIs of other tracers ask: missing parents, other sides of calls, calls within a window."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from spanhouse.base import limits
from spanhouse.tracing.plan.calls import MINUTE_NS, CallsPoint, CallsRequest
from spanhouse.tracing.plan.requests import StoredTrace
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.clickhouse.statements import Build, Statement

NO_PARENT: Final = "toFixedString('', 8)"


def orphans(scope: Scope, trace_ids: Sequence[bytes]) -> Statement:
    """trace, spans whose parent is not among its spans; only traces that have some. For scopes of all services."""
    build = Build(scope)
    ids = ", ".join(f"toFixedString(unhex({build.parameter(each.hex(), 'String')}), 16)" for each in trace_ids)
    of_traces = f"trace_id IN ({ids})"
    present = f"SELECT trace_id, span_id FROM {build.source('spans', of_traces)}"
    source = build.source(
        "spans",
        of_traces,
        f"parent_span_id != {NO_PARENT}",
        f"(trace_id, parent_span_id) NOT IN ({present})",
    )
    return build.done(f"SELECT hex(trace_id), count() FROM {source} GROUP BY trace_id")


def first_values(
    scope: Scope, time_range: TimeRange, service: str, names: Sequence[str], kinds: Collection[int], limit: int
) -> Statement:
    """Distinct texts: of each span the first of these attributes that holds one."""
    build = Build(scope)
    texts = [f"attributes_string[{build.parameter(name, 'String')}]" for name in names]
    each = ", ".join(f"{text} != '', {text}" for text in texts)
    numbers = ", ".join(build.parameter(kind, "Int32") for kind in sorted(kinds))
    source = build.source(
        "spans",
        build.started_in(time_range),
        f"service = {build.parameter(service, 'String')}",
        f"kind IN ({numbers})",
    )
    return build.done(
        f"SELECT DISTINCT found FROM (SELECT multiIf({each}, '') AS found FROM {source}) "
        f"WHERE found != '' ORDER BY found LIMIT {int(limit)}"
    )


def calls_of(request: CallsRequest) -> Statement:
    """service, operation, number of the point, calls, errors, quantiles (one)."""
    build = Build(request.scope)
    first, step, window = (
        build.parameter(length // MINUTE_NS, "Int64") for length in (request.first, request.step, request.window)
    )
    last = build.parameter((request.first + (request.points - 1) * request.step) // MINUTE_NS, "Int64")
    services = ", ".join(build.parameter(service, "String") for service in sorted(request.services))
    kinds = ", ".join(build.parameter(kind, "Int32") for kind in sorted(request.kinds))
    source = build.source(
        "red_minutes",
        f"minute > {first} - {window}",
        f"minute <= {last}",
        f"service IN ({services})",
        f"kind IN ({kinds})",
    )
    # A minute counts for every point from its own on, as long as the window reaches back to it.
    of = f"if(minute <= {first}, 0, intDiv(minute - {first} + {step} - 1, {step}))"
    until = f"least({int(request.points)}, intDiv(minute + {window} - 1 - {first}, {step}) + 1)"
    points = f"arrayJoin(range(toUInt64({of}), toUInt64({until}))) AS point"
    operation = "name" if request.by_operation else "''"
    return build.done(
        f"SELECT service, operation, point, sum(calls), sum(errors), "
        f"quantilesBFloat16Merge({float(request.quantile)!r})(durations) "
        f"FROM (SELECT service, {operation} AS operation, calls, errors, durations, {points} FROM {source}) "
        "GROUP BY service, operation, point ORDER BY service, operation, point"
    )


class PeerReads:
    """The part of the `Reader` that asks these."""

    def _ask(self, scope: Scope, statement: Statement) -> Sequence[Sequence[Any]]:
        raise NotImplementedError

    def traces(self, scope: Scope, trace_ids: Sequence[bytes], span_limit: int) -> Mapping[bytes, StoredTrace]:
        raise NotImplementedError

    def orphans(self, scope: Scope, trace_ids: Sequence[bytes]) -> Mapping[bytes, int]:
        if not trace_ids:
            return {}
        if scope.services is not None:
            # Hidden spans are there, as stubs: only whole traces tell whether a parent is missing.
            stored = self.traces(scope, trace_ids, limits.TRACE_SPANS_MAX)
            return {trace_id: _orphans(trace) for trace_id, trace in stored.items()}
        found = {bytes.fromhex(trace_id): count for trace_id, count in self._ask(scope, orphans(scope, trace_ids))}
        return {trace_id: found.get(trace_id, 0) for trace_id in trace_ids}

    def first_attribute_values(
        self,
        scope: Scope,
        time_range: TimeRange,
        service: str,
        names: Sequence[str],
        kinds: Collection[int],
        limit: int,
    ) -> Sequence[str]:
        statement = first_values(scope, time_range, service, names, kinds, limit)
        return [text for (text,) in self._ask(scope, statement)]

    def calls(self, request: CallsRequest) -> Sequence[CallsPoint]:
        return [
            CallsPoint(service, operation, request.first + number * request.step, calls, errors, float(of[0]))
            for service, operation, number, calls, errors, of in self._ask(request.scope, calls_of(request))
        ]


def _orphans(trace: StoredTrace) -> int:
    present = {span.span_id for span in trace.spans}
    return sum(bool(span.parent_span_id) and span.parent_span_id not in present for span in trace.spans)
