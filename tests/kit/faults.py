"""A disk that fails on demand and remembers what was asked of it, in place of `os` for the files of one directory."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

CALLS = ("writev", "write", "fdatasync", "fsync", "ftruncate", "rename", "unlink", "open")


@dataclass(frozen=True)
class Call:
    """`name` of the system call and the file's name without its suffix's past: `a.open` stays `a.open`."""

    name: str
    file: str

    def __str__(self) -> str:
        return f"{self.name} {self.file}"


@dataclass
class Disk:
    """Put a failure into `failures` (call name → error number) and the next such call on a file below fails."""

    directory: Path
    calls: list[Call] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    failing_for_good: set[str] = field(default_factory=set)
    short_writes: bool = False
    watch: Callable[[Call], None] = lambda call: None

    def of(self, *names: str) -> list[Call]:
        return [call for call in self.calls if call.name in names]

    def heard(self, name: str, file: str) -> None:
        call = Call(name, file)
        self.calls.append(call)
        self.watch(call)
        number = self.failures.get(name)
        if number is not None:
            if name not in self.failing_for_good:
                del self.failures[name]
            raise OSError(number, os.strerror(number), file)


@contextmanager
def faulty_disk(directory: Path) -> Iterator[Disk]:
    """The disk under `directory`; everything else goes to the real one unseen."""
    disk = Disk(directory)
    real = {name: getattr(os, name) for name in CALLS}
    with patch.multiple(os, **{name: _through(disk, name, real) for name in CALLS}):
        yield disk


def _through(disk: Disk, name: str, real: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    def call(target: Any, *rest: Any, **more: Any) -> Any:
        file = _name(disk, target)
        if file is None:
            return real[name](target, *rest, **more)
        disk.heard(name, file)
        if disk.short_writes and name == "writev":
            return real["write"](target, _some(rest[0]))
        if disk.short_writes and name == "write":
            return real["write"](target, bytes(rest[0])[:7])
        return real[name](target, *rest, **more)

    return call


def _some(parts: Sequence[bytes]) -> bytes:
    return b"".join(parts)[:5]


def _name(disk: Disk, target: Any) -> str | None:
    """Of a path or an open file below the disk's directory; "." for the directory itself."""
    try:
        path = Path(os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else os.fspath(target))
    except (OSError, TypeError):
        return None
    if path == disk.directory:
        return "."
    return path.name if path.parent == disk.directory else None


NO_SPACE, BROKEN = errno.ENOSPC, errno.EIO
