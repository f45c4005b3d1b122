"""What Jaeger's query APIs ask, v1 to v3, over HTTP and gRPC: one question to the store, all of it of one span."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.predicates import Compare, Intrinsic, Predicate
from spanhouse.tracing.plan.requests import SearchAnswer, TraceSearch, TraceSummary
from spanhouse.tracing.plan.scope import ALL_TIME, Scope, TimeRange
from spanhouse.tracing.search.find import all_of, tag_predicate
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.spans.model import SpanKind

LIMIT_DEFAULT: Final = 100


@dataclass(frozen=True, slots=True)
class JaegerQuery:
    """Empty members ask nothing. Durations in ns, of one span; both ends of the range count."""

    range: TimeRange
    service: str = ""
    operation: str = ""
    tags: Sequence[tuple[str, str]] = ()
    duration_min: int | None = None
    duration_max: int | None = None
    limit: int = LIMIT_DEFAULT

    @property
    def where(self) -> Predicate:
        parts: list[Predicate] = []
        if self.service:
            parts.append(Compare(Intrinsic.SERVICE, "=", self.service))
        if self.operation:
            parts.append(Compare(Intrinsic.NAME, "=", self.operation))
        if self.duration_min:
            parts.append(Compare(Intrinsic.DURATION, ">=", self.duration_min))
        if self.duration_max is not None:
            parts.append(Compare(Intrinsic.DURATION, "<=", self.duration_max))
        return all_of([*parts, *(tag_predicate(key, value) for key, value in self.tags)])


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    kind: str
    """in lower case; `""` where the span had none"""


def search(scope: Scope, query: JaegerQuery) -> SearchAnswer:
    """Traces, newest first. Malformed when no span can last as long as asked."""
    if query.duration_max is not None and query.duration_max < (query.duration_min or 0):
        raise Malformed("the longest duration is shorter than the shortest")
    return reader().search(
        TraceSearch(
            scope=scope,
            range=query.range,
            where=query.where,
            limit=query.limit,
            spans_per_trace=1,
        )
    )


def operations(scope: Scope, service: str, kind: str = "") -> Sequence[Operation]:
    """Of one service, by name; of one kind or all. Malformed when `kind` is none."""
    wanted = kind.lower()
    if wanted and wanted.upper() not in SpanKind.__members__:
        raise Malformed(f"{kind[:40]!r} is not a span kind")
    if not service:
        raise Malformed("the parameter service is missing")
    names = reader().operation_names(scope, ALL_TIME, service)
    found = {(name, kind_name(number)) for _, name, number in names}
    return [Operation(name, of) for name, of in sorted(found) if wanted in ("", of)]


def orphans(scope: Scope, found: Iterable[TraceSummary]) -> dict[bytes, int]:
    """Spans of each trace whose parent is not there."""
    return dict(reader().orphans(scope, [summary.trace_id for summary in found]))


def kind_name(kind: int) -> str:
    known = kind in SpanKind.__members__.values() and kind != SpanKind.UNSPECIFIED
    return SpanKind(kind).name.lower() if known else ""
