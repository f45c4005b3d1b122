"""Loading into the real engine: a load that a crash cut short is completed, table by table, and nothing is doubled."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from spanhouse.tracing.store.clickhouse.write import _VIEWS
from spanhouse.tracing.store.protocols import Refusal
from tests.kit.batches import of_spans, write_segment
from tests.kit.spans import BASE, make_span
from tests.kit.store import Store

COUNTS = {
    "usage_hours": "SELECT sum(spans) FROM usage_hours WHERE instance = {i:String}",
    "spans": "SELECT count() FROM spans WHERE instance = {i:String}",
    "trace_summaries": "SELECT sum(spans) FROM trace_summaries WHERE instance = {i:String}",
    "red_minutes": "SELECT sum(calls) FROM red_minutes WHERE instance = {i:String}",
}
_tokens = itertools.count()


def segment(directory: Path, instance: str) -> Path:
    spans = [make_span(number, attributes={"k": "v"}) for number in (1, 2, 3)]
    return write_segment(directory, f"w{next(_tokens)}", of_spans(spans, instance=instance))


def counts(store: Store, instance: str) -> dict[str, int]:
    return {table: int(store.engine.query(sql, {"i": instance}, {}).rows()[0][0] or 0) for table, sql in COUNTS.items()}


def test_every_table_of_a_load_is_counted_here() -> None:
    assert COUNTS.keys() == _VIEWS.keys()


def test_a_load_fills_every_table(store: Store, tmp_path: Path) -> None:
    instance = store.new_instance()
    file = segment(tmp_path, instance)

    store.writer.load(file, file.stem)

    assert set(counts(store, instance).values()) == {3}


FILLED = [subset for size in range(5) for subset in itertools.combinations(COUNTS, size)]


@pytest.mark.parametrize("filled", FILLED, ids="+".join)
def test_a_load_that_filled_some_tables_is_completed(store: Store, tmp_path: Path, filled: Sequence[str]) -> None:
    instance = store.new_instance()
    file = segment(tmp_path, instance)
    position = store.writer.position(BASE)
    _load_only_into(store, file, filled)

    store.writer.resume(file, file.stem, position)

    assert set(counts(store, instance).values()) == {3}


def test_a_completed_load_is_not_repeated(store: Store, tmp_path: Path) -> None:
    instance = store.new_instance()
    file = segment(tmp_path, instance)
    position = store.writer.position(BASE)
    store.writer.load(file, file.stem)
    for table in COUNTS:
        store.engine.command(f"OPTIMIZE TABLE {table} FINAL")  # merged parts count as well

    store.writer.resume(file, file.stem, position)
    store.writer.resume(file, file.stem, position)

    assert set(counts(store, instance).values()) == {3}


def test_after_a_load_was_taken_up_the_next_one_fills_every_table(store: Store, tmp_path: Path) -> None:
    instance = store.new_instance()
    first, second = segment(tmp_path, instance), segment(tmp_path, instance)  # of equal content
    position = store.writer.position(BASE)
    _load_only_into(store, first, ["spans"])
    store.writer.resume(first, first.stem, position)

    store.writer.load(second, second.stem)

    assert set(counts(store, instance).values()) == {6}


def test_a_refused_load_stores_nothing(store: Store, tmp_path: Path) -> None:
    instance = store.new_instance()
    file = segment(tmp_path, instance)
    with file.open("ab") as end:
        end.write(b"\x02\x7b\x7b")  # a group that never ends

    with pytest.raises(Refusal):
        store.writer.load(file, file.stem)

    assert set(counts(store, instance).values()) == {0}


@pytest.mark.parametrize("name", ["it's", "back\\slash", "st*r", "{1..3}", "sp ace", "ümlaut"])
def test_any_directory_name_will_do(store: Store, tmp_path: Path, name: str) -> None:
    instance = store.new_instance()
    file = segment(tmp_path / name, instance)

    store.writer.load(file, file.stem)

    assert set(counts(store, instance).values()) == {3}


def test_nothing_is_written_outside_the_data_directory(tmp_path: Path) -> None:
    """In a process of its own, for what is written depends on the directory it starts in."""
    script = (
        "from pathlib import Path; from tests.kit.store import Store; from tests.kit.spans import make_span;"
        f"store = Store(Path({str(tmp_path / 'data')!r})); store.put('i', [make_span()]); store.close()"
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    repository = Path(__file__).parents[2]

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path / "elsewhere",
        env={"PYTHONPATH": f"{repository}", "TMPDIR": str(tmp_path / "elsewhere")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []


def _load_only_into(store: Store, file: Path, tables: Sequence[str]) -> None:
    """What a crash in the middle of a load leaves."""
    others = [view for table, view in _VIEWS.items() if table not in tables]
    for view in others:
        store.engine.command(f"DETACH TABLE {view}")
    store.writer.load(file, file.stem)
    for view in others:
        store.engine.command(f"ATTACH TABLE {view}")
