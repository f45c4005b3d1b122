"""A store of many spans made by the engine itself, in minutes; kept between runs."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from spanhouse.base.clock import NANOS_PER_SECOND, SystemClock
from spanhouse.tracing.store.clickhouse.engine import Engine
from spanhouse.tracing.store.clickhouse.migrate import migrate, migrations

INSTANCE = "local"
RANGE_SECONDS = 24 * 3600
TRACES_AT_ONCE = 60_000
SPANS_PER_TRACE = 8.2
"""about; bench/spans.sql has it"""
_NOTE = "filled.json"
_SPANS = Path(__file__).with_name("spans.sql")
_SETTINGS = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_block_size": 4 * TRACES_AT_ONCE,
    "min_insert_block_size_rows": 1_000_000,
    "min_insert_block_size_bytes": 0,
    "insert_deduplicate": 0,
    "deduplicate_blocks_in_dependent_materialized_views": 0,
}


@dataclass(frozen=True)
class Filled:
    """What a store was filled with. Times in ns: spans start from `first` and up to about `last`."""

    spans: int
    first: int
    last: int
    digest: str


def filled_store(directory: Path, spans: int, say: Callable[[str], None]) -> Filled:
    """The store in `directory` with about so many spans, made now unless it is there and made the same way."""
    if (directory / _NOTE).exists():
        found = filled_note(directory)
        if found.digest == _digest(spans):
            return found
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    started = time.perf_counter()
    filled = _fill(directory, spans, say)
    (directory / _NOTE).write_text(json.dumps(asdict(filled)))
    say(f"{filled.spans:,} spans made in {time.perf_counter() - started:,.0f} s")
    return filled


def filled_note(directory: Path) -> Filled:
    """What the store in `directory` was filled with."""
    return Filled(**json.loads((directory / _NOTE).read_text()))


def dsn(directory: Path) -> str:
    return f"chdb://{directory / 'store'}"


def _fill(directory: Path, spans: int, say: Callable[[str], None]) -> Filled:
    engine = Engine.open(dsn(directory), connections=1)
    try:
        migrate(engine, SystemClock())
        traces = int(spans / SPANS_PER_TRACE)
        last = time.time_ns() - 60 * NANOS_PER_SECOND
        first = last - RANGE_SECONDS * NANOS_PER_SECOND
        parameters = {
            "seed": last,
            "from": first,
            "every": RANGE_SECONDS * NANOS_PER_SECOND // traces,
            "instance": INSTANCE,
        }
        for done in range(0, traces, TRACES_AT_ONCE):
            count = min(TRACES_AT_ONCE, traces - done)
            engine.command(_SPANS.read_text(), {**parameters, "first": done, "count": count}, _SETTINGS)
            say(f"{(done + count) / traces:.0%} of {spans:,} spans made")
        ((stored,),) = engine.query("SELECT count() FROM spans", {}, {}).rows()
        return Filled(int(stored), first, last, _digest(spans))
    finally:
        engine.close()


def _digest(spans: int) -> str:
    """Of all that decides what the store holds and in what form."""
    texts = [str(spans), _SPANS.read_text(), *(migration.sql for migration in migrations())]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
