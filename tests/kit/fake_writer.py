"""A store that remembers its loads and ends the loader's process, so to speak, at chosen moments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spanhouse.tracing.journal.envelope import Frame, scan, split_body
from spanhouse.tracing.store.protocols import Refusal


class Crash(BaseException):
    """The process ends here."""


class FakeWriter:
    """Two tables that a load fills one after the other. `crash_at` names a step: `begin`, `between`, `after`."""

    def __init__(self, refuses: Callable[[bytes], bool] = lambda body: False) -> None:
        self.spans: list[bytes] = []
        self.usage: list[bytes] = []
        self.loads: list[str] = []
        self.positions = 0
        self.crash_at = ""
        self._refuses = refuses

    def position(self, received_at: int) -> str:
        self.positions += 1
        return f"{len(self.usage)} {len(self.spans)}"

    def load(self, segment: Path, token: str) -> None:
        assert token not in self.loads, "a token is used for one load only"
        self.loads.append(token)
        self._fill(segment, usage=True, spans=True)

    def resume(self, segment: Path, token: str, position: str) -> None:
        usage, spans = map(int, position.split())
        self._fill(segment, usage=len(self.usage) == usage, spans=len(self.spans) == spans)

    def _fill(self, segment: Path, *, usage: bool, spans: bool) -> None:
        bodies = bodies_of(segment.read_bytes())
        self._step("begin")
        if any(map(self._refuses, bodies)):
            raise Refusal("a body that the engine does not read")
        if usage:
            self.usage.extend(bodies)
        self._step("between")
        if spans:
            self.spans.extend(bodies)
        self._step("after")

    def _step(self, name: str) -> None:
        if self.crash_at == name:
            self.crash_at = ""
            raise Crash


def bodies_of(segment: bytes) -> list[bytes]:
    view = memoryview(segment)
    return [split_body(view, frame)[1] for frame in scan(view) if isinstance(frame, Frame)]
