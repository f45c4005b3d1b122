import threading
from collections.abc import Callable, Iterator

import pytest

from spanhouse.base.clock import FixedClock
from spanhouse.base.errors import SpanhouseError
from spanhouse.runtime import keeping, readiness
from spanhouse.runtime.parts import Parts


def test_a_part_that_fails_is_reported_and_named() -> None:
    failed = threading.Event()
    parts = Parts(on_failure=failed.set)

    parts.start("loader", lambda stop: 1 // 0)

    assert failed.wait(5)
    assert "loader" in readiness.waiting()
    with pytest.raises(SpanhouseError, match="loader failed"):
        parts.stop()
    readiness.ready("loader")


def test_parts_end_when_told() -> None:
    parts = Parts(on_failure=lambda: None)
    parts.start("waiter", lambda stop: stop.wait(60))

    parts.stop()


def test_readiness_is_announced_once_when_the_last_part_is_ready() -> None:
    calls: list[str] = []
    readiness.expect(["store", "console"])
    readiness.on_ready(lambda: calls.append("ready"))

    readiness.ready("console")
    assert calls == []
    assert readiness.waiting() == {"store": "starting"}
    readiness.ready("store")
    readiness.not_ready("store", "reopening")
    readiness.ready("store")

    assert calls == ["ready"]


@pytest.fixture
def job_every(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, FixedClock, Callable[[], None]], None]]:
    """Runs a job in a thread that ends with the test."""
    monkeypatch.setattr(keeping, "LOOK_SECONDS", 0.001)
    stop = threading.Event()

    def start(seconds: int, clock: FixedClock, job: Callable[[], None]) -> None:
        threading.Thread(target=keeping.every, args=(seconds, clock, stop, job), daemon=True).start()

    yield start
    stop.set()


def test_a_job_is_done_again_when_the_clock_says_so(
    job_every: Callable[[int, FixedClock, Callable[[], None]], None],
) -> None:
    clock, turns = FixedClock(0), threading.Semaphore(0)

    def job() -> None:
        turns.release()

    job_every(3600, clock, job)
    assert turns.acquire(timeout=5)

    clock.advance(minutes=59)
    assert not turns.acquire(timeout=0.1)
    clock.advance(minutes=1)

    assert turns.acquire(timeout=5)


def test_a_job_that_fails_has_its_next_turn(
    job_every: Callable[[int, FixedClock, Callable[[], None]], None],
) -> None:
    clock, turns = FixedClock(0), threading.Semaphore(0)

    def job() -> None:
        turns.release()
        raise OSError("disk full")

    job_every(1, clock, job)
    assert turns.acquire(timeout=5)

    # The next turn is set after the job has ended, so the clock may have to move again.
    for _ in range(100):
        clock.advance(seconds=1)
        if turns.acquire(timeout=0.05):
            return
    pytest.fail("had no second turn")
