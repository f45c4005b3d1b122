"""What may be asked of stored spans, and what comes back. All times and durations in ns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from spanhouse.base import limits
from spanhouse.tracing.plan.predicates import Constant
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.spansets import Spanset
from spanhouse.tracing.spans.model import AttributeValue, Span

EVERY_SPAN: Final = Constant(True)


class Order(Enum):
    NEWEST = "newest"
    """by the trace's first start, latest first; ties by trace id"""
    SLOWEST = "slowest"
    """by the trace's duration, longest first; ties by start, then trace id"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trace stands in an order: what pages after it begin with. `duration` counts in `Order.SLOWEST` only."""

    start: int
    trace_id: bytes
    duration: int = 0


@dataclass(frozen=True, slots=True)
class TraceSearch:
    """Traces with a span that starts in `range` and that `where` yields. Sorted over the whole range, then cut."""

    scope: Scope
    range: TimeRange
    where: Spanset = EVERY_SPAN
    order: Order = Order.NEWEST
    limit: int = limits.SEARCH_LIMIT_DEFAULT
    """traces"""
    spans_per_trace: int = limits.SPANS_PER_TRACE_DEFAULT
    """matching spans returned of each trace; 0 = all"""
    trace_duration_min: int | None = None
    trace_duration_max: int | None = None
    select: tuple[str, ...] = ()
    after: Place | None = None
    """only traces that stand after this place in the order"""


@dataclass(frozen=True, slots=True)
class TraceSummary:
    trace_id: bytes
    start: int
    end: int
    spans: int
    errors: int
    services: tuple[tuple[str, int, int], ...]
    """(service, spans, errors), by name"""
    root_service: str
    """`""` when no root has arrived; of several roots the earliest"""
    root_name: str

    @property
    def duration(self) -> int:
        return max(0, self.end - self.start)


@dataclass(frozen=True, slots=True)
class MatchedSpan:
    span_id: bytes
    service: str
    name: str
    start: int
    duration: int
    attributes: dict[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundSpanset:
    matched: int
    """spans, of which `spans` are the first"""
    spans: tuple[MatchedSpan, ...]
    attributes: tuple[tuple[str, AttributeValue], ...] = ()
    """what `by()` parted it by, and figures that were compared"""


@dataclass(frozen=True, slots=True)
class FoundTrace:
    summary: TraceSummary
    spansets: tuple[FoundSpanset, ...]

    @property
    def matched(self) -> int:
        return sum(spanset.matched for spanset in self.spansets)

    @property
    def spans(self) -> tuple[MatchedSpan, ...]:
        return tuple(span for spanset in self.spansets for span in spanset.spans)


@dataclass(frozen=True, slots=True)
class ReadCost:
    """What the answer cost the engine."""

    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement as it was sent to the engine, and what it took: how a query explains itself."""

    purpose: str
    sql: str
    parameters: Mapping[str, object]
    rows: int
    """read"""
    bytes: int
    """read"""
    nanos: int


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    traces: tuple[FoundTrace, ...]
    cost: ReadCost = field(default_factory=ReadCost)
    statements: tuple[Sent, ...] = ()
    warnings: tuple[str, ...] = ()
    """what a limit has left out, and what to narrow"""


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """Spans by start time. `truncated`: there are more than the limit."""

    spans: tuple[Span, ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class RedRow:
    """Calls to a service, or to one operation of it. Durations in ns; a rate is `calls` by the range's length."""

    service: str
    name: str
    """`""` in rows by service"""
    kind: int
    calls: int
    errors: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class RedPoint:
    """One step of a series: `at` is its start."""

    at: int
    calls: int
    errors: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Edge:
    """Calls from one service to another."""

    parent: str
    child: str
    calls: int
    errors: int


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one service sent in one hour of receipt. `hour` is its start in ns; bytes are of uncompressed protobuf."""

    hour: int
    service: str
    spans: int
    bytes: int
