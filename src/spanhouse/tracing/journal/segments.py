"""The journal's files and their names.

    NAME.new    being made; not yet locked by its writer
    NAME.open   a living writer appends to it and holds a lock on it
    NAME.seg    closed: complete, synced, waiting to be loaded

NAME sorts by the time of opening. A `.open` file that nobody locks belonged to a process that died: whoever finds it
first cuts off the write that the death interrupted and closes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

from spanhouse.base.files import sync_directory
from spanhouse.tracing.journal.envelope import Damage, scan

OPEN_SUFFIX = ".open"
CLOSED_SUFFIX = ".seg"
NEW_SUFFIX = ".new"


def closed_segments(directory: Path) -> list[Path]:
    """Segments that wait to be loaded, oldest first."""
    return sorted(path for path in directory.iterdir() if path.suffix == CLOSED_SUFFIX)


@dataclass(frozen=True, slots=True)
class Usage:
    """What is not loaded yet: bytes on disk, and how many closed segments wait for the loader."""

    bytes: int
    closed: int


def usage(directory: Path) -> Usage:
    size = closed = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith((CLOSED_SUFFIX, OPEN_SUFFIX)):
                try:
                    size += entry.stat().st_size
                except FileNotFoundError:
                    continue  # loaded and removed since it was listed
                closed += entry.name.endswith(CLOSED_SUFFIX)
    return Usage(size, closed)


def create_segment(directory: Path, name: str) -> tuple[int, Path]:
    """(file descriptor, path) of a new open segment: locked before anyone can see it as open, its name durable."""
    making = directory / (name + NEW_SUFFIX)
    path = directory / (name + OPEN_SUFFIX)
    fd = os.open(making, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.rename(making, path)
        sync_directory(directory)
    except BaseException:
        os.close(fd)  # what is left of it is empty and unlocked: recovery removes it
        raise
    return fd, path


def close_segment(path: Path) -> Path:
    """Hand a synced open segment over to the loader."""
    closed = path.with_suffix(CLOSED_SUFFIX)
    os.rename(path, closed)
    sync_directory(path.parent)
    return closed


def recover_abandoned(directory: Path) -> list[Path]:
    """Close every segment whose writer died. Returns those that hold batches."""
    recovered = []
    for path in sorted(directory.iterdir()):
        if path.suffix == OPEN_SUFFIX and (closed := _recover(path)) is not None:
            recovered.append(closed)
    return recovered


def remove_unfinished(directory: Path) -> None:
    """Remove the `.new` files of writers that died while making one; a living writer's file is locked within moments,
    and one that loses it all the same fails to rename it and says so."""
    for path in directory.glob(f"*{NEW_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _recover(path: Path) -> Path | None:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None  # closed by its writer since it was listed
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _same_file(fd, path):
            return None
        whole = _whole_bytes(fd)
        if whole == 0:
            os.unlink(path)
            return None
        os.ftruncate(fd, whole)
        os.fsync(fd)
        return close_segment(path)
    except BlockingIOError:
        return None  # its writer lives
    finally:
        os.close(fd)


def _same_file(fd: int, path: Path) -> bool:
    try:
        return os.fstat(fd).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _whole_bytes(fd: int) -> int:
    """Length up to the write that was cut off. Damage before whole envelopes is kept: the loader sets it aside."""
    size = os.fstat(fd).st_size
    if size == 0:
        return 0
    with mmap.mmap(fd, size, prot=mmap.PROT_READ) as content, memoryview(content) as view:
        whole = 0
        for found in scan(view):
            if not isinstance(found, Damage):
                whole = found.end
        return whole
