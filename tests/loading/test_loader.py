"""Every acknowledged batch is stored once, whatever ends the loader in between."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from spanhouse.base import files
from spanhouse.base.clock import NANOS_PER_DAY, NANOS_PER_SECOND, FixedClock
from spanhouse.base.limits import RETRY_WINDOW_SECONDS
from spanhouse.tracing.journal.envelope import Envelope, encode
from spanhouse.tracing.journal.segments import closed_segments
from spanhouse.tracing.loading.loader import Loader, Mend
from tests.kit.batches import batch, write_segment
from tests.kit.fake_writer import Crash, FakeWriter
from tests.kit.spans import BASE

WINDOW = RETRY_WINDOW_SECONDS * NANOS_PER_SECOND


class Node:
    """A journal and a store, through all the lives of the loader between them."""

    def __init__(self, directory: Path, writer: FakeWriter | None = None, mend: Mend = lambda body: None) -> None:
        self.journal = directory / "journal"
        self.quarantine = directory / "quarantine"
        self.writer = writer or FakeWriter()
        self.clock = FixedClock(BASE)
        self.reported: list[tuple[int, int]] = []
        self._mend = mend
        self.loader = self.start()

    def start(self) -> Loader:
        """A new process."""
        self.loader = Loader(
            self.journal, self.writer, self.clock, self._mend, lambda *times: self.reported.append(times)
        )
        return self.loader

    def segment(self, name: str, *envelopes: Envelope) -> Path:
        return write_segment(self.journal, name, *envelopes)

    def quarantined(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.quarantine.glob("*.bin"))]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


A, B, C = (batch(number) for number in (1, 2, 3))


def test_a_closed_segment_is_stored_and_removed(node: Node) -> None:
    node.segment("1", A, B)

    assert node.loader.load_waiting() == 1

    assert node.writer.spans == node.writer.usage == [A.body, B.body]
    assert closed_segments(node.journal) == []


def test_segments_are_loaded_oldest_first(node: Node) -> None:
    node.segment("2", B)
    node.segment("1", A)

    node.loader.load_waiting()

    assert node.writer.spans == [A.body, B.body]


def test_what_became_visible_is_reported(node: Node) -> None:
    node.segment("1", batch(1, received_at=BASE + 5), batch(2, received_at=BASE))

    node.loader.load_waiting()

    assert node.reported == [(BASE, BASE + 5)]


# ── crashes ──


@pytest.mark.parametrize("step", ["begin", "between", "after"])
def test_a_crash_during_a_load_neither_loses_nor_doubles(node: Node, step: str) -> None:
    node.segment("1", A, B)
    node.segment("2", C)
    node.writer.crash_at = step

    with pytest.raises(Crash):
        node.loader.load_waiting()
    node.start().load_waiting()

    assert sorted(node.writer.spans) == sorted(node.writer.usage) == sorted([A.body, B.body, C.body])


@pytest.mark.parametrize("step", ["begin", "between", "after"])
def test_a_second_crash_while_taking_a_load_up_neither_loses_nor_doubles(node: Node, step: str) -> None:
    node.segment("1", A, B)
    node.writer.crash_at = "between"
    with pytest.raises(Crash):
        node.loader.load_waiting()
    node.writer.crash_at = step

    with pytest.raises(Crash):
        node.start().load_waiting()
    node.start().load_waiting()

    assert sorted(node.writer.spans) == sorted(node.writer.usage) == sorted([A.body, B.body])


def test_a_load_that_was_cut_short_is_taken_up_before_an_older_segment(node: Node) -> None:
    node.segment("2", B)
    node.writer.crash_at = "between"
    with pytest.raises(Crash):
        node.loader.load_waiting()
    node.segment("1", A)  # of a writer that was slow to close it

    node.start().load_waiting()

    assert node.writer.spans == [B.body, A.body]
    assert sorted(node.writer.usage) == sorted([A.body, B.body])


@pytest.mark.parametrize("nth", range(20))
def test_a_crash_at_any_write_of_the_loader_neither_loses_nor_doubles(
    tmp_path: Path, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = batch(9)
    node = Node(tmp_path, FakeWriter(refuses=lambda body: body == bad.body), mend=lambda body: None)
    node.segment("1", A, bad, B)
    node.segment("2", A, C)
    _crash_at(nth, monkeypatch)

    while not _finished(node):
        node.start()

    assert sorted(node.writer.spans) == sorted([A.body, B.body, C.body])
    assert node.writer.usage == node.writer.spans
    assert len(node.quarantined()) == 1


def _crash_at(nth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nth write, rename or removal of the loader's is the last its process does; before or after it, by turns."""
    left = [nth]

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            left[0] -= 1
            if left[0] == -1 and nth % 2:
                raise Crash
            result = real(*arguments, **named)
            if left[0] == -1:
                raise Crash
            return result

        return call

    monkeypatch.setattr(files.os, "replace", dying(os.replace))
    monkeypatch.setattr(Path, "unlink", dying(Path.unlink))
    monkeypatch.setattr(Path, "write_bytes", dying(Path.write_bytes))


def _finished(node: Node) -> bool:
    try:
        node.loader.load_waiting()
    except Crash:
        return False
    return True


def test_a_store_that_fails_is_tried_again_from_where_it_was(node: Node) -> None:
    node.segment("1", A, B)
    node.writer.crash_at = "between"
    with pytest.raises(Crash):
        node.loader.load_waiting()

    node.loader.load_waiting()  # the same process

    assert node.writer.spans == node.writer.usage == [A.body, B.body]


def test_a_removal_that_a_power_cut_undid_stores_nothing_twice(node: Node) -> None:
    segment = node.segment("1", A, B)
    content = segment.read_bytes()
    node.loader.load_waiting()
    segment.write_bytes(content)

    node.start().load_waiting()

    assert node.writer.spans == [A.body, B.body]


def test_what_a_crash_left_half_written_is_removed_at_start(node: Node) -> None:
    for name in ("1.part", ".1.seen.77.tmp", "5.new"):
        (node.journal / name).write_bytes(b"half")

    node.start()

    assert list(node.journal.iterdir()) == []


def test_a_segment_across_midnight_is_loaded_day_by_day(node: Node) -> None:
    midnight = (BASE // NANOS_PER_DAY + 1) * NANOS_PER_DAY
    node.segment("1", batch(1, received_at=midnight - 1), batch(2, received_at=midnight))

    node.loader.load_waiting()

    assert node.writer.spans == [A.body, B.body]
    assert len(node.writer.loads) == 2


# ── retries ──


@pytest.mark.parametrize("late", [0, WINDOW])
def test_a_retry_within_the_window_is_not_stored_again(node: Node, late: int) -> None:
    node.segment("1", A)
    node.segment("2", batch(1, received_at=BASE + late), B)

    node.loader.load_waiting()

    assert node.writer.spans == [A.body, B.body]


def test_a_retry_in_the_same_segment_is_not_stored_again(node: Node) -> None:
    node.segment("1", A, B, A)

    node.loader.load_waiting()

    assert node.writer.spans == [A.body, B.body]


def test_the_same_bytes_after_the_window_are_stored(node: Node) -> None:
    node.segment("1", A)
    node.segment("2", batch(1, received_at=BASE + WINDOW + 1))

    node.loader.load_waiting()

    assert node.writer.spans == [A.body, A.body]


def test_the_same_bytes_of_another_instance_are_stored(node: Node) -> None:
    node.segment("1", A, batch(1, instance="i-other"))

    node.loader.load_waiting()

    assert len(node.writer.spans) == 2


def test_the_window_outlives_the_process(node: Node) -> None:
    node.segment("1", A)
    node.loader.load_waiting()
    node.loader.tidy()
    node.start()
    node.segment("2", batch(1, received_at=BASE + WINDOW))

    node.loader.load_waiting()

    assert node.writer.spans == [A.body]


def test_records_past_the_window_are_forgotten(node: Node) -> None:
    node.segment("1", A)
    node.loader.load_waiting()
    node.clock.at_ns = BASE + WINDOW + 1

    node.loader.tidy()

    assert list(node.journal.iterdir()) == []


def test_a_batch_that_a_failed_sync_brought_back_does_not_hide_its_retry(node: Node) -> None:
    """Cut off, loaded, removed; a power cut undoes the cut and the removal. What comes back was never acknowledged."""
    segment = node.segment("1", A)
    node.loader.load_waiting()
    segment.write_bytes(b"".join((*encode(A), *encode(B))))
    node.start().load_waiting()
    node.segment("2", B)

    node.loader.load_waiting()

    assert node.writer.spans == [A.body, B.body]


# ── damage and refusals ──


def test_damage_is_set_aside_and_its_neighbours_are_stored(node: Node) -> None:
    segment = node.segment("1", A, B, C)
    content = bytearray(segment.read_bytes())
    content[content.index(B.body) + 5] ^= 1
    segment.write_bytes(content)

    node.loader.load_waiting()

    assert node.writer.spans == [A.body, C.body]
    assert node.quarantined() == [bytes(content[len(b"".join(encode(A))) : -len(b"".join(encode(C)))])]


def test_damage_says_where_it_comes_from(node: Node) -> None:
    segment = node.segment("1", A)
    segment.write_bytes(segment.read_bytes()[:-1])

    node.loader.load_waiting()

    about = json.loads(next(node.quarantine.glob("*.json")).read_text())
    assert about["source"] == "1"
    assert about["reason"] == "failed its checksum"


def test_a_refused_batch_is_mended_and_all_others_stored(tmp_path: Path) -> None:
    bad = batch(9)
    node = Node(
        tmp_path,
        FakeWriter(refuses=lambda body: body == bad.body),
        mend=lambda body: b"mended" * (body == bad.body) or body,
    )
    node.segment("1", A, bad, B, C)

    node.loader.load_waiting()

    assert sorted(node.writer.spans) == sorted([A.body, B.body, C.body, b"mended"])
    assert node.quarantined() == []


def test_what_cannot_be_mended_is_set_aside_and_all_others_stored(tmp_path: Path) -> None:
    bad = batch(9)
    node = Node(tmp_path, FakeWriter(refuses=lambda body: body == bad.body))
    node.segment("1", A, bad, B, C)

    node.loader.load_waiting()

    assert sorted(node.writer.spans) == sorted([A.body, B.body, C.body])
    assert node.quarantined() == [b"".join(encode(bad))]


@pytest.mark.parametrize("mended", [[b"mended"], []], ids=["mended", "set aside"])
@pytest.mark.parametrize("loads", range(1, 12))
@pytest.mark.parametrize("step", ["begin", "between", "after"])
def test_a_crash_while_refusals_are_sorted_out_neither_loses_nor_doubles(
    tmp_path: Path, loads: int, step: str, mended: list[bytes]
) -> None:
    bad = batch(9)
    writer = FakeWriter(refuses=lambda body: body == bad.body)
    node = Node(tmp_path, writer, mend=lambda body: next(iter(mended), None) if body == bad.body else body)
    node.segment("1", A, bad, B, C)
    crashed = 0

    for _ in range(30):
        writer.crash_at = step if len(writer.loads) + 1 >= loads and not crashed else ""
        try:
            node.start().load_waiting()
            break
        except Crash:
            crashed += 1

    assert sorted(writer.spans) == sorted(writer.usage) == sorted([A.body, B.body, C.body, *mended])
    assert len(node.quarantined()) == 1 - len(mended)


def test_many_bad_batches_cost_two_loads(tmp_path: Path) -> None:
    bad = [batch(number) for number in range(100, 200)]
    refused = {each.body for each in bad}
    node = Node(tmp_path, FakeWriter(refuses=lambda body: body in refused), mend=lambda body: b"mended " + body)
    node.segment("1", A, *bad)

    node.loader.load_waiting()

    assert len(node.writer.spans) == 101
    assert len(node.writer.loads) == 2


def test_good_batches_do_not_wait_until_a_refused_one_stands_alone(tmp_path: Path) -> None:
    bad, *good = (batch(number) for number in range(16))
    node = Node(tmp_path, FakeWriter(refuses=lambda body: body == bad.body), mend=lambda body: body)
    node.segment("1", bad, *good)
    stored = []
    load = node.writer.load

    def observed(segment: Path, token: str) -> None:
        stored.append(len(node.writer.spans))
        load(segment, token)

    node.writer.load = observed  # type: ignore[method-assign]

    node.loader.load_waiting()

    # Before: the whole, mended, one half, the other, the first's halves, theirs, and the refused one at last.
    assert stored[:9] == [0, 0, 0, 0, 8, 8, 12, 12, 14]
    assert len(node.writer.spans) == 15
