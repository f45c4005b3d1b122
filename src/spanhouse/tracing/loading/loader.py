"""Takes closed segments from the journal and puts them into the store, oldest first, each batch once.

    verify checksums → leave retries out → load → remove

Whatever ends this process in between, the segment is still there and is taken again; the store knows it by its token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from spanhouse.base.clock import Clock
from spanhouse.base.errors import SpanhouseError
from spanhouse.base.files import sync_directory
from spanhouse.tracing.journal.envelope import Damage, Frame, scan, split_body, with_body
from spanhouse.tracing.journal.segments import closed_segments, recover_abandoned
from spanhouse.tracing.loading.quarantine import Quarantine
from spanhouse.tracing.loading.seen import SeenBatches
from spanhouse.tracing.store.protocols import Refusal, Writer

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.1
_HOUSEKEEPING_SECONDS = 10
_RETRY_SECONDS = 2

Mend = Callable[[bytes], bytes | None]
"""A body the store refused → the same spans in the plainest encoding, or None when they cannot be read at all."""

Loaded = Callable[[int, int], None]
"""Told the first and last `received_at` (ns) of what has just become visible."""


@dataclass
class Loader:
    """The one loader of a node's journal. `run` in a thread, or `load_waiting` by hand."""

    journal: Path
    writer: Writer
    clock: Clock
    mend: Mend
    on_loaded: Loaded = lambda first, last: None
    _seen: SeenBatches = field(init=False)
    _quarantine: Quarantine = field(init=False)

    def __post_init__(self) -> None:
        self.journal.mkdir(parents=True, exist_ok=True)
        self._seen = SeenBatches.open(self.journal)
        self._quarantine = Quarantine(self.journal.parent / "quarantine")

    def run(self, stop: threading.Event) -> None:
        """Load until told to stop. A store that fails is tried again; nothing is given up."""
        since_housekeeping = 0.0
        while not stop.is_set():
            pause = _LOOK_SECONDS
            try:
                self.load_waiting(stop)
            except (SpanhouseError, OSError) as error:
                log.error("loading failed, will try again", error=str(error))
                pause = _RETRY_SECONDS
            since_housekeeping += pause
            if since_housekeeping >= _HOUSEKEEPING_SECONDS:
                since_housekeeping = 0.0
                self.tidy()
            stop.wait(pause)

    def load_waiting(self, stop: threading.Event | None = None) -> int:
        """Load every closed segment there is now, in order; returns how many."""
        recover_abandoned(self.journal)
        loaded = 0
        for segment in closed_segments(self.journal):
            if stop is not None and stop.is_set():
                break
            self._load_segment(segment)
            loaded += 1
        return loaded

    def tidy(self) -> None:
        """Forget retries past their window."""
        sync_directory(self.journal)  # a removed segment must not come back after its record is forgotten
        waiting = frozenset(path.stem for path in closed_segments(self.journal))
        self._seen.forget(self.clock.now_ns(), waiting)

    def _load_segment(self, segment: Path) -> None:
        content = segment.read_bytes()
        view = memoryview(content)
        found = list(scan(view))
        frames = [item for item in found if isinstance(item, Frame)]
        damaged = [item for item in found if isinstance(item, Damage)]
        for damage in damaged:
            self._quarantine.put(segment.stem, damage.start, content[damage.start : damage.end], "failed its checksum")
        kept = self._seen.claim(segment.stem, frames)
        if kept:
            whole = len(kept) == len(frames) and not damaged
            self._load(segment if whole else None, view, kept, segment.stem)
        segment.unlink()
        if kept:
            received = [frame.received_at for frame in kept]
            self.on_loaded(min(received), max(received))

    def _load(self, ready: Path | None, view: memoryview, frames: list[Frame], token: str) -> None:
        """Load `frames`, from the file `ready` if it holds just them; halve what the store refuses until the culprit
        stands alone. The same frames always give the same tokens, so a repeat after a crash stores nothing twice."""
        try:
            if ready is not None:
                self.writer.load(ready, token)
            else:
                self._load_bytes(b"".join(view[frame.start : frame.end] for frame in frames), token)
        except Refusal as refusal:
            if len(frames) == 1:
                self._mend_or_quarantine(view, frames[0], token, refusal)
                return
            half = len(frames) // 2
            self._load(None, view, frames[:half], f"{token}.0")
            self._load(None, view, frames[half:], f"{token}.1")

    def _mend_or_quarantine(self, view: memoryview, frame: Frame, token: str, refusal: Refusal) -> None:
        fields, body = split_body(view, frame)
        mended = self.mend(body)
        if mended is not None:
            try:
                self._load_bytes(with_body(fields, mended), f"{token}.mended")
                return
            except Refusal as second:
                refusal = second
        self._quarantine.put(token, frame.start, bytes(view[frame.start : frame.end]), str(refusal))

    def _load_bytes(self, content: bytes, token: str) -> None:
        part = self.journal / f"{token}.part"
        part.write_bytes(content)  # no sync: it is made anew from the segment whenever it is needed
        try:
            self.writer.load(part, token)
        finally:
            part.unlink()
