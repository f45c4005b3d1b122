# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Questions about many spans at once: rates, errors and durations, edges, names and values of attributes."""

from __future__ import annotations

from typing import Final

from spanhouse.tracing.plan.predicates import AttributeScope
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.clickhouse.conditions import LOOKUP_ORDER, PREFIXES
from spanhouse.tracing.store.clickhouse.statements import Build, Statement

SHARES: Final = "0.5, 0.95, 0.99"
ENTRY: Final = "kind IN (2, 5)"
"""A service is entered by server and consumer spans."""
NAMES_MAX: Final = 10_000
VALUE_TYPES: Final = ("string", "int", "float", "bool")


def services(scope: Scope, time_range: TimeRange) -> Statement:
    """service, name, kind, calls, errors, quantiles: of entry spans, or of all where a service has none."""
    build = Build(scope)
    source = build.source("spans", build.started_in(time_range))
    inner = (
        f"SELECT service, countIf({ENTRY}) AS entries, countIf({ENTRY} AND status_code = 2) AS failed_entries, "
        f"quantilesTDigestIf({SHARES})(duration, {ENTRY}) AS of_entries, count() AS every, "
        f"countIf(status_code = 2) AS failed, quantilesTDigest({SHARES})(duration) AS of_every "
        f"FROM {source} GROUP BY service"
    )
    return build.done(
        "SELECT service, '', 0, if(entries > 0, entries, every), if(entries > 0, failed_entries, failed), "
        f"if(entries > 0, of_entries, of_every) FROM ({inner}) ORDER BY service"
    )


def operations(scope: Scope, time_range: TimeRange, service: str | None) -> Statement:
    build = Build(scope)
    conditions = [build.started_in(time_range), *_of_service(build, service)]
    return build.done(
        f"SELECT service, name, kind, count(), countIf(status_code = 2), quantilesTDigest({SHARES})(duration) "
        f"FROM {build.source('spans', *conditions)} GROUP BY service, name, kind ORDER BY service, name, kind"
    )


def red_series(scope: Scope, time_range: TimeRange, step: int, service: str | None, operation: str | None) -> Statement:
    """at, calls, errors, quantiles. Of an operation every span counts, else entry spans or, without any, all."""
    build = Build(scope)
    conditions = [build.started_in(time_range), *_of_service(build, service)]
    if operation is not None:
        conditions.append(f"name = {build.parameter(operation, 'String')}")
    else:
        entries = f"SELECT countIf({ENTRY}) FROM {build.source('spans', *conditions)}"
        conditions.append(f"({ENTRY} OR ({entries}) = 0)")
    every = build.parameter(step, "UInt64")
    return build.done(
        f"SELECT intDiv(start_time, {every}) * {every} AS at, count(), countIf(status_code = 2), "
        f"quantilesTDigest({SHARES})(duration) FROM {build.source('spans', *conditions)} GROUP BY at ORDER BY at"
    )


def edges(scope: Scope, time_range: TimeRange) -> Statement:
    """parent, child, calls, errors: from a span to the entry span below it."""
    build = Build(scope)
    within = build.started_in(time_range)
    parents = f"SELECT trace_id, span_id, service AS parent FROM {build.source('spans', within)}"
    children = (
        "SELECT trace_id, parent_span_id AS span_id, service AS child, status_code "
        f"FROM {build.source('spans', within, ENTRY)}"
    )
    return build.done(
        f"SELECT parent, child, count(), countIf(status_code = 2) FROM ({children}) AS below "
        f"INNER JOIN ({parents}) AS above USING (trace_id, span_id) GROUP BY parent, child ORDER BY parent, child"
    )


def attribute_names(scope: Scope, time_range: TimeRange, of: AttributeScope) -> Statement:
    """One row: for each scope asked for, in the order of look-up, its names."""
    build = Build(scope)
    columns = [f"groupUniqArrayArray({NAMES_MAX})({_names(scope_name)})" for scope_name in scopes_of(of)]
    return build.done(f"SELECT {', '.join(columns)} FROM {build.source('spans', build.started_in(time_range))}")


def attribute_values(scope: Scope, time_range: TimeRange, of: AttributeScope, name: str, limit: int) -> Statement:
    """type, text, count; the most frequent first."""
    build = Build(scope)
    key = build.parameter(name, "String")
    pairs = ", ".join(_pairs(scope_name, kind, key) for scope_name in scopes_of(of) for kind in VALUE_TYPES)
    source = build.source("spans", build.started_in(time_range))
    return build.done(
        f"SELECT pair.1 AS type, pair.2 AS text, count() AS seen "
        f"FROM (SELECT arrayJoin(arrayConcat({pairs})) AS pair FROM {source}) "
        f"GROUP BY type, text ORDER BY seen DESC, text LIMIT {int(limit)}"
    )


def scopes_of(of: AttributeScope) -> tuple[str, ...]:
    return LOOKUP_ORDER if of == "any" else (of,)


def _names(scope: str) -> str:
    prefix = PREFIXES[scope]
    kinds = (*VALUE_TYPES, "other")
    if scope in ("event", "link"):
        return f"arrayConcat({', '.join(f'arrayFlatten(arrayMap(m -> mapKeys(m), {prefix}_{k}))' for k in kinds)})"
    return f"arrayConcat({', '.join(f'mapKeys({prefix}_{kind})' for kind in kinds)})"


def _pairs(scope: str, kind: str, key: str) -> str:
    column = f"{PREFIXES[scope]}_{kind}"
    if scope not in ("event", "link"):
        column = f"[{column}]"
    return f"arrayMap(m -> tuple('{kind}', toString(m[{key}])), arrayFilter(m -> mapContains(m, {key}), {column}))"


def _of_service(build: Build, service: str | None) -> list[str]:
    return [] if service is None else [f"service = {build.parameter(service, 'String')}"]
