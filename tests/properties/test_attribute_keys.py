"""The attribute keys of an instance's day, counted by several processes together."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.tracing.ingest.attribute_keys import AttributeKeys
from spanhouse.tracing.ingest.locked_file import LockedFile

DAY = 20_000
keys = st.sets(st.sampled_from("abcdefghij"), max_size=4)


@pytest.mark.clause("R5")
@given(st.integers(1, 8), st.lists(st.tuples(st.integers(0, 2), keys), max_size=40))
def test_processes_let_in_together_what_one_would(most: int, arriving: list[tuple[int, set[str]]]) -> None:
    used: set[str] = set()
    with tempfile.TemporaryDirectory() as directory:
        processes = [AttributeKeys(Path(directory)) for _ in range(3)]
        for process, of_span in arriving:
            fits = len(used | of_span) <= most or of_span <= used

            assert processes[process].of("i-shop", most, DAY).admit(of_span) == fits

            used |= of_span if fits else set()


def test_keys_of_an_instance_and_a_day_are_not_anothers(tmp_path: Path) -> None:
    of_all = AttributeKeys(tmp_path)

    assert of_all.of("i-shop", 1, DAY).admit({"a"})
    assert of_all.of("i-bank", 1, DAY).admit({"b"})
    assert not of_all.of("i-shop", 1, DAY).admit({"b"})
    assert of_all.of("i-shop", 1, DAY + 1).admit({"b"})
    assert of_all.of("i-shop", 2, DAY + 1).admit({"c"})


def test_a_new_key_does_not_read_all_others_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_bytes = 0
    read = LockedFile.read

    def counted(file: LockedFile, start: int = 0, bytes_max: int | None = None) -> bytes:
        nonlocal read_bytes
        content = read(file, start, bytes_max)
        read_bytes += len(content)
        return content

    monkeypatch.setattr(LockedFile, "read", counted)
    of_all = AttributeKeys(tmp_path)

    assert all(of_all.of("i-shop", 500, DAY).admit({f"key {number}"}) for number in range(500))

    assert read_bytes <= 500 * 8
