# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Questions about many spans at once: rates, errors and durations, edges, names and values of attributes.

From rollups wherever those hold the answer. A rollup knows minutes (and attribute names days of receipt), so its edges
are whole ones. Durations are quantiles of a sketch whose values are within 0.4 % (8 bits).
"""

from __future__ import annotations

from typing import Final

from spanhouse.base.clock import NANOS_PER_DAY
from spanhouse.tracing.plan.predicates import AttributeScope
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.clickhouse.statements import Build, Statement

MINUTE_NS: Final = 60_000_000_000
HOUR_NS: Final = 60 * MINUTE_NS
SKETCH: Final = "0.5, 0.95, 0.99"
"""The quantiles of the column `durations`."""
ENTRY: Final = "kind IN (2, 5)"
"""A service is entered by server and consumer spans."""
NAMES_MAX: Final = 10_000


def services(scope: Scope, time_range: TimeRange) -> Statement:
    """service, name, kind, calls, errors, quantiles: of entry spans, or of all where a service has none."""
    build = Build(scope)
    inner = (
        f"SELECT service, sumIf(calls, {ENTRY}) AS entries, sumIf(errors, {ENTRY}) AS failed_entries, "
        f"quantilesBFloat16MergeIf({SKETCH})(durations, {ENTRY}) AS of_entries, sum(calls) AS every, "
        f"sum(errors) AS failed, quantilesBFloat16Merge({SKETCH})(durations) AS of_every "
        f"FROM {build.source('red_minutes', _minutes(build, time_range))} GROUP BY service"
    )
    return build.done(
        "SELECT service, '', 0, if(entries > 0, entries, every), if(entries > 0, failed_entries, failed), "
        f"if(entries > 0, of_entries, of_every) FROM ({inner}) ORDER BY service"
    )


def operations(scope: Scope, time_range: TimeRange, service: str | None, limit: int) -> Statement:
    """service, name, kind, calls, errors, quantiles; the most called first.

    The calls alone say which: quantiles of all, however many names there are, would take most of the time.
    """
    build = Build(scope)
    source = build.source("red_minutes", _minutes(build, time_range), *_of_service(build, service))
    most = f"SELECT service, name, kind FROM {source} GROUP BY service, name, kind {_most_called(limit)}"
    source = build.source(
        "red_minutes", _minutes(build, time_range), *_of_service(build, service), f"(service, name, kind) IN ({most})"
    )
    return build.done(
        f"SELECT service, name, kind, sum(calls), sum(errors), quantilesBFloat16Merge({SKETCH})(durations) "
        f"FROM {source} GROUP BY service, name, kind {_most_called(limit)}"
    )


def _most_called(limit: int) -> str:
    return f"ORDER BY sum(calls) DESC, service, name, kind LIMIT {int(limit)}"


def service_names(scope: Scope, time_range: TimeRange) -> Statement:
    build = Build(scope)
    source = build.source("red_minutes", _minutes(build, time_range))
    return build.done(f"SELECT DISTINCT service FROM {source} ORDER BY service")


def operation_names(scope: Scope, time_range: TimeRange, service: str | None, limit: int) -> Statement:
    """Distinct service, name, kind."""
    build = Build(scope)
    source = build.source("red_minutes", _minutes(build, time_range), *_of_service(build, service))
    return build.done(
        f"SELECT DISTINCT service, name, kind FROM {source} ORDER BY service, name, kind LIMIT {int(limit)}"
    )


def red_series(scope: Scope, time_range: TimeRange, step: int, service: str | None, operation: str | None) -> Statement:
    """at, calls, errors, quantiles. Of an operation every span counts, else entry spans or, without any, all."""
    build = Build(scope)
    conditions = [_minutes(build, time_range), *_of_service(build, service)]
    if operation is not None:
        conditions.append(f"name = {build.parameter(operation, 'String')}")
    else:
        entries = f"SELECT countIf({ENTRY}) FROM {build.source('red_minutes', *conditions)}"
        conditions.append(f"({ENTRY} OR ({entries}) = 0)")
    minutes = build.parameter(max(1, step // MINUTE_NS), "UInt64")
    return build.done(
        f"SELECT intDiv(minute, {minutes}) * {minutes} * {MINUTE_NS} AS at, sum(calls), sum(errors), "
        f"quantilesBFloat16Merge({SKETCH})(durations) FROM {build.source('red_minutes', *conditions)} "
        "GROUP BY at ORDER BY at"
    )


def usage(scope: Scope, received: TimeRange) -> Statement:
    """hour (its start in ns), service, spans, bytes"""
    build = Build(scope)
    first, last = (build.parameter(at // HOUR_NS, "UInt32") for at in (received.start, received.end))
    return build.done(
        f"SELECT toUInt64(hour) * {HOUR_NS}, service, sum(spans), sum(bytes) "
        f"FROM {build.source('usage_hours', f'hour BETWEEN {first} AND {last}')} "
        "GROUP BY hour, service ORDER BY hour, service"
    )


def edges(scope: Scope, time_range: TimeRange) -> Statement:
    """parent, child, calls, errors. A minute's rows of the latest version replace those of earlier ones."""
    build = Build(scope)
    within = _minutes(build, time_range)
    limited = ["parent IN {services:Array(String)}"] if scope.services is not None else []
    latest = f"SELECT minute, max(version) FROM {build.source('edges', within, service='child')} GROUP BY minute"
    source = build.source("edges", within, f"(minute, version) IN ({latest})", "child != ''", *limited, service="child")
    return build.done(
        f"SELECT parent, child, sum(calls), sum(errors) FROM {source} GROUP BY parent, child ORDER BY parent, child"
    )


def attribute_names(scope: Scope, time_range: TimeRange, of: AttributeScope) -> Statement:
    """scope, name; for scopes of all services only, as the rollup does not know whose names they are."""
    build = Build(scope)
    # A span is received after it started, a day of a client's clock ahead allowed for.
    since = f"received_day >= {build.parameter(max(0, time_range.start // NANOS_PER_DAY - 1), 'UInt32')}"
    conditions = [since] if of == "any" else [since, f"scope = {build.parameter(of, 'String')}"]
    source = build.source("attribute_names", *conditions, service=None)
    return build.done(f"SELECT DISTINCT scope, name FROM {source} ORDER BY scope, name LIMIT {NAMES_MAX}")


def _minutes(build: Build, time_range: TimeRange) -> str:
    first, last = (build.parameter(at // MINUTE_NS, "UInt32") for at in (time_range.start, time_range.end))
    return f"minute BETWEEN {first} AND {last}"


def _of_service(build: Build, service: str | None) -> list[str]:
    return [] if service is None else [f"service = {build.parameter(service, 'String')}"]
