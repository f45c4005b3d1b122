"""When each key was last used: kept in memory, written now and then for the control plane to read."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import structlog

from spanhouse.base.files import write_atomically
from spanhouse.contracts.use import KeyUses

WRITE_SECONDS = 10.0
"""At most this often the file is written, and only if a key was used meanwhile."""

LOOK_SECONDS = 1.0

log = structlog.get_logger(__name__)


class UseFile:
    """The last uses this process saw, in a file of its own. `note` is for the event loop, `write` for any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last_ns = dict(_read(path).last_ns)  # what a process before this one saw may not have been taken up yet
        self._changed = False
        self._writing = threading.Lock()

    def note(self, key_id: str, now_ns: int) -> None:
        """Remember that the key was used. "" stands for no key."""
        if key_id and now_ns > self._last_ns.get(key_id, -1):
            self._last_ns[key_id] = now_ns
            self._changed = True

    def write(self) -> bool:
        """Write what is new; False if nothing is. A disk that fails is logged, and the next call tries again."""
        with self._writing:
            if not self._changed:
                return False
            self._changed = False
            try:
                write_atomically(self._path, KeyUses(self._last_ns.copy()).to_json())
            except OSError as error:
                self._changed = True
                log.warning("last uses of keys cannot be written", path=str(self._path), error=str(error))
            return True

    async def keep_writing(self) -> None:
        """Until cancelled; the first use after a quiet time is written within LOOK_SECONDS."""
        while True:
            # Apart: a disk that is slow to sync must not hold up those who send.
            wrote = await asyncio.to_thread(self.write)
            await asyncio.sleep(WRITE_SECONDS if wrote else LOOK_SECONDS)


def _read(path: Path) -> KeyUses:
    try:
        return KeyUses.from_json(path.read_bytes())
    except FileNotFoundError:
        return KeyUses()
    except (OSError, ValueError) as error:
        log.warning("last uses of keys cannot be read, starting anew", path=str(path), error=str(error))
        return KeyUses()
