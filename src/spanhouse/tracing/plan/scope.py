"""Whose spans, and of when. No question to the store exists without both."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One instance, all of its services or only those named. Other services' spans are stubs to this reader."""

    instance: str
    services: frozenset[str] | None = None

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
