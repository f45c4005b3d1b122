"""Points of the charts."""

from __future__ import annotations

from spanhouse.console.series import NANOS_PER_MINUTE, chart
from spanhouse.tracing.plan.requests import RedPoint
from spanhouse.tracing.plan.scope import TimeRange

SECOND = 10**9


def _point(at: int, calls: int) -> RedPoint:
    return RedPoint(at=at, calls=calls, errors=0, p50=1.0, p95=1.0, p99=1.0)


def test_a_minute_that_still_runs_is_left_out() -> None:
    points = [_point(0, 60), _point(NANOS_PER_MINUTE, 5)]

    drawn = chart(points, TimeRange(0, NANOS_PER_MINUTE + 5 * SECOND), NANOS_PER_MINUTE)

    assert (drawn["at"], drawn["rate"]) == ([0], [1])


def test_a_longer_step_that_still_runs_counts_by_what_has_passed() -> None:
    step = 10 * NANOS_PER_MINUTE
    points = [_point(0, 600), _point(step, 120)]

    drawn = chart(points, TimeRange(0, step + 2 * NANOS_PER_MINUTE), step)

    assert drawn["rate"] == [1, 1]


def test_a_range_within_one_minute_has_a_point() -> None:
    drawn = chart([_point(0, 60)], TimeRange(0, 30 * SECOND), NANOS_PER_MINUTE)

    assert drawn["rate"] == [1]
