"""Rates, errors and durations over time, shaped for charts: every step has a point, empty ones too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.console.timerange import Chosen
from spanhouse.tracing.plan.requests import RedPoint
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.protocols import Reader


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a whole range. Durations in ns; None where nothing was called."""

    calls: int
    errors: int
    per_second: float
    p50: float | None
    p95: float | None
    p99: float | None

    @property
    def error_share(self) -> float:
        return self.errors / self.calls if self.calls else 0.0


def totals(
    reader: Reader, scope: Scope, chosen: Chosen, service: str | None = None, operation: str | None = None
) -> Totals:
    """One figure each for the range. Percentiles cannot be added up, so the store is asked for one long step."""
    step = -(-chosen.range.end // NANOS_PER_MINUTE) * NANOS_PER_MINUTE + NANOS_PER_MINUTE
    points = reader.red_series(scope, chosen.range, step, service, operation)
    calls, errors = sum(p.calls for p in points), sum(p.errors for p in points)
    whole = max(points, key=lambda point: point.calls, default=None)
    return Totals(
        calls=calls,
        errors=errors,
        per_second=calls / chosen.seconds,
        p50=whole.p50 if whole else None,
        p95=whole.p95 if whole else None,
        p99=whole.p99 if whole else None,
    )


NANOS_PER_MINUTE = 60 * NANOS_PER_SECOND


def chart(points: Sequence[RedPoint], time_range: TimeRange, step: int) -> dict[str, Any]:
    """Columns: `at` in s, `rate` and `errors` per second, percentiles in ns (null where nothing was called)."""
    known = {point.at // step: point for point in points}
    # The step that still runs would look like a dip: it counts by what has passed of it, and not before a minute has.
    first, running = time_range.start // step, time_range.end // step
    passed = time_range.end - running * step
    steps = range(first, running + 1 if passed >= NANOS_PER_MINUTE or running == first else running)
    found = [known.get(index) for index in steps]
    per_step = step / NANOS_PER_SECOND
    lengths = [passed / NANOS_PER_SECOND if index == running != first else per_step for index in steps]
    return {
        "at": [index * step / NANOS_PER_SECOND for index in steps],
        "step": per_step,
        "rate": [point.calls / length if point else 0 for point, length in zip(found, lengths, strict=True)],
        "errors": [point.errors / length if point else 0 for point, length in zip(found, lengths, strict=True)],
        "p50": [point.p50 if point else None for point in found],
        "p95": [point.p95 if point else None for point in found],
        "p99": [point.p99 if point else None for point in found],
    }
