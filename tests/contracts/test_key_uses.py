"""What intake tells of the use of keys."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spanhouse.base.clock import FixedClock
from spanhouse.base.errors import SpanhouseError
from spanhouse.contracts.use import KeyUses, use_file
from spanhouse.runtime.ingest_process import IngestOptions
from spanhouse.runtime.ingest_process import run as run_ingest
from spanhouse.tracing.ingest.uses import UseFile
from spanhouse.tracing.journal import journal as journal_module
from tests.kit.ingest import NOW_NS, grants, key, receiver, write_grants

SPANS = {"resourceSpans": []}


def read(path: Path) -> dict[str, int]:
    return dict(KeyUses.from_json(path.read_bytes()).last_ns)


def test_the_last_use_of_each_key_is_written(tmp_path: Path) -> None:
    uses = UseFile(tmp_path / "use-0.json")

    uses.note("k-a", 1)
    uses.note("k-b", 7)
    uses.note("k-a", 5)
    uses.note("k-b", 6)
    uses.note("", 9)

    assert uses.write()
    assert read(tmp_path / "use-0.json") == {"k-a": 5, "k-b": 7}


def test_nothing_is_written_while_no_key_is_used(tmp_path: Path) -> None:
    uses = UseFile(tmp_path / "use-0.json")
    assert not uses.write()
    uses.note("k-a", 1)
    uses.write()
    uses.note("k-a", 1)

    assert not uses.write()


def test_a_process_started_anew_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "use-0.json"
    path.write_bytes(KeyUses({"k-a": 3}).to_json())

    uses = UseFile(path)
    uses.note("k-b", 4)
    uses.write()

    assert read(path) == {"k-a": 3, "k-b": 4}


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"last_ns": {"k": "x"}}', b'{"last_ns": {"k": true}}', b"\xff"])
def test_a_damaged_file_is_written_anew(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "use-0.json"
    path.write_bytes(damage)

    uses = UseFile(path)
    uses.note("k-a", 1)
    uses.write()

    assert read(path) == {"k-a": 1}


def test_what_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / "later" / "use-0.json"
    uses = UseFile(path)
    uses.note("k-a", 1)
    uses.write()
    path.parent.mkdir()

    uses.write()

    assert read(path) == {"k-a": 1}


def test_a_key_that_sends_is_noted_and_one_that_is_refused_is_not(tmp_path: Path) -> None:
    with receiver(tmp_path, grants(key("good"), key("stale", expires_at_ns=NOW_NS))) as otlp:
        assert otlp.post(SPANS, headers={"x-api-key": "good"}).status_code == 200
        assert otlp.post(SPANS, headers={"x-api-key": "stale"}).status_code == 401
        assert otlp.post(SPANS).status_code == 200  # loopback, by no key
        otlp.uses.write()

    assert read(tmp_path / "grants" / use_file(0)) == {"k-good": NOW_NS}


def options(directory: Path) -> IngestOptions:
    write_grants(directory, grants(key("good")))
    return IngestOptions(directory, otlp_http_port=0, otlp_grpc_port=0, index=3, clock=FixedClock(NOW_NS))


def test_an_ingest_process_ends_when_its_journal_stops_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(journal_module.Journal, "_rotate", broken)

    with pytest.raises(SpanhouseError, match="journal stopped by itself"):
        asyncio.run(asyncio.wait_for(run_ingest(options(tmp_path)), 30))
