# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Values that a field has, and names of the attributes, on the newest spans that a condition leaves.

Whoever completes a query wants an answer at once and the values of today, so spans are looked at in parts, newest
first, until there are as many values as asked for, or enough spans were looked at. Older ones are only looked at while
none has the field, and cost little: that a key is missing is seen without reading any value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from spanhouse.tracing.plan.predicates import Attribute, AttributeScope, Constant, Field, Intrinsic, Predicate
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.values import FieldValue, FieldValues, ValueType
from spanhouse.tracing.spans.model import SpanKind, StatusCode
from spanhouse.tracing.store.clickhouse.conditions import LOOKUP_ORDER, PREFIXES, Conditions
from spanhouse.tracing.store.clickhouse.statements import BUCKET_NS, Build, Statement

Rows = Sequence[Sequence[Any]]
Ask = Callable[[Statement], Rows]

SEEN_SPANS_MAX: Final = 500_000
"""After so many spans that have the field, older ones are not looked at."""
LOOKED_AT_SPANS_MAX: Final = 2_000_000
"""Nor after so many at all, once one has it."""
FIRST_PART_SPANS: Final = 100_000
GROWTH: Final = 4
BUCKETS_MAX: Final = 200_000
VALUE_TYPES: Final[tuple[ValueType, ...]] = ("string", "int", "float", "bool")
MINUTE_NS: Final = 60_000_000_000

_TEXTS: Final[dict[Intrinsic, str]] = {
    Intrinsic.NAME: "name",
    Intrinsic.SERVICE: "service",
    Intrinsic.STATUS_MESSAGE: "status_message",
    Intrinsic.SCOPE_NAME: "scope_name",
    Intrinsic.SCOPE_VERSION: "scope_version",
}
_KEYWORDS: Final[dict[Intrinsic, tuple[str, dict[str, str]]]] = {
    Intrinsic.STATUS: ("status_code", {str(member.value): member.name.lower() for member in StatusCode}),
    Intrinsic.KIND: ("kind", {str(member.value): member.name.lower() for member in SpanKind}),
}
_OF_ROOT: Final = {Intrinsic.ROOT_NAME: "root_name", Intrinsic.ROOT_SERVICE: "root_service"}
_ROLLED_UP: Final = (Intrinsic.NAME, Intrinsic.SERVICE)


def newest_values(
    ask: Ask, scope: Scope, time_range: TimeRange, field: Field, limit: int, where: Predicate
) -> FieldValues:
    """Fields that have as many values as there are spans (times, durations, ids, numbers of the tree) list none.

    Elements of arrays are not among the values. Without a condition names and services come from the minutes' rollup.
    """
    if field in (Attribute("resource", "service.name"), Attribute("any", "service.name")):
        field = Intrinsic.SERVICE
    if field in _ROLLED_UP and where == Constant(True):
        return _ranked(_counted(ask(_rolled_up(scope, time_range, field, limit)), field), limit, complete=True)
    scopes = _scopes(ask, scope, time_range, field)
    if not scopes and isinstance(field, Attribute):
        return FieldValues(())
    found: dict[tuple[ValueType, str], int] = {}
    parts = _Parts(ask(_spans_by_bucket(scope, time_range)), time_range)
    for part in parts:
        statement = _values(scope, part, field, scopes, limit, where)
        if statement is None:
            return FieldValues(())
        for key, seen in _counted(ask(statement), field).items():
            found[key] = found.get(key, 0) + seen
            parts.seen += seen
        if len(found) >= limit:
            break
    return _ranked(found, limit, complete=not parts.left)


def newest_names(
    ask: Ask, scope: Scope, time_range: TimeRange, of: AttributeScope, where: Predicate, limit: int
) -> list[tuple[AttributeScope, str]]:
    """(scope, name) of the attributes of spans that satisfy `where`, by scope and name."""
    found: set[tuple[AttributeScope, str]] = set()
    parts = _Parts(ask(_spans_by_bucket(scope, time_range)), time_range)
    for part in parts:
        rows = ask(_names(scope, part, of, where, limit))
        found |= {(name_scope, name) for name_scope, name, _ in rows}
        parts.seen += max((seen for _, _, seen in rows), default=0)
    return sorted(found)[:limit]


class _Parts:
    """Adjoining parts of a range, newest first, by how many spans they hold; the first one small, then ever larger."""

    def __init__(self, buckets: Rows, time_range: TimeRange) -> None:
        self._buckets = buckets
        self._range = time_range
        self._next = 0
        self._looked_at = 0
        self.seen = 0
        """spans so far that had what is looked for; whoever iterates counts them here"""

    @property
    def left(self) -> bool:
        return self._next < len(self._buckets)

    def __iter__(self) -> Iterator[TimeRange]:
        while self.left and self._wanted() > 0:
            newest, wanted, spans = self._buckets[self._next][0], self._wanted(), 0
            while self.left and spans < wanted:
                oldest, count = self._buckets[self._next]
                spans += count
                self._next += 1
            self._looked_at += spans
            yield TimeRange(
                max(oldest * BUCKET_NS, self._range.start), min((newest + 1) * BUCKET_NS - 1, self._range.end)
            )

    def _wanted(self) -> int:
        """As many spans as hold what is still to be seen, if it stays as frequent as it was."""
        if not self._looked_at:
            return FIRST_PART_SPANS
        if not self.seen:
            return self._looked_at * GROWTH
        missing = (SEEN_SPANS_MAX - self.seen) * self._looked_at // self.seen
        return min(self._looked_at * GROWTH, missing, LOOKED_AT_SPANS_MAX - self._looked_at)


def _counted(rows: Rows, field: Field) -> dict[tuple[ValueType, str], int]:
    """Spans by (type, text). A number that is no status or kind has no word and is no value."""
    if isinstance(field, Intrinsic) and field in _KEYWORDS:
        words = _KEYWORDS[field][1]
        return {("keyword", words[text]): seen for _, text, seen in rows if text in words}
    return {(kind, text): seen for kind, text, seen in rows}


def _ranked(found: dict[tuple[ValueType, str], int], limit: int, *, complete: bool) -> FieldValues:
    most = sorted(found.items(), key=lambda item: (-item[1], item[0][1], item[0][0]))
    return FieldValues(
        tuple(FieldValue(kind, text, seen) for (kind, text), seen in most[:limit]),
        complete=complete and len(found) <= limit,
    )


def _scopes(ask: Ask, scope: Scope, time_range: TimeRange, field: Field) -> tuple[str, ...]:
    """Where an attribute of the name occurs at all, as far as that is known at little cost."""
    if not isinstance(field, Attribute):
        return ()
    wanted = LOOKUP_ORDER if field.scope == "any" else (field.scope,)
    if scope.services is not None:
        return wanted
    build = Build(scope)
    named = build.source("attribute_names", f"name = {build.parameter(field.name, 'String')}", service=None)
    known = {row[0] for row in ask(build.done(f"SELECT DISTINCT scope FROM {named}"))}
    return tuple(name for name in wanted if name in known)


# -- statements


def _spans_by_bucket(scope: Scope, time_range: TimeRange) -> Statement:
    """bucket, spans; the newest first."""
    build = Build(scope)
    within = build.buckets(time_range)
    counted = "sum(spans)" if scope.services is None else "count()"
    source = (
        build.source("trace_summaries", within, service=None)
        if scope.services is None
        else build.source("spans", within)
    )
    return build.done(
        f"SELECT start_bucket, {counted} FROM {source} GROUP BY start_bucket ORDER BY start_bucket DESC "
        f"LIMIT {BUCKETS_MAX}"
    )


def _rolled_up(scope: Scope, time_range: TimeRange, field: Field, limit: int) -> Statement:
    build = Build(scope)
    column = "service" if field is Intrinsic.SERVICE else "name"
    first, last = (build.parameter(at // MINUTE_NS, "UInt32") for at in (time_range.start, time_range.end))
    source = build.source("red_minutes", f"minute BETWEEN {first} AND {last}")
    return build.done(
        f"SELECT 'string', {column}, sum(calls) AS seen FROM {source} GROUP BY {column} "
        f"ORDER BY seen DESC, {column} LIMIT {int(limit) + 1}"
    )


def _values(
    scope: Scope, part: TimeRange, field: Field, scopes: Sequence[str], limit: int, where: Predicate
) -> Statement | None:
    """type, text, seen. None where a field's values are not worth a list."""
    build = Build(scope)
    if isinstance(field, Intrinsic) and field in _OF_ROOT:
        return _root_values(build, part, _OF_ROOT[field], limit, where)
    if isinstance(field, Attribute):
        key = build.parameter(field.name, "String")
        pairs = [(kind, *_attribute(name, kind, key)) for name in scopes for kind in VALUE_TYPES]
    elif field in _TEXTS:
        pairs = [("string", _TEXTS[field], f"{_TEXTS[field]} != ''")]
    elif field in _KEYWORDS:
        pairs = [("keyword", f"toString({_KEYWORDS[field][0]})", "1")]
    elif field is Intrinsic.EVENT_NAME:
        pairs = [("string", "arrayJoin(event_name)", "1")]
    else:
        return None
    selects = []
    for kind, text, condition in pairs:
        source = build.source("spans", build.started_in(part), f"({condition})", Conditions(build).sql(where))
        selects.append(
            f"SELECT '{kind}' AS type, {text} AS text, count() AS seen FROM {source} "
            f"GROUP BY text ORDER BY seen DESC, text LIMIT {int(limit) + 1}"
        )
    return build.done(" UNION ALL ".join(f"SELECT type, text, seen FROM ({select})" for select in selects))


def _root_values(build: Build, part: TimeRange, column: str, limit: int, where: Predicate) -> Statement:
    among = build.buckets(part)
    if where != Constant(True):
        matching = build.source("spans", build.started_in(part), Conditions(build).sql(where))
        among = f"trace_id IN (SELECT trace_id FROM {matching})"
    return build.done(
        f"SELECT 'string' AS type, {column} AS text, count() AS seen FROM ({build.trace_summaries(among)}) "
        f"WHERE has_root GROUP BY text ORDER BY seen DESC, text LIMIT {int(limit) + 1}"
    )


def _attribute(scope: str, kind: ValueType, key: str) -> tuple[str, str]:
    """Text of an attribute's value of that type, and the condition that a span has one."""
    column = f"{PREFIXES[scope]}_{kind}"
    if scope not in ("event", "link"):
        return _text(f"{column}[{key}]", kind), f"mapContains({column}, {key})"
    has = f"m -> mapContains(m, {key})"
    values = f"arrayMap(m -> m[{key}], arrayFilter({has}, {column}))"
    return _text(f"arrayJoin({values})", kind), f"arrayExists({has}, {column})"


def _text(value: str, kind: ValueType) -> str:
    if kind == "string":
        return value
    text = f"toString({value})"
    if kind == "float":  # as OTLP's JSON and its senders write them
        text = f"transform({text}, ['nan', 'inf', '-inf'], ['NaN', 'Infinity', '-Infinity'])"
    return text


def _names(scope: Scope, part: TimeRange, of: AttributeScope, where: Predicate, limit: int) -> Statement:
    """scope, name, seen"""
    build = Build(scope)
    scopes = LOOKUP_ORDER if of == "any" else (of,)
    pairs = ", ".join(_names_of_span(name_scope) for name_scope in scopes)
    source = build.source("spans", build.started_in(part), Conditions(build).sql(where))
    return build.done(
        f"SELECT pair.1 AS scope, pair.2 AS name, count() AS seen FROM (SELECT arrayJoin(arrayConcat({pairs})) AS pair "
        f"FROM {source}) GROUP BY scope, name ORDER BY seen DESC, scope, name LIMIT {int(limit)}"
    )


def _names_of_span(scope: str) -> str:
    """Array of (scope, name) of one span."""
    column = PREFIXES[scope]
    maps = [f"{column}_{kind}" for kind in (*VALUE_TYPES, "other")]
    keys = (
        f"arrayFlatten(arrayMap(m -> mapKeys(m), {of_type}))" if scope in ("event", "link") else f"mapKeys({of_type})"
        for of_type in maps
    )
    return f"arrayMap(n -> tuple('{scope}', n), arrayConcat({', '.join(keys)}))"
