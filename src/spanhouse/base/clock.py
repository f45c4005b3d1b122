"""The one source of time. Everything that asks what time it is takes a `Clock`.

Unit: integer nanoseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from spanhouse.base.errors import ConfigurationError
from spanhouse.base.files import write_atomically

NANOS_PER_SECOND = 1_000_000_000
NANOS_PER_DAY = 86_400 * NANOS_PER_SECOND


class Clock(Protocol):
    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        return time.time_ns()


@dataclass
class FixedClock:
    """Stands still until told; for tests of single functions."""

    at_ns: int

    def now_ns(self) -> int:
        return self.at_ns

    def advance(self, **delta: float) -> None:
        self.at_ns += int(timedelta(**delta).total_seconds() * NANOS_PER_SECOND)


class TrialClock:
    """A clock that ticks from a chosen moment, shared by all processes through one file.

    The file holds the offset from the machine's clock in ns; whoever advances it rewrites the file
    and every process sees the new time at its next look.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._offset_ns = 0

    @classmethod
    def start(cls, path: Path, at: datetime) -> TrialClock:
        """Start ticking at `at`, unless this data directory already has a trial clock."""
        clock = cls(path)
        if not path.exists():
            clock._write(int(at.timestamp() * NANOS_PER_SECOND) - time.time_ns())
        return clock

    def now_ns(self) -> int:
        return time.time_ns() + self._read()

    def advance(self, delta: timedelta) -> None:
        if delta < timedelta(0):
            raise ConfigurationError("the trial clock only moves forward")
        self._write(self._read() + int(delta.total_seconds() * NANOS_PER_SECOND))

    def _read(self) -> int:
        stat = os.stat(self._path)
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            self._offset_ns = int(json.loads(self._path.read_text())["offset_ns"])
            self._stamp = stamp
        return self._offset_ns

    def _write(self, offset_ns: int) -> None:
        write_atomically(self._path, json.dumps({"offset_ns": offset_ns}).encode())
        self._stamp = None


def to_datetime(at_ns: int) -> datetime:
    """UTC datetime (µs precision) of a time in ns."""
    return datetime.fromtimestamp(at_ns // NANOS_PER_SECOND, UTC) + timedelta(
        microseconds=at_ns % NANOS_PER_SECOND // 1000
    )
