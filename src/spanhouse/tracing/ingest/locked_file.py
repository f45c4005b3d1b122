"""A small file that the ingest processes of a node change one after another."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOW = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class LockedFile:
    """Open and locked. Not synced: what a loss of power takes from it is an account of seconds, no span."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, start: int = 0, bytes_max: int | None = None) -> bytes:
        size = max(0, os.fstat(self._descriptor).st_size - start)
        return os.pread(self._descriptor, size if bytes_max is None else min(size, bytes_max), start)

    def write(self, content: bytes, start: int) -> None:
        os.pwrite(self._descriptor, content, start)

    def replace(self, content: bytes) -> None:
        """Longer content first, then the cut: a process killed between leaves more, never less."""
        os.pwrite(self._descriptor, content, 0)
        if os.fstat(self._descriptor).st_size > len(content):
            os.ftruncate(self._descriptor, len(content))


@contextmanager
def locked(path: Path) -> Iterator[LockedFile]:
    """Wait for the lock, which others hold for microseconds and which ends with its process. Raises OSError."""
    try:
        descriptor = os.open(path, _HOW, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, _HOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield LockedFile(descriptor)
    finally:
        os.close(descriptor)
