"""Takes closed segments from the journal and puts them into the store, oldest first, each batch once.

    verify checksums → leave retries out → load → remove

Whatever ends this process in between, the segment is still there and is taken up where it was left, before any other.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from prometheus_client import Counter

from spanhouse.base.clock import NANOS_PER_DAY, Clock
from spanhouse.base.errors import SpanhouseError
from spanhouse.base.files import sync_directory
from spanhouse.tracing.journal.envelope import Damage, Frame, scan, split_body, with_body
from spanhouse.tracing.journal.segments import closed_segments, recover_abandoned, remove_unfinished
from spanhouse.tracing.loading.progress import LOADING_SUFFIX, Progress
from spanhouse.tracing.loading.quarantine import Quarantine
from spanhouse.tracing.loading.seen import SeenBatches
from spanhouse.tracing.store.protocols import Refusal, Writer

log = structlog.get_logger(__name__)

MENDED = Counter("spanhouse_mended_batches_total", "Batches encoded anew because the store refused them or a neighbour")

_LOOK_SECONDS = 0.1
_HOUSEKEEPING_SECONDS = 10
_RETRY_SECONDS = 2
_PART_SUFFIX = ".part"

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
        remove_unfinished(self.journal)
        for leftover in (*self.journal.glob(f"*{_PART_SUFFIX}"), *self.journal.glob(".*.tmp")):
            leftover.unlink()  # of a loader that a crash ended
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
        """Load every closed segment there is now, one begun before first, then in order; returns how many."""
        recover_abandoned(self.journal)
        loaded = 0
        for segment in sorted(closed_segments(self.journal), key=lambda path: not _begun(path)):
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
        for progress in self.journal.glob(f"*{LOADING_SUFFIX}"):
            if progress.stem not in waiting:
                progress.unlink()

    def _load_segment(self, segment: Path) -> None:
        content = segment.read_bytes()
        view = memoryview(content)
        found = list(scan(view))
        frames = [item for item in found if isinstance(item, Frame)]
        damaged = [item for item in found if isinstance(item, Damage)]
        for damage in damaged:
            self._quarantine.put(segment.stem, damage.start, content[damage.start : damage.end], "failed its checksum")
        kept = self._seen.claim(segment.stem, frames)
        progress = Progress.of(self.journal, segment.stem)
        days = _by_day(kept)
        for day, of_day in days.items():
            whole = len(of_day) == len(found)
            token = segment.stem if len(days) == 1 else f"{segment.stem}.{day}"
            self._load_all(_Frames(view, of_day), token, progress, segment if whole else None)
        segment.unlink()
        if kept:
            received = [frame.received_at for frame in kept]
            self.on_loaded(min(received), max(received))

    def _load_all(self, frames: _Frames, token: str, progress: Progress, ready: Path | None) -> None:
        """Load frames, from the file `ready` if it holds just them; if the store refuses them, in another encoding, and
        if that does not help, in pieces as small as it takes."""
        try:
            self._store(ready or frames.content(), token, frames.received_at, progress)
        except Refusal as refusal:
            log.warning("the store refused a segment", token=token, batches=len(frames.kept), error=str(refusal)[:300])
            self._load_mended(frames, token, progress, refusal)

    def _load_mended(self, frames: _Frames, token: str, progress: Progress, refusal: Refusal) -> None:
        """All of a refused segment that we can read, each body in its plainest encoding: many bad bodies then cost two
        loads. What we cannot read comes after it, as it is."""
        readable, mended, unreadable = [], [], []
        for frame in frames.kept:
            fields, body = split_body(frames.segment, frame)
            plain = self.mend(body)
            if plain is None:
                unreadable.append(frame)
            else:
                readable.append(frame)
                mended.append(with_body(fields, plain))
        if readable:
            try:
                self._store(b"".join(mended), f"{token}.mended", frames.received_at, progress)
                MENDED.inc(len(mended))
            except Refusal:
                self._narrow(frames.only(readable), token, progress, refusal)
        if unreadable:
            self._load_or_narrow(frames.only(unreadable), f"{token}.unreadable", progress)

    def _load_or_narrow(self, frames: _Frames, token: str, progress: Progress) -> None:
        try:
            self._store(frames.content(), token, frames.received_at, progress)
        except Refusal as refusal:
            self._narrow(frames, token, progress, refusal)

    def _narrow(self, frames: _Frames, token: str, progress: Progress, refusal: Refusal) -> None:
        """Halve what is refused until each culprit stands alone. Large pieces are tried before small ones, so that good
        batches do not wait for their neighbours. The same frames are always cut the same way: a repeat after a crash
        finds what was done by its token."""
        refused = deque([(frames, token, refusal)])
        while refused:
            piece, name, reason = refused.popleft()
            if len(piece.kept) == 1:
                self._mend_or_quarantine(piece, name, progress, reason)
                continue
            for number, half in enumerate(piece.halves()):
                part = f"{name}.{number}"
                try:
                    self._store(half.content(), part, half.received_at, progress)
                except Refusal as again:
                    refused.append((half, part, again))

    def _mend_or_quarantine(self, frames: _Frames, token: str, progress: Progress, refusal: Refusal) -> None:
        frame = frames.kept[0]
        fields, body = split_body(frames.segment, frame)
        mended = self.mend(body)
        if mended is not None:
            try:
                self._store(with_body(fields, mended), f"{token}.mended", frame.received_at, progress)
                MENDED.inc()
                return
            except Refusal:
                log.warning("mending did not help", token=token)
        self._quarantine.put(token, frame.start, frames.content(), str(refusal))

    def _store(self, content: Path | bytes, token: str, received_at: int, progress: Progress) -> None:
        """One load, or what is left of one that was begun before a crash."""
        ended = progress.ended(token)
        if ended == "stored":
            return
        if ended == "refused":
            raise Refusal("refused before")
        with self._as_file(content, token) as file:
            try:
                begun_at = progress.begun_at(token)
                if begun_at is None:
                    progress.begin(token, self.writer.position(received_at))
                    self.writer.load(file, token)
                else:
                    self.writer.resume(file, token, begun_at)
            except Refusal:
                progress.end(token, "refused")
                raise
        progress.end(token, "stored")

    @contextmanager
    def _as_file(self, content: Path | bytes, token: str) -> Iterator[Path]:
        if isinstance(content, Path):
            yield content
            return
        part = self.journal / f"{token}{_PART_SUFFIX}"
        part.write_bytes(content)  # no sync: it is made anew from the segment whenever it is needed
        try:
            yield part
        finally:
            part.unlink()


@dataclass(frozen=True, slots=True)
class _Frames:
    """Some of a segment's frames, received on one day."""

    segment: memoryview
    kept: Sequence[Frame]

    @property
    def received_at(self) -> int:
        return self.kept[0].received_at

    def content(self) -> bytes:
        return b"".join(self.segment[frame.start : frame.end] for frame in self.kept)

    def only(self, kept: Sequence[Frame]) -> _Frames:
        return _Frames(self.segment, kept)

    def halves(self) -> tuple[_Frames, _Frames]:
        half = len(self.kept) // 2
        return self.only(self.kept[:half]), self.only(self.kept[half:])


def _by_day(frames: Sequence[Frame]) -> dict[int, list[Frame]]:
    """A store's partitions are days, and a load that fills two of one table could be cut short between them."""
    days: dict[int, list[Frame]] = defaultdict(list)
    for frame in frames:
        days[frame.received_at // NANOS_PER_DAY].append(frame)
    return days


def _begun(segment: Path) -> bool:
    return segment.with_suffix(LOADING_SUFFIX).exists()
