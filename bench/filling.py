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
_BEGUN = "begun"
_NOTE = "filled.json"
_SPANS = Path(__file__).with_name("spans.sql")
TRACE_IDS = 50
_ROOTS = f"""
SELECT hex(trace_id), attributes_string['shop.order.id'] FROM spans
WHERE parent_span_id = toFixedString('', 8) AND sipHash64(trace_id) % 1000 = 0 LIMIT {TRACE_IDS}
"""
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
    trace_ids: tuple[str, ...]
    """in hex, from anywhere in the range"""
    order: str
    """the value of `shop.order.id` of the first of them"""


def filled_store(directory: Path, spans: int, say: Callable[[str], None]) -> Filled:
    """The store in `directory` with about so many spans, made now unless it is there and made the same way. Ends the
    program rather than replace what was not made here."""
    if (directory / _NOTE).exists():
        found = filled_note(directory)
        if found.digest == _digest(spans):
            return found
    if directory.exists():
        if any(directory.iterdir()) and not any((directory / name).exists() for name in (_BEGUN, _NOTE)):
            raise SystemExit(f"{directory} holds something else: keep the store in a directory of its own")
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    (directory / _BEGUN).touch()
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
        return _look_into(engine, spans, first, last)
    finally:
        engine.close()


def _look_into(engine: Engine, spans: int, first: int, last: int) -> Filled:
    ((stored,),) = engine.query("SELECT count() FROM spans", {}, {}).rows()
    roots = engine.query(_ROOTS, {}, {}).rows()
    return Filled(int(stored), first, last, _digest(spans), tuple(str(row[0]) for row in roots), str(roots[0][1]))


def _digest(spans: int) -> str:
    """Of all that decides what the store holds and in what form."""
    texts = [str(spans), _SPANS.read_text(), *(migration.sql for migration in migrations())]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
