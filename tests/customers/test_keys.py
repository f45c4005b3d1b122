"""Instances and keys: what a service changes is in the published Grants when it returns."""

from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from spanhouse.base.errors import Malformed, NotFound
from spanhouse.base.ids import digest_secret
from spanhouse.contracts.grant import Grants
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.instances import access, publishing, selectors, services
from spanhouse.customers.instances.models import GrantsVersion, Instance, Key
from tests.kit.accounts import NOON, operator, shop

pytestmark = pytest.mark.django_db(transaction=True)


def published(settings: Settings) -> Grants:
    path: Path = settings.GRANTS_PATH
    return Grants.from_json(path.read_bytes())


def test_a_new_key_is_published_by_its_digest(settings: Settings) -> None:
    _, _, local = operator()

    key, secret = services.create_key(local, "ingest", "checkout", now=NOON, expires_at=NOON + timedelta(days=1))

    grant = published(settings).keys[digest_secret(secret)]
    assert (grant.key_id, grant.instance, grant.scope) == (key.pk, "local", "ingest")
    assert grant.expires_at_ns == int((NOON + timedelta(days=1)).timestamp()) * 10**9


def test_the_secret_is_kept_nowhere(settings: Settings) -> None:
    _, _, local = operator()

    key, secret = services.create_key(local, "query", "grafana", now=NOON)

    row = Key.objects.filter(pk=key.pk).values().get()
    assert secret.startswith(key.prefix)
    assert len(key.prefix) < len(secret) / 3
    assert secret not in repr(row)
    assert secret.encode() not in settings.GRANTS_PATH.read_bytes()


def test_a_revoked_key_leaves_the_grants(settings: Settings) -> None:
    _, _, local = operator()
    key, secret = services.create_key(local, "ingest", "checkout", now=NOON)
    before = published(settings).version

    assert services.revoke_key(key, now=NOON)

    assert digest_secret(secret) not in published(settings).keys
    assert published(settings).version > before
    assert selectors.find_key(secret) is None


def test_revoking_twice_changes_nothing(settings: Settings) -> None:
    _, _, local = operator()
    key, _ = services.create_key(local, "ingest", "checkout", now=NOON)
    services.revoke_key(key, now=NOON)
    before = published(settings)

    assert not services.revoke_key(key, now=NOON + timedelta(hours=1))

    assert published(settings) == before
    assert Key.objects.get(pk=key.pk).revoked_at == NOON


def test_a_rotated_key_works_on_for_the_overlap() -> None:
    _, _, local = operator()
    old, old_secret = services.create_key(local, "ingest", "web", now=NOON, origins=["https://shop.example.com"])

    new, new_secret = services.rotate_key(old, now=NOON, overlap=timedelta(hours=24))

    assert Key.objects.get(pk=old.pk).expires_at == NOON + timedelta(hours=24)
    assert selectors.find_key(old_secret) == old
    assert selectors.find_key(new_secret) == new
    assert (new.scope, new.name, new.origins) == ("ingest", "web", ["https://shop.example.com"])


def test_a_rotation_never_makes_the_old_key_live_longer() -> None:
    _, _, local = operator()
    old, _ = services.create_key(local, "ingest", "web", now=NOON, expires_at=NOON + timedelta(hours=1))

    services.rotate_key(old, now=NOON, overlap=timedelta(days=7))

    assert Key.objects.get(pk=old.pk).expires_at == NOON + timedelta(hours=1)


def test_an_overlap_past_the_calendars_end_is_refused() -> None:
    _, _, local = operator()
    old, _ = services.create_key(local, "ingest", "web", now=NOON)

    with pytest.raises(Malformed):
        services.rotate_key(old, now=NOON, overlap=timedelta(days=3_000_000))

    assert Key.objects.get() == old


def test_a_rotation_without_overlap_revokes_at_once() -> None:
    _, _, local = operator()
    old, secret = services.create_key(local, "ingest", "web", now=NOON)

    services.rotate_key(old, now=NOON, overlap=timedelta(0))

    assert selectors.find_key(secret) is None
    with pytest.raises(NotFound):
        services.rotate_key(old, now=NOON, overlap=timedelta(0))


@pytest.mark.parametrize(
    ("scope", "name", "origins", "said"),
    [
        ("admin", "x", [], "ingest or query"),
        ("ingest", "", [], "name"),
        ("ingest", "n" * 201, [], "name"),
        ("ingest", "x", ["shop.example.com"], "not an origin"),
        ("ingest", "x", ["https://shop.example.com/path"], "not an origin"),
        ("ingest", "x", ["https://["], "not an origin"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(scope: str, name: str, origins: list[str], said: str) -> None:
    _, _, local = operator()

    with pytest.raises(Malformed, match=said):
        services.create_key(local, scope, name, now=NOON, origins=origins)

    assert not Key.objects.exists()


def test_a_key_of_another_instance_is_not_found() -> None:
    _, _, local = operator()
    _, _, other = shop()
    key, _ = services.create_key(other, "ingest", "x", now=NOON)

    with pytest.raises(NotFound):
        selectors.get_key(local, key.pk)


def test_people_see_the_instances_of_their_own_accounts() -> None:
    _, alice, local = operator()
    _, bob, other = shop()

    assert list(access.instances_for(alice, Operation.QUERY, NOON)) == [local]
    assert access.instance_for(bob, Operation.QUERY, NOON, local.pk) == other


def test_loopback_is_open_while_there_is_one_account(settings: Settings) -> None:
    operator()
    assert published(settings).loopback_instance == "local"

    services.open_account("Shop", now=NOON)

    assert published(settings).loopback_instance is None


def test_loopback_is_closed_by_the_setting(settings: Settings) -> None:
    settings.LOOPBACK_OPEN = False

    operator()

    assert published(settings).loopback_instance is None


@pytest.mark.report("V39")
@pytest.mark.parametrize("days", [-1, 0, 3651])
def test_a_retention_out_of_bounds_is_refused(days: int) -> None:
    _, _, local = operator()

    with pytest.raises(Malformed, match="retention_days"):
        services.change_instance(local, retention_days=days, now=NOON)

    assert Instance.objects.get(pk=local.pk).retention_days == 15


def test_a_change_of_an_instance_is_published(settings: Settings) -> None:
    _, _, local = operator()

    services.change_instance(local, intake=False, retention_days=30, now=NOON)

    grant = published(settings).instances["local"]
    assert (grant.ingest, grant.query, grant.denial, grant.retention_days) == (
        False,
        True,
        "intake of this instance is switched off",
        30,
    )


def test_a_change_that_fails_publishes_nothing(settings: Settings) -> None:
    account, _, _ = operator()
    before = published(settings)

    with pytest.raises(Malformed, match="already"):
        services.create_instance(account, "again", now=NOON, retention_days=15, instance_id="local")

    assert published(settings) == before


def test_the_use_of_a_key_is_noted_once_a_minute() -> None:
    _, _, local = operator()
    key, secret = services.create_key(local, "query", "grafana", now=NOON)

    services.note_use(key, now=NOON)
    services.note_use(Key.objects.get(pk=key.pk), now=NOON + timedelta(seconds=59))
    assert Key.objects.get(pk=key.pk).last_used_at == NOON
    services.note_use(Key.objects.get(pk=key.pk), now=NOON + timedelta(seconds=60))

    found = selectors.find_key(secret)
    assert found is not None
    assert found.last_used_at == NOON + timedelta(seconds=60)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 1}'])
def test_a_damaged_snapshot_is_written_anew(settings: Settings, damage: bytes) -> None:
    operator()
    before = published(settings)
    settings.GRANTS_PATH.write_bytes(damage)

    publishing.reconcile()

    assert published(settings) == before


def test_a_database_restored_from_a_backup_publishes_over_the_newer_snapshot(settings: Settings) -> None:
    operator()
    ahead = published(settings).version + 100
    settings.GRANTS_PATH.write_bytes(Grants(version=ahead).to_json())

    publishing.reconcile()

    assert published(settings).version > ahead
    assert GrantsVersion.objects.get().version == published(settings).version
    assert "local" in published(settings).instances


def test_an_older_publisher_does_not_overwrite_a_newer_snapshot(settings: Settings) -> None:
    operator()
    newer = Grants(version=published(settings).version + 1)
    settings.GRANTS_PATH.write_bytes(newer.to_json())

    publishing.publish()

    assert published(settings) == newer
