"""Questions of a large store, warm and after a restart, beside the same in SQL written by hand.

`python -m bench.questioning DIRECTORY NUMBER ours|raw` asks one in a process of its own, which has just opened the
store, and prints the seconds it took.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from bench.filling import Filled, dsn, filled_note, filled_store
from bench.printing import milliseconds, out, quantiles
from bench.questions import Question, Questions
from spanhouse.tracing.store.clickhouse.engine import Engine

ROUNDS_MAX = 20
ROUNDS_MIN = 3
SECONDS_EACH = 30.0
_CACHES = Path("/proc/sys/vm/drop_caches")


@dataclass
class Timed:
    """Seconds. `cold`: the first answer after the store was opened, with nothing of it in memory where root asks."""

    name: str
    ours: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    cold_ours: float = 0.0
    cold_raw: float = 0.0
    agreed: bool = False

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.raw)


def run(directory: Path, spans: int) -> dict[str, object]:
    filled = filled_store(directory, spans, out.print)
    timed = _warm(directory, filled)
    for number, each in enumerate(timed):
        each.cold_ours, each.cold_raw = (_cold(directory, number, side) for side in ("ours", "raw"))
    _show(timed, filled)
    return {
        each.name: {
            "ours_ms": quantiles(each.ours),
            "raw_ms": quantiles(each.raw),
            "ratio": each.ratio,
            "cold_ms": {"ours": each.cold_ours * 1000, "raw": each.cold_raw * 1000},
            "agreed": each.agreed,
        }
        for each in timed
    }


def _warm(directory: Path, filled: Filled) -> list[Timed]:
    engine = Engine.open(dsn(directory), connections=2)
    try:
        return [_time(question) for question in Questions(engine, filled).all()]
    finally:
        engine.close()


def _time(question: Question) -> Timed:
    """In turns, so that whatever else the machine does meets both; the first of each only warms up."""
    timed = Timed(question.name)
    timed.agreed = question.agree(question.ours(), question.raw())
    started = time.perf_counter()
    while len(timed.ours) < ROUNDS_MAX:
        timed.ours.append(_seconds(question.ours))
        timed.raw.append(_seconds(question.raw))
        if len(timed.ours) >= ROUNDS_MIN and time.perf_counter() - started > SECONDS_EACH:
            break
    differ = "" if timed.agreed else ", the answers DIFFER"
    out.print(f"{question.name}: {milliseconds(timed.ours)}, by hand {milliseconds(timed.raw)}{differ}", markup=False)
    return timed


def _cold(directory: Path, number: int, side: str) -> float:
    if os.geteuid() == 0:
        os.sync()
        _CACHES.write_text("1")
    command = [sys.executable, "-m", "bench.questioning", str(directory), str(number), side]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return float(done.stdout.splitlines()[-1])


def _seconds(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def _show(timed: list[Timed], filled: Filled) -> None:
    title = f"Questions of {filled.spans:,} spans"
    table = Table("question", "ours p50 / p99", "SQL by hand p50 / p99", "ratio", "cold: ours", "SQL", title=title)
    for each in timed:
        ratio = f"{each.ratio:.2f}" if each.agreed else f"{each.ratio:.2f} (answers differ)"
        cold = (f"{seconds * 1000:,.0f} ms" for seconds in (each.cold_ours, each.cold_raw))
        table.add_row(each.name.replace("[", r"\["), milliseconds(each.ours), milliseconds(each.raw), ratio, *cold)
    out.print(table)


def main(directory: Path, number: int, side: str) -> None:
    engine = Engine.open(dsn(directory), connections=2)
    question = Questions(engine, filled_note(directory)).all()[number]
    print(_seconds(question.ours if side == "ours" else question.raw))
    engine.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
