"""The steps of a metric: whole multiples of the step since the epoch, the first and the last cut at the range's ends.

A span counts in the step that its start lies in; a step holds its beginning and not its end. So adjoining ranges add
up, and what is counted of a range is the same whatever the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import InvalidQuery, QueryLimitReached
from spanhouse.tracing.plan.metrics import MetricsRequest
from spanhouse.tracing.plan.scope import TimeRange

POINTS_OF_ALL_SERIES_MAX: Final = 2_000_000
"""Points of an answer; with many steps fewer series fit."""


@dataclass(frozen=True, slots=True)
class Grid:
    """ns since the epoch; `end` is not included. Without a step the range is one."""

    start: int
    end: int
    step: int | None = None

    @property
    def first(self) -> int:
        """Number of the first step, counted from the epoch."""
        return self.start // self.step if self.step else 0

    @property
    def count(self) -> int:
        return (self.end - 1) // self.step - self.first + 1 if self.step else 1

    @property
    def seconds(self) -> float:
        """Length of one step."""
        return (self.step or self.end - self.start) / NANOS_PER_SECOND

    @property
    def times(self) -> tuple[int, ...]:
        """The start of each step; of the first also where the range begins within it."""
        if self.step is None:
            return (self.start,)
        return tuple((self.first + number) * self.step for number in range(self.count))

    def index_of(self, at: int) -> int:
        return at // self.step - self.first if self.step else 0

    @property
    def range(self) -> TimeRange:
        """With its last nanosecond, as conditions on spans have it."""
        return TimeRange(self.start, self.end - 1)


def grid_of(request: MetricsRequest) -> Grid:
    """`InvalidQuery` for a range without length and for a step too short, `QueryLimitReached` for a range too long."""
    start, end, step = request.range.start, request.range.end, request.step
    if end <= start:
        raise InvalidQuery("the end of the range lies after its start")
    longest = request.scope.limits.range_ns
    if longest and end - start > longest:
        raise QueryLimitReached(
            f"the range has {_seconds(end - start)} and may have {_seconds(longest)}; narrow it", retry_after_seconds=0
        )
    if step is not None and step <= 0:
        raise InvalidQuery("the step is longer than 0")
    grid = Grid(start, end, step)
    if grid.count > limits.POINTS_MAX:
        least = -(-(end - start) // (limits.POINTS_MAX - 1))
        raise InvalidQuery(
            f"a step of {_seconds(step or 0)} gives more than {limits.POINTS_MAX:,} points in this range; "
            f"ask for one of at least {_seconds(least)}"
        )
    return grid


def series_max(request: MetricsRequest, grid: Grid) -> int:
    """How many series an answer may have."""
    return max(1, min(request.scope.limits.series, POINTS_OF_ALL_SERIES_MAX // grid.count))


def _seconds(nanos: int) -> str:
    return f"{nanos / NANOS_PER_SECOND:,.9f}".rstrip("0").rstrip(".") + " s"
