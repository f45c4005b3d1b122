"""What intake wrote of the use of keys is taken up: only forward, to the minute, never into the future."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from spanhouse.contracts.use import KeyUses, use_file
from spanhouse.customers.instances import services, uses
from spanhouse.customers.instances.models import Key
from tests.kit.accounts import NOON, operator

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


@pytest.fixture
def key() -> Key:
    _, _, local = operator()
    return services.create_key(local, "ingest", "checkout", now=NOON - MINUTE * 60)[0]


def last_used(key: Key) -> datetime | None:
    return Key.objects.get(pk=key.pk).last_used_at


def write(directory: Path, index: int, key: Key, moment: datetime) -> None:
    (directory / use_file(index)).write_bytes(KeyUses({key.pk: ns(moment)}).to_json())


def test_the_latest_of_all_processes_is_noted(key: Key, tmp_path: Path) -> None:
    write(tmp_path, 0, key, NOON - MINUTE * 5)
    write(tmp_path, 1, key, NOON - MINUTE * 2)
    write(tmp_path, 2, key, NOON - MINUTE * 9)

    uses.take_up(tmp_path, now_ns=ns(NOON))

    assert last_used(key) == NOON - MINUTE * 2


def test_an_older_use_changes_nothing(key: Key, tmp_path: Path) -> None:
    services.note_use(key, now=NOON)
    write(tmp_path, 0, key, NOON - MINUTE * 5)

    uses.take_up(tmp_path, now_ns=ns(NOON))

    assert last_used(key) == NOON


def test_a_use_in_the_future_is_one_now(key: Key, tmp_path: Path) -> None:
    write(tmp_path, 0, key, NOON + timedelta(days=900))

    uses.take_up(tmp_path, now_ns=ns(NOON))

    assert last_used(key) == NOON


def test_what_is_noted_already_is_no_write(key: Key, tmp_path: Path) -> None:
    write(tmp_path, 0, key, NOON)
    uses.take_up(tmp_path, now_ns=ns(NOON))

    with CaptureQueriesContext(connection) as asked:
        uses.take_up(tmp_path, now_ns=ns(NOON + MINUTE))

    assert [query["sql"][:6] for query in asked.captured_queries] == ["SELECT"]


def test_keys_that_are_not_known_are_passed_over(key: Key, tmp_path: Path) -> None:
    (tmp_path / use_file(0)).write_bytes(KeyUses({"k-gone": ns(NOON), key.pk: ns(NOON)}).to_json())

    uses.take_up(tmp_path, now_ns=ns(NOON))

    assert last_used(key) == NOON


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b'{"last_ns": 3}'])
def test_a_damaged_file_does_not_hide_the_others(key: Key, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / use_file(0)).write_bytes(damage)
    write(tmp_path, 1, key, NOON)

    uses.take_up(tmp_path, now_ns=ns(NOON))

    assert last_used(key) == NOON


def test_where_nothing_was_told_nothing_is_noted(key: Key, tmp_path: Path) -> None:
    uses.take_up(tmp_path / "not there", now_ns=ns(NOON))

    assert last_used(key) is None
