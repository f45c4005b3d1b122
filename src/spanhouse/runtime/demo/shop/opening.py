"""Opens the shop and keeps it going: simulated time follows the clock a few seconds behind."""

from __future__ import annotations

import random
import threading

from spanhouse.base.clock import NANOS_PER_SECOND, Clock
from spanhouse.runtime.demo.shop import delivery, jobs, visits
from spanhouse.runtime.demo.shop.flow import Flow
from spanhouse.runtime.demo.shop.staff import Shop

REQUESTS_PER_SECOND = 5.0
_BEHIND_SECONDS = 6  # the slowest request is over by then, so that no span ends in the future
_TICK_SECONDS = 0.2


def timetable(shop: Shop, from_ns: int, requests_per_second: float) -> None:
    """Put the first of each recurring thing on the agenda."""

    def next_visit(flow: Flow) -> None:
        gap = flow.rng.expovariate(requests_per_second)
        shop.agenda.at(flow.now + int(gap * NANOS_PER_SECOND), next_visit)
        visits.visit(shop, flow)

    shop.agenda.at(from_ns, next_visit)
    shop.agenda.at(from_ns + NANOS_PER_SECOND, lambda flow: delivery.mail_round(shop, flow))
    shop.agenda.at(from_ns + 2 * NANOS_PER_SECOND, lambda flow: jobs.report(shop, flow))
    shop.agenda.at(from_ns + 3 * NANOS_PER_SECOND, lambda flow: jobs.expire_carts(shop, flow))


def keep_open(shop: Shop, clock: Clock, closing: threading.Event, requests_per_second: float) -> None:
    """Let the shop live until `closing` is set. It opens with a minute that has already passed."""
    started = clock.now_ns() - (60 + _BEHIND_SECONDS) * NANOS_PER_SECOND
    timetable(shop, started, requests_per_second)
    while not closing.is_set():
        shop.agenda.run_until(clock.now_ns() - _BEHIND_SECONDS * NANOS_PER_SECOND)
        closing.wait(_TICK_SECONDS)


def any_luck() -> random.Random:
    return random.Random()  # noqa: S311 - latencies and choices, nothing secret
