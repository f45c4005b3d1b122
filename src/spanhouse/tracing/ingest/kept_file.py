"""A file in which a process keeps, for the control plane, what it noticed: held in memory, written now and then."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, TypeVar

import structlog

from spanhouse.base.files import write_atomically

WRITE_SECONDS = 10.0
"""At most this often the file is written, and only if something is new."""

LOOK_SECONDS = 1.0

Content = TypeVar("Content")

log = structlog.get_logger(__name__)


class KeptFile(ABC):
    """Whoever notes something sets `_changed`, on the event loop; `write` is for any thread."""

    WHAT: ClassVar[str]
    """What the file holds, for the log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = False
        self._writing = threading.Lock()

    @abstractmethod
    def _content(self) -> bytes: ...

    def _before(self, parse: Callable[[bytes], Content]) -> Content | None:
        """What a process before this one left in the file, which may not have been taken up yet. `parse` raises
        ValueError for what it cannot read."""
        try:
            return parse(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning(f"{self.WHAT} cannot be read, starting anew", path=str(self._path), error=str(error))
            return None

    def write(self) -> bool:
        """Write what is new; False if nothing is. A disk that fails is logged, and the next call tries again."""
        with self._writing:
            if not self._changed:
                return False
            self._changed = False
            try:
                write_atomically(self._path, self._content())
            except OSError as error:
                self._changed = True
                log.warning(f"{self.WHAT} cannot be written", path=str(self._path), error=str(error))
            return True

    async def keep_writing(self) -> None:
        """Until cancelled; what is new after a quiet time is written within LOOK_SECONDS."""
        while True:
            # Apart: a disk that is slow to sync must not hold up those who send.
            wrote = await asyncio.to_thread(self.write)
            await asyncio.sleep(WRITE_SECONDS if wrote else LOOK_SECONDS)
