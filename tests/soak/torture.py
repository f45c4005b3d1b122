"""A real service under load whose processes die at random moments."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kit.server import RunningServer, alive, wait_until
from tests.soak.count import Stored, count_stored
from tests.soak.senders import Batch, Ledger, Sender, over_grpc, over_http

VICTIMS = ("supervisor", "ingest", "console", "all")
LOAD_SECONDS_MAX = 120.0


class Torture:
    """`with Torture(directory) as torture:` runs the service and sends to it; `verify` counts at the end."""

    def __init__(self, data: Path, seed: int, **settings: str | int | bool) -> None:
        self.data = data
        self.kills: Counter[str] = Counter()
        self.ledger = Ledger()
        self.server = RunningServer(data, **settings)
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._senders: list[Sender] = []
        self._left: list[Batch | None] = [None, None]

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.rest()
        if self.processes():
            self.kill_all()

    # ── load ──

    def load(self) -> None:
        """Begin to send, over both protocols."""
        self._stop = threading.Event()
        grpc_target = self.server.otlp_grpc.removeprefix("http://")
        sends = over_http(self.server.otlp_http), over_grpc(grpc_target)
        self._senders = [Sender(send, self._stop, left) for send, left in zip(sends, self._left, strict=True)]
        for sender in self._senders:
            sender.start()

    def rest(self) -> None:
        """Stop sending; note what was acknowledged."""
        self._stop.set()
        for sender in self._senders:
            sender.join()
            self.ledger.acknowledged |= sender.ledger.acknowledged
            self.ledger.unanswered |= sender.ledger.unanswered
            self.ledger.unanswered -= self.ledger.acknowledged
            self.ledger.refused += sender.ledger.refused
        self._left = [sender.unfinished for sender in self._senders] or self._left
        self._senders = []

    def for_a_moment(self, shortest: float, longest: float) -> None:
        """Let it run for a random time, so that what follows hits no particular moment."""
        time.sleep(self._random.uniform(shortest, longest))

    # ── death ──

    def processes(self) -> list[int]:
        return [pid for pid in (self.server.pid, *self.server.children()) if alive(pid)]

    def kill_one(self) -> str:
        """Kill -9 a random process, or all at once; returns which. Starts the service again if need be."""
        victim = self._random.choice(VICTIMS)
        if victim == "all":
            self.kill_all()
        elif victim == "supervisor":
            os.kill(self.server.pid, signal.SIGKILL)
        else:
            wait_until(lambda: self.server.children(victim), 30)
            os.kill(self._random.choice(self.server.children(victim)), signal.SIGKILL)
        self.kills[victim] += 1
        if victim == "supervisor":
            self.server.stop()
        if victim in ("all", "supervisor"):
            self.server.start()
        return victim

    def kill_all(self) -> None:
        processes = self.processes()
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, processes)), 30)
        self.server.stop()

    # ── the count ──

    def verify(self) -> Stored:
        """Let the loader finish, stop the service, count, and compare with what the senders know."""
        self.rest()
        wait_until(self._journal_empty, LOAD_SECONDS_MAX)
        assert self.server.stop() == 0
        stored = count_stored(self.data)
        report = self.report(stored)
        print(report)
        assert not self.ledger.refused, self.ledger.refused[:3]
        assert not self.ledger.acknowledged - stored.ids, report
        assert not stored.ids - self.ledger.acknowledged - self.ledger.unanswered, report
        assert stored.doubled == 0, report
        assert stored.usage == stored.summaries == stored.red == stored.spans, report
        assert stored.quarantined == stored.left_in_journal == 0, report
        return stored

    def report(self, stored: Stored) -> str:
        lost = len(self.ledger.acknowledged - stored.ids)
        return (
            f"kills {dict(self.kills)}; {len(self.ledger.acknowledged)} spans acknowledged, {lost} lost, "
            f"{stored.doubled} doubled, {len(stored.ids & self.ledger.unanswered)} stored unacknowledged; "
            f"rows {stored.spans}, usage {stored.usage}, summaries {stored.summaries}, red {stored.red}, "
            f"quarantined {stored.quarantined}, left in journal {stored.left_in_journal}"
        )

    def _journal_empty(self) -> bool:
        return not any(path.suffix in (".seg", ".open") for path in (self.data / "journal").iterdir())
