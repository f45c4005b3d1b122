"""The HTTP server's interface (RSGI 1.5) as far as we use it, and reading a body within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from spanhouse.base.errors import Malformed, TooLarge, Unavailable
from spanhouse.tracing.ingest.pressure import Reservation

DRAIN_BYTES_MAX = 256 * 1024 * 1024
"""Of a body that is refused this much is still read and dropped: a client that is writing sees no answer before."""
DRAIN_SECONDS_MAX = 5


class Headers(Protocol):
    def get(self, key: str, default: str | None = None) -> str | None: ...


class Scope(Protocol):
    proto: str
    client: str
    method: str
    path: str
    authority: str | None

    @property
    def headers(self) -> Headers: ...


class Exchange(Protocol):
    """One request's body and its response."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


class BodyReads:
    """The bodies being read now, so that a stop does not wait for clients that stall."""

    def __init__(self) -> None:
        self._deadlines: set[asyncio.Timeout] = set()
        self._stopping = False

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Raises TimeoutError after `seconds`, or when told to stop."""
        async with asyncio.timeout(0 if self._stopping else seconds) as deadline:
            self._deadlines.add(deadline)
            try:
                yield
            finally:
                self._deadlines.discard(deadline)

    def stop(self) -> None:
        """Let every read end now: what has not arrived is left to the client's retry."""
        self._stopping = True
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(asyncio.get_running_loop().time())


class IncomingBody:
    """A request's body, which comes in chunks and can be gone through once."""

    def __init__(self, exchange: Exchange, declared_bytes: str | None, reads: BodyReads) -> None:
        self._reads = reads
        self._declared = int(declared_bytes) if declared_bytes and declared_bytes.isdecimal() else None
        self._chunks = _chunks(exchange)

    async def read(self, bytes_max: int, reservation: Reservation, seconds: float) -> bytes:
        """The whole body. Raises TooLarge past `bytes_max`, Unavailable under pressure or after `seconds`."""
        if self._declared is not None and self._declared > bytes_max:
            raise TooLarge(f"the body of {self._declared} bytes is larger than {bytes_max}")
        chunks: list[bytes] = []
        total = 0
        try:
            async with self._reads.within(seconds):
                async for chunk in self._chunks:
                    total += len(chunk)
                    if total > bytes_max:
                        raise TooLarge(f"the body is larger than {bytes_max} bytes")
                    reservation.grow(len(chunk))
                    chunks.append(chunk)
        except TimeoutError:
            raise Unavailable(f"the body did not arrive within {seconds:g} s, or before we had to stop") from None
        if self._declared is not None and total != self._declared:
            raise Malformed(f"the body ended after {total} of {self._declared} bytes")
        return b"".join(chunks)

    async def drain(self) -> None:
        """Read and drop what is left, within bounds."""
        total = 0
        try:
            async with self._reads.within(DRAIN_SECONDS_MAX):
                async for chunk in self._chunks:
                    total += len(chunk)
                    if total > DRAIN_BYTES_MAX:
                        return
        except (TimeoutError, RuntimeError):  # RuntimeError: the server has no more of it to give
            return


async def _chunks(exchange: Exchange) -> AsyncIterator[bytes]:
    """The server lets a body be iterated over once; through this generator a reader can leave off and go on."""
    async for chunk in exchange:
        yield chunk


def peer_address(client: str) -> str:
    """The IP address of `address:port`, whose IPv6 form may have brackets."""
    return client.rpartition(":")[0].strip("[]")
