"""What a thread of execution carries through the shop: its simulated time and its trace context."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from opentelemetry.context import Context

from spanhouse.base.clock import NANOS_PER_SECOND

NANOS_PER_MS = 1_000_000
_WORK_NS_MAX = 2_500 * NANOS_PER_MS  # so that a whole request stays within the seconds the shop lags behind


@dataclass
class Flow:
    """`now` is simulated time in ns; work moves it forward, nothing waits."""

    now: int
    rng: random.Random
    context: Context = field(default_factory=Context)

    def spend(self, ms: float, *, spread: float = 0.35) -> None:
        """Take about `ms` milliseconds: log-normal with that median, and one time in a hundred a slow tail."""
        tail = self.rng.uniform(3, 12) if self.rng.random() < 0.01 else 1.0
        lasts = int(ms * self.rng.lognormvariate(0, spread) * tail * NANOS_PER_MS)
        self.now += min(lasts, _WORK_NS_MAX)

    def wait(self, seconds: float) -> None:
        """Exactly this long, as a timeout or a pause between retries does."""
        self.now += int(seconds * NANOS_PER_SECOND)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def elsewhere(self, context: Context) -> Flow:
        """The same moment in another process, which knows only the context it was sent."""
        return Flow(self.now, self.rng, context)
