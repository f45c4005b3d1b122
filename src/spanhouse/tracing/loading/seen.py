"""Which batches were loaded lately, so that a client's retry is stored once.

A retry is a batch with the same bytes from the same instance within `limits.RETRY_WINDOW_SECONDS`. The loader is the
one place on a node through which every batch of every ingest process passes in order, so the window lives here. What a
segment contributed is on disk (`NAME.seen`) before the segment is loaded: after a crash the same segment keeps the same
batches, so a load that is repeated repeats exactly.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.files import write_atomically
from spanhouse.tracing.journal.envelope import Frame

SEEN_SUFFIX = ".seen"
_ENTRY = struct.Struct("<16sQ")
_WINDOW_NS = limits.RETRY_WINDOW_SECONDS * NANOS_PER_SECOND


@dataclass
class SeenBatches:
    """The window over all segments in `directory`."""

    directory: Path
    _first: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    """batch key → (segment that keeps it, received_at)"""

    @classmethod
    def open(cls, directory: Path) -> SeenBatches:
        seen = cls(directory)
        for path in sorted(directory.glob(f"*{SEEN_SUFFIX}")):
            seen._remember(path.stem, _ENTRY.iter_unpack(path.read_bytes()))
        return seen

    def claim(self, segment: str, frames: Iterable[Frame]) -> list[Frame]:
        """The frames that `segment` keeps; those left out are retries. Durable before it returns, and the same however
        often it is asked."""
        record = self.directory / (segment + SEEN_SUFFIX)
        decided = {key for key, _ in _ENTRY.iter_unpack(record.read_bytes())} if record.exists() else None
        entries: dict[bytes, int] = {}
        kept = []
        for frame in frames:
            key = _key(frame)
            retry = self._elsewhere(segment, key, frame.received_at) if decided is None else key not in decided
            if key not in entries and not retry:
                entries[key] = frame.received_at
                kept.append(frame)
        if decided is None:
            write_atomically(record, b"".join(_ENTRY.pack(key, at) for key, at in entries.items()))
        self._remember(segment, entries.items())
        return kept

    def forget(self, before_ns: int, waiting: frozenset[str]) -> None:
        """Drop what is older than the window, but for segments still `waiting` to be loaded."""
        for path in self.directory.glob(f"*{SEEN_SUFFIX}"):
            if path.stem in waiting:
                continue
            newest = max((at for _, at in _ENTRY.iter_unpack(path.read_bytes())), default=0)
            if newest + _WINDOW_NS < before_ns:
                path.unlink(missing_ok=True)
        self._first = {
            key: (segment, at)
            for key, (segment, at) in self._first.items()
            if segment in waiting or at + _WINDOW_NS >= before_ns
        }

    def _elsewhere(self, segment: str, key: bytes, received_at: int) -> bool:
        found = self._first.get(key)
        return found is not None and found[0] != segment and abs(received_at - found[1]) <= _WINDOW_NS

    def _remember(self, segment: str, entries: Iterable[tuple[bytes, int]]) -> None:
        for key, at in entries:
            self._first[key] = (segment, at)


def _key(frame: Frame) -> bytes:
    return hashlib.blake2b(frame.content_hash, key=frame.instance.encode()[:64], digest_size=16).digest()
