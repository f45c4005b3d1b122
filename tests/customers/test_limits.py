"""Limits of an instance: who sets them, how they reach intake, and what intake tells of what it refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from spanhouse.base.errors import Forbidden, Malformed
from spanhouse.contracts.grant import Grants
from spanhouse.contracts.limits import Limits
from spanhouse.contracts.refused import Amount, Refused, RefusedIn, refused_file
from spanhouse.customers.accounts.audit.actors import By, by_user
from spanhouse.customers.accounts.audit.models import AuditEntry
from spanhouse.customers.accounts.models import User
from spanhouse.customers.instances import limits, refused, selectors
from spanhouse.customers.instances.models import Instance, RefusedRow
from tests.kit.accounts import NOON, operator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.clause("R5")]

HOUR = int(NOON.timestamp()) // 3600


@pytest.fixture
def local() -> Instance:
    return operator()[2]


def stored(instance: Instance) -> Limits:
    return selectors.instance_grant(Instance.objects.get(pk=instance.pk)).limits


def test_limits_reach_the_grants_and_what_is_not_named_stays(local: Instance, settings: Settings) -> None:
    limits.set_limits(local, {"spans_per_second": 100, "query_seconds": 5}, now=NOON)
    limits.set_limits(local, {"query_seconds": 0, "attributes": 64}, now=NOON)

    published = Grants.from_json(Path(settings.GRANTS_PATH).read_bytes())
    assert published.instances[local.pk].limits == Limits(spans_per_second=100, attributes=64)


def test_a_change_of_limits_is_audited(local: Instance) -> None:
    limits.set_limits(local, {"spans_per_second": 100}, now=NOON)
    limits.set_limits(local, {"spans_per_second": 50}, now=NOON)

    entry = AuditEntry.objects.filter(operation="instance.change").latest("number")
    assert entry.details == {
        "before": {"limits": {"spans_per_second": 100}},
        "after": {"limits": {"spans_per_second": 50}},
    }


@pytest.mark.parametrize("changes", [{"spans": 1}, {"spans_per_second": -1}, {"spans_per_second": "many"}])
def test_limits_that_make_no_sense_are_refused(local: Instance, changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="spans"):
        limits.set_limits(local, changes, now=NOON)

    assert stored(local) == Limits()


def owner() -> By:
    return by_user(User.objects.get())


def test_nobody_raises_their_own_limits(local: Instance) -> None:
    with pytest.raises(Forbidden):
        limits.set_limits(local, {"spans_per_second": 0}, now=NOON, by=owner())


def test_a_customer_switches_services_off_and_on(local: Instance) -> None:
    limits.set_limits(local, {"spans_per_second": 9}, now=NOON)

    limits.switch_services(local, off=["noisy", "old"], now=NOON, by=owner())
    limits.switch_services(local, off=["more"], on=["old", "unheard of"], now=NOON, by=owner())

    assert stored(local) == Limits(spans_per_second=9, services_off=("more", "noisy"))


def write(directory: Path, index: int, source: str, amounts: dict[tuple[str, int], Amount], instance: str) -> None:
    by = {RefusedIn(instance, reason, hour): amount for (reason, hour), amount in amounts.items()}
    (directory / refused_file(index)).write_bytes(Refused(source, by).to_json())


def told(instance: Instance, first: int = HOUR - 5, last: int = HOUR) -> dict[tuple[str, int], Amount]:
    return {(at.reason, at.hour): amount for at, amount in refused.amounts(instance.pk, first, last).items()}


def test_what_all_processes_refused_is_told_by_hour_and_reason(local: Instance, tmp_path: Path) -> None:
    write(tmp_path, 0, "r-a", {("spans_per_second", HOUR): Amount(1, 10, 100)}, local.pk)
    write(
        tmp_path,
        1,
        "r-b",
        {
            ("spans_per_second", HOUR): Amount(2, 20, 200),
            ("attributes", HOUR): Amount(0, 3, 30),
            ("spans_per_second", HOUR - 1): Amount(1, 1, 1),
        },
        local.pk,
    )

    refused.take_up(tmp_path, now_hour=HOUR)
    refused.take_up(tmp_path, now_hour=HOUR)

    assert told(local) == {
        ("spans_per_second", HOUR - 1): Amount(1, 1, 1),
        ("attributes", HOUR): Amount(0, 3, 30),
        ("spans_per_second", HOUR): Amount(3, 30, 300),
    }
    assert told(local, HOUR - 1, HOUR - 1) == {("spans_per_second", HOUR - 1): Amount(1, 1, 1)}


def test_amounts_grow_and_those_the_file_no_longer_holds_stay(local: Instance, tmp_path: Path) -> None:
    write(tmp_path, 0, "r-a", {("attributes", HOUR - 2): Amount(0, 5, 50)}, local.pk)
    refused.take_up(tmp_path, now_hour=HOUR)

    write(tmp_path, 0, "r-a", {("attributes", HOUR): Amount(0, 1, 10)}, local.pk)
    refused.take_up(tmp_path, now_hour=HOUR)
    write(tmp_path, 0, "r-a", {("attributes", HOUR): Amount(0, 4, 40)}, local.pk)
    refused.take_up(tmp_path, now_hour=HOUR)

    assert told(local) == {("attributes", HOUR - 2): Amount(0, 5, 50), ("attributes", HOUR): Amount(0, 4, 40)}


def test_a_file_begun_anew_adds_to_the_one_before(local: Instance, tmp_path: Path) -> None:
    write(tmp_path, 0, "r-a", {("attributes", HOUR): Amount(0, 5, 50)}, local.pk)
    refused.take_up(tmp_path, now_hour=HOUR)

    write(tmp_path, 0, "r-new", {("attributes", HOUR): Amount(0, 1, 10)}, local.pk)
    refused.take_up(tmp_path, now_hour=HOUR)

    assert told(local) == {("attributes", HOUR): Amount(0, 6, 60)}


def test_another_instance_is_told_nothing_of_it(local: Instance, tmp_path: Path) -> None:
    write(tmp_path, 0, "r-a", {("attributes", HOUR): Amount(0, 5, 50)}, "i-other")

    refused.take_up(tmp_path, now_hour=HOUR)

    assert told(local) == {}


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b"{}",
        b'{"source": "r", "amounts": [["i"]]}',
        b'{"source": "", "amounts": []}',
        b'{"source": "r", "amounts": [["i", "x", 1, 2, 3, -4]]}',
        b'{"source": "r", "amounts": [[1, "x", 1, 2, 3, 4]]}',
        b'{"source": "r", "amounts": 7}',
        b"\xff",
    ],
)
def test_a_damaged_file_holds_nothing_up(local: Instance, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / refused_file(0)).write_bytes(damage)
    write(tmp_path, 1, "r-b", {("attributes", HOUR): Amount(0, 5, 50)}, local.pk)

    refused.take_up(tmp_path, now_hour=HOUR)

    assert told(local) == {("attributes", HOUR): Amount(0, 5, 50)}


def test_amounts_are_forgotten_after_a_year_and_a_month(local: Instance, tmp_path: Path) -> None:
    write(tmp_path, 0, "r-a", {("attributes", HOUR): Amount(0, 5, 50)}, local.pk)
    refused.take_up(tmp_path, now_hour=HOUR)
    (tmp_path / refused_file(0)).unlink()

    refused.take_up(tmp_path, now_hour=HOUR + refused.KEPT_HOURS - 1)
    assert RefusedRow.objects.count() == 1
    refused.take_up(tmp_path, now_hour=HOUR + refused.KEPT_HOURS)

    assert RefusedRow.objects.count() == 0


def test_the_models_have_their_migrations() -> None:
    call_command("makemigrations", "--check", "--dry-run", "instances", verbosity=0)
