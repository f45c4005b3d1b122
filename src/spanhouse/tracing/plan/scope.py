"""Whose spans, and of when. No question to the store exists without both."""

from __future__ import annotations

from dataclasses import dataclass, field

from spanhouse.base import limits


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
    spans_per_spanset: int = limits.SPANS_PER_SPANSET_MAX
    series: int = limits.SERIES_MAX
    """of a metric"""


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
