"""A bound on the body bytes held at once: past it senders are told to come back, instead of the process swelling."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Self

from spanhouse.base.errors import Unavailable

IN_FLIGHT_BYTES_MAX = 256 * 1024 * 1024
RETRY_AFTER_SECONDS = 1


class InFlight:
    """Bytes of the bodies being read, checked or waiting for the journal.

    An instance holds no more than it leaves free: half of all when it is alone, and always room for one that comes
    later. So many large bodies that arrive slowly are their own sender's trouble.
    """

    def __init__(self, bytes_max: int = IN_FLIGHT_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0
        self._of_instances: Counter[str] = Counter()

    def reserve(self, instance: str) -> Reservation:
        return Reservation(self, instance)

    def grow(self, instance: str, count: int) -> None:
        """Raises Unavailable when it would pass the bound."""
        held = self._of_instances[instance] + count
        if held > self.bytes_max - self.bytes - count:
            raise Unavailable("too many spans are on their way in", retry_after_seconds=RETRY_AFTER_SECONDS)
        self._of_instances[instance] = held
        self.bytes += count

    def shrink(self, instance: str, count: int) -> None:
        self.bytes -= count
        self._of_instances[instance] -= count
        if not self._of_instances[instance]:
            del self._of_instances[instance]


class Reservation:
    """One request's share; use as a context manager, which gives it back."""

    def __init__(self, in_flight: InFlight, instance: str) -> None:
        self._in_flight = in_flight
        self._instance = instance
        self._bytes = 0

    def grow(self, count: int) -> None:
        """Raises Unavailable when it would pass the bound."""
        self._in_flight.grow(self._instance, count)
        self._bytes += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in_flight.shrink(self._instance, self._bytes)
        self._bytes = 0
