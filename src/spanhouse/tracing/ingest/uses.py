"""When each key was last used: kept in memory, written now and then for the control plane to read."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from spanhouse.contracts.use import KeyUses
from spanhouse.tracing.ingest.kept_file import KeptFile


class UseFile(KeptFile):
    """The last uses this process saw, in a file of its own. `note` is for the event loop."""

    WHAT: ClassVar[str] = "last uses of keys"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        before = self._before(KeyUses.from_json) or KeyUses()
        self._last_ns = dict(before.last_ns)

    def note(self, key_id: str, now_ns: int) -> None:
        """Remember that the key was used. "" stands for no key."""
        if key_id and now_ns > self._last_ns.get(key_id, -1):
            self._last_ns[key_id] = now_ns
            self._changed = True

    def _content(self) -> bytes:
        return KeyUses(self._last_ns.copy()).to_json()
