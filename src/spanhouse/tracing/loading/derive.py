"""When to recompute what loads touched: soon after a minute has gone quiet, and now and then while it has not."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field

import structlog

from spanhouse.base.clock import NANOS_PER_SECOND, Clock
from spanhouse.base.errors import SpanhouseError
from spanhouse.tracing.store.protocols import Deriver

log = structlog.get_logger(__name__)

_QUIET_NS = 10 * NANOS_PER_SECOND
_WAIT_NS_MAX = 60 * NANOS_PER_SECOND
_LOOK_BACK_NS = 3600 * NANOS_PER_SECOND
_TICK_SECONDS = 5.0
_MINUTES_AT_ONCE_MAX = 120


@dataclass(slots=True)
class _Dirty:
    first_ns: int
    last_ns: int


@dataclass
class Derivation:
    """Collects touched minutes from the loader's reports; `run` in a thread."""

    deriver: Deriver
    clock: Clock
    _reports: list[tuple[int, int]] = field(default_factory=list)
    _dirty: dict[tuple[str, int], _Dirty] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        now = self.clock.now_ns()
        self.report(max(0, now - _LOOK_BACK_NS), now)  # what a crash may have kept from being recomputed

    def report(self, first_ns: int, last_ns: int) -> None:
        """Spans received between these times (ns) have just become visible. Any thread."""
        with self._lock:
            self._reports.append((first_ns, last_ns))

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(_TICK_SECONDS):
            try:
                self.step()
            except SpanhouseError as error:
                log.error("deriving failed, will try again", error=str(error))

    def step(self, *, all_now: bool = False) -> int:
        """Recompute the minutes that are due (`all_now`: every dirty one); returns how many."""
        now = self.clock.now_ns()
        self._collect(now)
        due: dict[str, list[int]] = defaultdict(list)
        for (instance, minute), dirty in sorted(self._dirty.items()):
            if all_now or now - dirty.last_ns >= _QUIET_NS or now - dirty.first_ns >= _WAIT_NS_MAX:
                due[instance].append(minute)
        for instance, minutes in due.items():
            for at in range(0, len(minutes), _MINUTES_AT_ONCE_MAX):
                chunk = minutes[at : at + _MINUTES_AT_ONCE_MAX]
                self.deriver.recompute(instance, chunk, now)
                for minute in chunk:
                    del self._dirty[instance, minute]
        return sum(map(len, due.values()))

    def _collect(self, now: int) -> None:
        with self._lock:
            reports, self._reports = self._reports, []
        if not reports:
            return
        first, last = min(report[0] for report in reports), max(report[1] for report in reports)
        try:
            touched = self.deriver.touched(first, last)
        except SpanhouseError:
            self.report(first, last)
            raise
        for key in touched:
            self._dirty.setdefault(key, _Dirty(now, now)).last_ns = now
