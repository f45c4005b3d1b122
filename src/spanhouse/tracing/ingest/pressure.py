"""A bound on the body bytes held at once: past it senders are told to come back, instead of the process swelling."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from spanhouse.base.errors import Unavailable

IN_FLIGHT_BYTES_MAX = 256 * 1024 * 1024
RETRY_AFTER_SECONDS = 1


class InFlight:
    """Bytes of the bodies being read, checked or waiting for the journal."""

    def __init__(self, bytes_max: int = IN_FLIGHT_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0

    def reserve(self) -> Reservation:
        return Reservation(self)


class Reservation:
    """One request's share; use as a context manager, which gives it back."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._bytes = 0

    def grow(self, count: int) -> None:
        """Raises Unavailable when it would pass the bound."""
        if self._in_flight.bytes + count > self._in_flight.bytes_max:
            raise Unavailable("too many spans are on their way in", retry_after_seconds=RETRY_AFTER_SECONDS)
        self._in_flight.bytes += count
        self._bytes += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in_flight.bytes -= self._bytes
        self._bytes = 0
