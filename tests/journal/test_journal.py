"""A batch is acknowledged when it is on the disk, and not otherwise."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from spanhouse.base.clock import FixedClock
from spanhouse.base.errors import SpanhouseError, StorageFull, Unavailable
from spanhouse.tracing.journal import Envelope, Journal
from spanhouse.tracing.journal import journal as journal_module
from spanhouse.tracing.journal.envelope import encode
from spanhouse.tracing.journal.segments import closed_segments, create_segment, recover_abandoned
from tests.kit.fake_writer import bodies_of
from tests.kit.faults import BROKEN, NO_SPACE, Call, Disk, faulty_disk
from tests.kit.spans import BASE


def envelope(number: int, size: int = 20) -> Envelope:
    return Envelope("i-shop", BASE + number, number.to_bytes(16, "big"), (), number.to_bytes(4, "big") * (size // 4))


def run(test: Callable[[Journal], Coroutine[Any, Any, None]], directory: Path, **bounds: Any) -> None:
    """A journal's life around `test`."""

    async def life() -> None:
        journal = Journal.open(directory, FixedClock(BASE), **bounds)
        try:
            await test(journal)
        finally:
            await asyncio.wait_for(journal.close(), 10)

    asyncio.run(life())


def stored(directory: Path) -> list[bytes]:
    return [body for path in closed_segments(directory) for body in bodies_of(path.read_bytes())]


def bodies(*numbers: int) -> list[bytes]:
    return [envelope(number).body for number in numbers]


def names(calls: list[Call]) -> list[str]:
    return [f"{call.name} {Path(call.file).suffix or call.file}" for call in calls]


# ── what is acknowledged is there ──


def test_an_acknowledged_batch_is_in_a_closed_segment_after_closing(tmp_path: Path) -> None:
    async def test(journal: Journal) -> None:
        await journal.append(envelope(1))
        await journal.append(envelope(2))

    run(test, tmp_path)

    assert stored(tmp_path) == bodies(1, 2)


def test_the_name_is_durable_before_the_first_write_and_the_batch_before_the_answer(tmp_path: Path) -> None:
    with faulty_disk(tmp_path) as disk:

        async def test(journal: Journal) -> None:
            await journal.append(envelope(1))
            disk.heard("answered", "")

        run(test, tmp_path)

    order = [
        name for name in names(disk.calls) if name.split()[0] in ["writev", "fdatasync", "rename", "fsync", "answered"]
    ]
    assert order == [
        "rename .new",
        "fsync .",
        "writev .open",
        "fdatasync .open",
        "answered ",
        "rename .open",
        "fsync .",
    ]


def test_all_that_wait_share_one_sync(tmp_path: Path) -> None:
    with faulty_disk(tmp_path) as disk:

        async def test(journal: Journal) -> None:
            await asyncio.gather(*(journal.append(envelope(number)) for number in range(2_000)))

        run(test, tmp_path)

    assert sorted(stored(tmp_path)) == sorted(bodies(*range(2_000)))
    assert len(disk.of("fdatasync")) < 100


def test_a_short_write_is_finished_before_the_answer(tmp_path: Path) -> None:
    with faulty_disk(tmp_path) as disk:
        disk.short_writes = True

        async def test(journal: Journal) -> None:
            await journal.append(envelope(1))

        run(test, tmp_path)

    assert stored(tmp_path) == bodies(1)


def test_a_client_that_leaves_harms_nobody(tmp_path: Path) -> None:
    async def test(journal: Journal) -> None:
        leaving = asyncio.ensure_future(journal.append(envelope(1)))
        await asyncio.sleep(0)
        leaving.cancel()
        await journal.append(envelope(2))

    run(test, tmp_path)

    assert envelope(2).body in stored(tmp_path)


# ── a disk that fails ──

FAILURES = list(itertools.product(["writev", "fdatasync"], [NO_SPACE, BROKEN]))


@pytest.mark.parametrize(("call", "number"), FAILURES)
def test_what_the_disk_did_not_take_is_not_acknowledged(tmp_path: Path, call: str, number: int) -> None:
    with faulty_disk(tmp_path) as disk:

        async def test(journal: Journal) -> None:
            await journal.append(envelope(1))
            disk.failures[call] = number
            with pytest.raises(Unavailable):
                await journal.append(envelope(2))

        run(test, tmp_path)

    assert stored(tmp_path) == bodies(1)


@pytest.mark.parametrize(("call", "number"), FAILURES)
def test_after_a_failure_the_next_batch_goes_to_a_new_segment(tmp_path: Path, call: str, number: int) -> None:
    with faulty_disk(tmp_path) as disk:

        async def test(journal: Journal) -> None:
            await journal.append(envelope(1))
            disk.failures[call] = number
            with pytest.raises(Unavailable):
                await journal.append(envelope(2))
            await journal.append(envelope(3))

        run(test, tmp_path)

    assert stored(tmp_path) == bodies(1, 3)
    assert len(closed_segments(tmp_path)) == 2


def test_all_that_shared_a_failed_sync_are_told(tmp_path: Path) -> None:
    with faulty_disk(tmp_path) as disk:

        async def test(journal: Journal) -> None:
            disk.failures["fdatasync"] = BROKEN
            disk.failing_for_good.add("fdatasync")
            answers = await asyncio.gather(*(journal.append(envelope(n)) for n in range(50)), return_exceptions=True)
            assert {type(answer) for answer in answers} == {Unavailable}
            disk.failures.clear()

        run(test, tmp_path)


@pytest.mark.parametrize("call", ["open", "rename", "fsync"])
def test_a_segment_that_cannot_be_made_is_told_and_tried_again(tmp_path: Path, call: str) -> None:
    with faulty_disk(tmp_path) as disk:

        async def test(journal: Journal) -> None:
            disk.failures[call] = NO_SPACE
            with pytest.raises(Unavailable):
                await journal.append(envelope(1))
            await journal.append(envelope(2))

        run(test, tmp_path)

    assert stored(tmp_path) == bodies(2)


def test_a_segment_that_cannot_be_renamed_is_left_for_recovery_and_intake_goes_on(tmp_path: Path) -> None:
    with faulty_disk(tmp_path) as disk:

        async def test(journal: Journal) -> None:
            await journal.append(envelope(1))
            disk.watch = _fail_closing_once(disk)
            await _until(lambda: not disk.failures and names(disk.of("rename"))[-1] == "rename .open")
            await journal.append(envelope(2))

        run(test, tmp_path, segment_age_ms_max=0)

    recover_abandoned(tmp_path)
    assert sorted(stored(tmp_path)) == bodies(1, 2)


def _fail_closing_once(disk: Disk) -> Callable[[Call], None]:
    armed = [True]

    def watch(call: Call) -> None:
        if armed[0] and call.name == "rename" and call.file.endswith(".open"):
            armed[0] = False
            disk.failures["rename"] = BROKEN

    return watch


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 (the journal's thread and the disk have no event)
            await asyncio.sleep(0.01)


# ── bounds ──


def test_a_segment_is_closed_at_its_size(tmp_path: Path) -> None:
    async def test(journal: Journal) -> None:
        for number in range(4):
            await journal.append(envelope(number, size=1_000))

    run(test, tmp_path, segment_bytes_max=2_000, segment_age_ms_max=3_600_000)

    assert len(closed_segments(tmp_path)) == 2


def test_a_segment_is_closed_at_its_age_without_another_batch(tmp_path: Path) -> None:
    async def test(journal: Journal) -> None:
        await journal.append(envelope(1))
        await _until(lambda: stored(tmp_path) == bodies(1))

    run(test, tmp_path, segment_age_ms_max=1)


def test_past_the_bound_batches_are_refused_until_the_loader_has_caught_up(tmp_path: Path) -> None:
    async def test(journal: Journal) -> None:
        await journal.append(envelope(1, size=1_000))
        with pytest.raises(StorageFull):
            await journal.append(envelope(2, size=1_000))
        await _until(lambda: len(closed_segments(tmp_path)) == 1)
        closed_segments(tmp_path)[0].unlink()
        await _until(lambda: journal._used_bytes == 0)
        await journal.append(envelope(3, size=1_000))

    run(test, tmp_path, bytes_max=1_500, segment_age_ms_max=1)

    assert stored(tmp_path) == [envelope(3, size=1_000).body]


def test_what_an_earlier_process_left_counts_towards_the_bound(tmp_path: Path) -> None:
    (tmp_path / "1.seg").write_bytes(bytes(1_000))

    async def test(journal: Journal) -> None:
        with pytest.raises(StorageFull):
            await journal.append(envelope(1, size=600))

    run(test, tmp_path, bytes_max=1_500)


def test_a_disk_that_is_nearly_full_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "_FREE_BYTES_MIN", 2**62)

    async def test(journal: Journal) -> None:
        with pytest.raises(StorageFull):
            await journal.append(envelope(1))

    run(test, tmp_path)

    assert stored(tmp_path) == []


def test_a_journal_that_is_closing_takes_nothing(tmp_path: Path) -> None:
    async def test(journal: Journal) -> None:
        await journal.close()
        with pytest.raises(Unavailable):
            await journal.append(envelope(1))

    run(test, tmp_path)


# ── several writers, and those that died ──


def test_two_writers_share_a_directory(tmp_path: Path) -> None:
    async def test(journal: Journal) -> None:
        other = Journal.open(tmp_path, FixedClock(BASE), writer="1")
        await asyncio.gather(*(writer.append(envelope(n)) for n in range(0, 20) for writer in (journal, other)))
        await other.close()

    run(test, tmp_path)

    assert sorted(stored(tmp_path)) == sorted(bodies(*range(20), *range(20)))


def test_a_segment_whose_writer_lives_is_left_alone(tmp_path: Path) -> None:
    fd, path = create_segment(tmp_path, "1")
    os.write(fd, b"".join(encode(envelope(1))))

    assert recover_abandoned(tmp_path) == []

    assert path.exists()
    os.close(fd)


@pytest.mark.parametrize("torn", [0, 1, 30])
def test_a_dead_writers_segment_is_closed_with_its_whole_batches(tmp_path: Path, torn: int) -> None:
    fd, _ = create_segment(tmp_path, "1")
    os.write(fd, b"".join(encode(envelope(1))) + b"".join(encode(envelope(2)))[:torn])
    os.close(fd)

    assert recover_abandoned(tmp_path) == closed_segments(tmp_path)

    assert closed_segments(tmp_path)[0].read_bytes() == b"".join(encode(envelope(1)))


def test_a_dead_writers_segment_without_a_whole_batch_is_removed(tmp_path: Path) -> None:
    fd, _ = create_segment(tmp_path, "1")
    os.write(fd, b"".join(encode(envelope(1)))[:-1])
    os.close(fd)

    assert recover_abandoned(tmp_path) == []

    assert list(tmp_path.iterdir()) == []


def test_a_recovered_segment_is_synced_before_it_is_handed_over(tmp_path: Path) -> None:
    fd, _ = create_segment(tmp_path, "1")
    os.write(fd, b"".join(encode(envelope(1))))
    os.close(fd)

    with faulty_disk(tmp_path) as disk:
        recover_abandoned(tmp_path)

    assert names(disk.of("ftruncate", "fsync", "rename")) == [
        "ftruncate .open",
        "fsync .open",
        "rename .open",
        "fsync .",
    ]


def test_a_segment_that_its_writer_closes_meanwhile_is_not_closed_twice(tmp_path: Path) -> None:
    """The writer renames and lets go between the look and the lock."""
    fd, path = create_segment(tmp_path, "1")
    os.write(fd, b"".join(encode(envelope(1))))
    real = fcntl.flock

    def flock_late(file: int, how: int) -> None:
        os.rename(path, path.with_suffix(".seg"))
        os.close(fd)
        real(file, how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcntl, "flock", flock_late)
        assert recover_abandoned(tmp_path) == []

    assert stored(tmp_path) == bodies(1)


# ── a writer that dies ──


def broken_writer(*_: Any) -> int:
    raise RuntimeError("a mistake of ours")


def test_when_writing_stops_by_itself_nobody_waits_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(journal: Journal) -> None:
        await journal.append(envelope(1))
        monkeypatch.setattr(journal_module, "_write_all", broken_writer)

        for number in (2, 3):
            with pytest.raises(Unavailable):
                await asyncio.wait_for(journal.append(envelope(number)), 10)
        with pytest.raises(SpanhouseError, match="stopped by itself"):
            await asyncio.wait_for(journal.failed(), 10)

    run(test, tmp_path)
    monkeypatch.undo()

    recover_abandoned(tmp_path)
    assert stored(tmp_path) == bodies(1)


def test_all_that_wait_when_writing_stops_by_itself_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_write_all", broken_writer)

    async def test(journal: Journal) -> None:
        waiting = [journal.append(envelope(number)) for number in range(50)]

        answers = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10)

        assert {type(answer) for answer in answers} == {Unavailable}

    run(test, tmp_path)
