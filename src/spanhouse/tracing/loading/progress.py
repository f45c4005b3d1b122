"""How far the loading of a segment has come, on disk (`NAME.loading`) before each step that a crash could cut short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from spanhouse.base.files import write_atomically

LOADING_SUFFIX = ".loading"

Ended = Literal["stored", "refused"]


class Progress:
    """The loads that a segment has been cut into, by token. Only the last one begun can be unfinished."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ended: dict[str, Ended] = {}
        self._begun = ("", "")
        if path.exists():
            kept = json.loads(path.read_text())
            self._ended = kept["ended"]
            self._begun = (kept["begun"], kept["position"])

    @classmethod
    def of(cls, directory: Path, segment: str) -> Progress:
        return cls(directory / (segment + LOADING_SUFFIX))

    def ended(self, token: str) -> Ended | None:
        """How this load ended; None when it has not, or nobody knows."""
        return self._ended.get(token)

    def begun_at(self, token: str) -> str | None:
        """The store's position from before this load, if it was begun."""
        return self._begun[1] if self._begun[0] == token else None

    def begin(self, token: str, position: str) -> None:
        """Durable when it returns, with how all before it ended."""
        self._begun = (token, position)
        state = {"ended": self._ended, "begun": token, "position": position}
        write_atomically(self._path, json.dumps(state).encode())

    def end(self, token: str, how: Ended) -> None:
        """Kept with the next `begin`: until then a crash leaves this load as begun, which is as good."""
        self._ended[token] = how
