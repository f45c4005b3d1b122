"""Appends batches and answers once they are on the disk: one sync for all that wait (group commit)."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from spanhouse.base import limits
from spanhouse.base.clock import Clock
from spanhouse.base.errors import SpanhouseError, StorageFull, Unavailable
from spanhouse.tracing.journal.envelope import Envelope, encode
from spanhouse.tracing.journal.segments import close_segment, create_segment, recover_abandoned, usage

log = structlog.get_logger(__name__)

_IOV_MAX = 512
_TICK_SECONDS = 0.1
_IDLE_TICK_SECONDS = 1.0
_SMALL_SEGMENT_BYTES = 256 * 1024
_SMALL_SEGMENT_PATIENCE = 1.6
_QUICK_LOAD_SECONDS = 0.5
"""A load of little costs nearly as much as one of much: while loads are quick, a segment that holds little is kept open
so many times as long. Its first span is still found before it is two seconds old."""
_FREE_BYTES_MIN = 256 * 1024 * 1024  # left for the store to merge and for the relational database


@dataclass(slots=True)
class _Waiting:
    head: bytes
    body: bytes
    done: asyncio.Future[None]


@dataclass(slots=True)
class _Segment:
    fd: int
    path: Path
    opened_at: float
    durable_bytes: int = 0


@dataclass
class Journal:
    """One writer's end of the journal in `directory`, which several processes may share. Use `open`, then `close`.

    All methods are called on the event loop; writing and syncing happen on one thread of its own.
    """

    directory: Path
    clock: Clock
    writer: str
    bytes_max: int
    segment_bytes_max: int
    segment_age_seconds_max: float
    _pending: list[_Waiting] = field(default_factory=list)
    _taken: list[_Waiting] = field(default_factory=list)
    _pending_bytes: int = 0
    _used_bytes: int = 0
    _waiting_segments: int = 0
    _handed_over_at: float | None = None
    _load_seconds: float = 0.0
    _sequence: int = 0
    _segment: _Segment | None = None
    _stopping: bool = False
    _wake: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _failed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def open(
        cls,
        directory: Path,
        clock: Clock,
        *,
        writer: str = "0",
        bytes_max: int = limits.JOURNAL_BYTES_MAX,
        segment_bytes_max: int = limits.SEGMENT_BYTES_MAX,
        segment_age_ms_max: int = limits.SEGMENT_AGE_MS_MAX,
    ) -> Journal:
        """Start writing; `writer` names this process among those that share the directory. Call it on the loop."""
        directory.mkdir(parents=True, exist_ok=True)
        recover_abandoned(directory)
        journal = cls(directory, clock, writer, bytes_max, segment_bytes_max, segment_age_ms_max / 1000)
        journal._look_at_directory()
        journal._loop = asyncio.get_running_loop()
        journal._thread = threading.Thread(target=journal._write_until_closed, name="journal", daemon=True)
        journal._thread.start()
        return journal

    async def append(self, envelope: Envelope) -> None:
        """Return once the batch is durable. `StorageFull` when the bound is reached, `Unavailable` when the disk fails;
        then it is not acknowledged, though it may still turn up in the store."""
        head, body = encode(envelope)
        size = len(head) + len(body)
        if self._used_bytes + self._pending_bytes + size > self.bytes_max:
            raise StorageFull("the journal is full: the store is not keeping up", retry_after_seconds=5)
        waiting = _Waiting(head, body, asyncio.get_running_loop().create_future())
        with self._wake:
            if self._stopping:  # writing may have stopped by itself meanwhile
                raise Unavailable("this process is stopping")
            self._pending.append(waiting)
            self._pending_bytes += size
            self._wake.notify()
        await waiting.done

    async def failed(self) -> None:
        """Wait until writing has stopped by itself, then raise SpanhouseError: this process must be started afresh."""
        await self._failed.wait()
        raise SpanhouseError("the journal stopped by itself")

    async def close(self) -> None:
        """Write what waits, hand the last segment over, stop."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _write_until_closed(self) -> None:
        try:
            self._write_groups()
        except BaseException:
            log.error("the journal stopped by itself", traceback=traceback.format_exc())  # plain: locals hold spans
            self._fail()

    def _fail(self) -> None:
        """Let nobody wait for what will not come, and leave the segment without its lock, for recovery."""
        with self._wake:
            self._stopping = True
            group, self._pending, self._taken = self._taken + self._pending, [], []
        self._answer(group, Unavailable("the journal stopped by itself"))
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._failed.set)
        segment, self._segment = self._segment, None
        if segment is not None:
            os.close(segment.fd)

    def _write_groups(self) -> None:
        while True:
            with self._wake:
                if not self._pending and not self._stopping:
                    self._wake.wait(self._pause())
                group, self._pending = self._pending, []
                self._taken = group
                self._used_bytes += self._pending_bytes
                self._pending_bytes = 0
                last = self._stopping
            if group:
                self._commit(group)
            self._rotate(now_closing=last and not self._pending)
            self._look_at_directory()
            if last and not self._pending:
                return

    def _commit(self, group: Sequence[_Waiting]) -> None:
        try:
            self._check_free_space()
            segment = self._segment or self._open_segment()
            written = _write_all(segment.fd, group)
            os.fdatasync(segment.fd)
            segment.durable_bytes += written
        except (OSError, Unavailable) as error:
            log.error("journal write failed", error=str(error), batches=len(group))
            self._abandon_segment()
            self._answer(
                group, error if isinstance(error, Unavailable) else Unavailable(f"the journal's disk: {error}")
            )
        else:
            self._answer(group, None)

    def _open_segment(self) -> _Segment:
        self._sequence += 1
        name = f"{self.clock.now_ns():020d}-{self.writer}-{os.getpid()}-{self._sequence:06d}"
        fd, path = create_segment(self.directory, name)
        self._segment = _Segment(fd, path, time.monotonic())
        return self._segment

    def _rotate(self, *, now_closing: bool) -> None:
        segment = self._segment
        if segment is None:
            return
        # While the loader has segments to take, this one grows instead: few large loads cost less than many small ones.
        old = self._seconds_left(segment) <= 0 and not self._waiting_segments
        if old or now_closing or segment.durable_bytes >= self.segment_bytes_max:
            self._segment = None
            _hand_over(segment)
            self._handed_over_at = self._handed_over_at or time.monotonic()

    def _seconds_left(self, segment: _Segment) -> float:
        """Until the segment is old enough to be closed."""
        may_wait = segment.durable_bytes < _SMALL_SEGMENT_BYTES and self._load_seconds < _QUICK_LOAD_SECONDS
        patience = _SMALL_SEGMENT_PATIENCE if may_wait else 1.0
        return segment.opened_at + self.segment_age_seconds_max * patience - time.monotonic()

    def _pause(self) -> float:
        """Seconds to wait for a batch: no longer than until the open segment is due."""
        if self._segment is None:
            return _IDLE_TICK_SECONDS if self._handed_over_at is None else _TICK_SECONDS
        left = self._seconds_left(self._segment)
        return min(left, _TICK_SECONDS) if left > 0 else _TICK_SECONDS

    def _abandon_segment(self) -> None:
        """After a failed write or sync nothing past the last good sync can be trusted, nor can this file be synced
        again: cut it there and never append to it any more."""
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            os.ftruncate(segment.fd, segment.durable_bytes)
        except OSError as error:
            log.error("journal segment not cut off", path=str(segment.path), error=str(error))
        _hand_over(segment)

    def _look_at_directory(self) -> None:
        try:
            found = usage(self.directory)
            self._used_bytes, self._waiting_segments = found.bytes, found.closed
            self._time_loads()
        except OSError as error:
            log.error("journal directory unreadable", path=str(self.directory), error=str(error))

    def _time_loads(self) -> None:
        """How long the loader takes, as far as it shows in the directory."""
        if self._handed_over_at is not None:
            self._load_seconds = time.monotonic() - self._handed_over_at
            if not self._waiting_segments:
                self._handed_over_at = None

    def _check_free_space(self) -> None:
        free = os.statvfs(self.directory)
        if free.f_bavail * free.f_frsize < _FREE_BYTES_MIN:
            raise StorageFull("the disk under the journal is nearly full", retry_after_seconds=30)

    def _answer(self, group: Sequence[_Waiting], error: Exception | None) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_settle, group, error)


def _hand_over(segment: _Segment) -> None:
    """Give a synced segment to the loader. If that fails it is left without its lock, for recovery to do the same."""
    try:
        close_segment(segment.path)
    except OSError as error:
        log.error("journal segment left for recovery", path=str(segment.path), error=str(error))
    finally:
        os.close(segment.fd)


def _settle(group: Sequence[_Waiting], error: Exception | None) -> None:
    for waiting in group:
        if waiting.done.done():
            continue  # the client has gone; its batch is stored all the same
        if error is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(error)


def _write_all(fd: int, group: Sequence[_Waiting]) -> int:
    """Append all; returns bytes written."""
    total = 0
    for parts in _chunks(group):
        expected = sum(map(len, parts))
        written = os.writev(fd, parts)
        if written < expected:  # a full disk or a signal: finish the slow way, or fail with the reason
            rest = memoryview(b"".join(parts))[written:]
            while rest:
                rest = rest[os.write(fd, rest) :]
        total += expected
    return total


def _chunks(group: Sequence[_Waiting]) -> Iterator[list[bytes]]:
    parts = [part for waiting in group for part in (waiting.head, waiting.body)]
    for at in range(0, len(parts), _IOV_MAX):
        yield parts[at : at + _IOV_MAX]
