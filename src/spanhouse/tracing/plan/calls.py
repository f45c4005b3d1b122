"""Calls over time, each point looking back over a window: what a monitor of services shows. Times in ns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spanhouse.tracing.plan.scope import Scope

MINUTE_NS: Final = 60_000_000_000


@dataclass(frozen=True, slots=True)
class CallsRequest:
    """Points at `first`, `first + step`, …, each of the calls within `window` up to the end of its minute.

    Calls are known by minute: times and lengths are whole minutes.
    """

    scope: Scope
    first: int
    points: int
    step: int
    window: int
    services: frozenset[str]
    kinds: frozenset[int]
    by_operation: bool = False
    quantile: float = 0.95

    def __post_init__(self) -> None:
        if any(length % MINUTE_NS for length in (self.first, self.step, self.window)):
            raise ValueError("calls are known by minute")
        if min(self.points, self.step, self.window) <= 0 or not 0 <= self.quantile <= 1:
            raise ValueError("there is at least one point, and a quantile lies between 0 and 1")


@dataclass(frozen=True, slots=True)
class CallsPoint:
    """Only where there were calls. `duration` is the quantile asked for, in ns."""

    service: str
    operation: str
    """`""` where the request is not by operation"""
    at: int
    calls: int
    errors: int
    duration: float
