"""Bodies that the real engine refuses, put into the journal as they are: mended alone, their neighbours unharmed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from spanhouse.base.clock import FixedClock
from spanhouse.tracing.loading.loader import Loader
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.wire.mend import mend
from tests.journeys.test_bad_bodies import bad_bodies
from tests.kit.batches import envelope, write_segment
from tests.kit.otlp import make_request, make_span
from tests.kit.spans import BASE
from tests.kit.store import Store


def test_what_the_engine_refuses_is_mended_and_its_neighbours_are_stored_once(store: Store, tmp_path: Path) -> None:
    instance = store.new_instance()
    bad = [dataclasses.replace(envelope(body, instance=instance), body=body) for _, body in bad_bodies(40)]
    good = [
        envelope(make_request(make_span(n + 1, trace_id=b"g" * 16)).SerializeToString(), instance=instance)
        for n in range(40)
    ]
    write_segment(tmp_path / "journal", "refused-1", *(each for pair in zip(bad, good, strict=True) for each in pair))

    Loader(tmp_path / "journal", store.writer, FixedClock(BASE), mend).load_waiting()

    found = store.reader.trace(Scope(instance), b"g" * 16, 1_000).spans
    assert sorted(span.span_id for span in found) == sorted((n + 1).to_bytes(8, "big") for n in range(40))
    for table, column in (("usage_hours", "sum(spans)"), ("red_minutes", "sum(calls)"), ("spans", "count()")):
        sql = f"SELECT {column} FROM {table} WHERE instance = {{i:String}}"
        assert int(store.engine.query(sql, {"i": instance}, {}).rows()[0][0]) == 80, table
    assert not (tmp_path / "quarantine").exists()


def test_what_nobody_can_read_is_set_aside(store: Store, tmp_path: Path) -> None:
    instance = store.new_instance()
    good = envelope(make_request(make_span(1, trace_id=b"q" * 16)).SerializeToString(), instance=instance)
    bad = dataclasses.replace(good, body=b"\x0a\x05\x12\x7f", content_hash=b"x" * 16)
    write_segment(tmp_path / "journal", "refused-2", bad, good)

    Loader(tmp_path / "journal", store.writer, FixedClock(BASE), mend).load_waiting()

    assert len(store.reader.trace(Scope(instance), b"q" * 16, 10).spans) == 1
    assert len(list((tmp_path / "quarantine").glob("*.bin"))) == 1
