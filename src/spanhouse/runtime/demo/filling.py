"""Fills a store: makes the bodies, sends them, counts what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spanhouse.base.clock import Clock
from spanhouse.runtime.demo.filler import SPANS_PER_BODY, bodies
from spanhouse.runtime.demo.sending import Target, send_all


@dataclass(frozen=True, slots=True)
class Filling:
    spans: int
    services: int = 24
    range_seconds: float = 3600.0

    def portions(self, newest_ns: int) -> Iterator[tuple[bytes, int]]:
        """Each body with the number of its spans."""
        made = bodies(self.spans, newest_ns=newest_ns, range_seconds=self.range_seconds, services=self.services)
        left = self.spans
        for body in made:
            count = min(SPANS_PER_BODY, left)
            left -= count
            yield body, count


def fill(filling: Filling, target: Target, clock: Clock, acknowledged: Callable[[int], None]) -> None:
    """Send it all. Raises what `send_all` raises; `acknowledged` hears the count of every body taken."""
    send_all(target, filling.portions(clock.now_ns()), acknowledged=acknowledged)
