"""Whose spans, and of when. No question to the store exists without both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.contracts.limits import Limits


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one question may cost. Past one of these the answer says so and what to narrow."""

    seconds: int = limits.QUERY_SECONDS_MAX
    memory_bytes: int = limits.QUERY_MEMORY_BYTES_MAX
    rows: int = 0
    """read from the store; 0: no bound"""
    range_ns: int = 0
    """longest time range of a search or a metric; 0: no bound"""
    traces: int = limits.SEARCH_LIMIT_MAX
    trace_spans: int = limits.TRACE_SPANS_MAX
    """of one trace in an answer, which says when it is cut"""
    spans_per_spanset: int = limits.SPANS_PER_SPANSET_MAX
    series: int = limits.SERIES_MAX
    """of a metric"""
    concurrent: int = 0
    """questions of the instance that a process asks the store at once; 0: no bound"""

    @classmethod
    def of(cls, granted: Limits) -> QueryLimits:
        """Those of an instance, where they are stricter than the node's."""
        node = cls()
        return cls(
            seconds=_stricter(granted.query_seconds, node.seconds),
            memory_bytes=_stricter(granted.query_memory_bytes, node.memory_bytes),
            rows=granted.query_rows,
            range_ns=granted.query_range_seconds * NANOS_PER_SECOND,
            traces=_stricter(granted.search_traces, node.traces),
            trace_spans=_stricter(granted.trace_spans, node.trace_spans),
            series=_stricter(granted.metric_series, node.series),
            concurrent=granted.concurrent_queries,
        )


def _stricter(granted: int, node: int) -> int:
    """0 grants all that the node has."""
    return min(granted, node) if granted else node


@dataclass(frozen=True, slots=True)
class Scope:
    """One instance, all of its services or only those named. Other services' spans are stubs to this reader."""

    instance: str
    services: frozenset[str] | None = None
    limits: QueryLimits = field(default_factory=QueryLimits, compare=False)

    def __post_init__(self) -> None:
        if not self.instance:
            raise ValueError("a scope names an instance")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Span start times in ns since the epoch, both ends included."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end < 2**64:
            raise ValueError("a time range starts at or after the epoch and does not end before it starts")


ALL_TIME: Final = TimeRange(0, 2**64 - 1)
