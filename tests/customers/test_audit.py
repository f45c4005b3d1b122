"""The audit log: every deed leaves an entry that nobody can change unseen."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest
from django.test import RequestFactory
from pytest_django import Settings

from spanhouse.base.errors import Malformed, Unauthenticated
from spanhouse.customers.accounts import services as accounts
from spanhouse.customers.accounts.append_only import AppendOnlyError, guard_statements
from spanhouse.customers.accounts.audit import chain, export
from spanhouse.customers.accounts.audit.actors import SYSTEM, by_user
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.models import AuditEntry, AuditHead
from spanhouse.customers.accounts.audit.record import INSTALLATION, record
from spanhouse.customers.accounts.audit.requests import by_request
from spanhouse.customers.accounts.audit.search import AuditFilter, entries
from spanhouse.customers.accounts.models import Account, User
from spanhouse.customers.instances import limits, services
from tests.kit.accounts import NOON, operator, shop
from tests.kit.append_only import allow_changes

pytestmark = pytest.mark.django_db


def newest(account: Account) -> AuditEntry:
    found = entries(account.pk).first()
    assert found is not None
    return found


def some_deeds() -> tuple[Account, User]:
    account, alice, local = operator()
    for number in range(5):
        services.create_key(local, "ingest", f"key {number}", now=NOON + timedelta(minutes=number), by=by_user(alice))
    return account, alice


@pytest.mark.clause("G4.6", "G5.5")
def test_a_deed_names_who_did_what_to_what_from_where() -> None:
    account, alice, local = operator()
    by = by_user(alice, ip="203.0.113.7", host="traces.example.com", user_agent="Firefox")

    key, _ = services.create_key(local, "ingest", "checkout", now=NOON, by=by)

    entry = newest(account)
    assert (entry.operation, entry.object_kind, entry.object, entry.instance) == ("key.create", "key", key.pk, "local")
    assert (entry.actor_kind, entry.actor, entry.actor_name) == ("staff", str(alice.pk), "alice")
    assert (entry.at, entry.outcome) == (NOON, "done")
    assert (entry.ip, entry.host, entry.user_agent) == ("203.0.113.7", "traces.example.com", "Firefox")


@pytest.mark.clause("G4.6")
def test_every_write_leaves_an_entry() -> None:
    account, alice, local = operator()
    key, _ = services.create_key(local, "ingest", "a", now=NOON)
    services.rotate_key(key, now=NOON, overlap=timedelta(hours=1))
    services.revoke_key(key, now=NOON)
    services.change_instance(local, now=NOON, retention_days=20)
    code = accounts.create_login_link(alice, now=NOON)
    accounts.redeem_login_link(code, now=NOON)
    accounts.set_password(alice, "correct horse battery", now=NOON)

    deeds = [entry.operation for entry in entries(account.pk).order_by("number")]

    assert deeds == [
        "account.open",
        "member.add",
        "instance.create",
        "key.create",
        "key.create",
        "key.rotate",
        "key.revoke",
        "instance.change",
        "login_link.make",
        "login_link.use",
        "password.set",
    ]


def test_a_deed_that_fails_leaves_nothing() -> None:
    account, _, local = operator()
    before = entries(account.pk).count()

    with pytest.raises(Malformed):
        services.create_key(local, "ingest", "", now=NOON)

    assert entries(account.pk).count() == before


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_of_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="one transaction"):
        record(Deed.LOGIN, INSTALLATION, SYSTEM, now=NOON)


@pytest.mark.clause("G5.6")
def test_a_login_link_used_twice_is_in_the_log_as_refused() -> None:
    account, alice, _ = operator()
    code = accounts.create_login_link(alice, now=NOON)
    accounts.redeem_login_link(code, now=NOON)

    with pytest.raises(Unauthenticated):
        accounts.redeem_login_link(code, now=NOON)

    entry = newest(account)
    assert (entry.operation, entry.outcome, entry.object) == ("login_link.use", "refused", str(alice.pk))
    assert "used already" in entry.reason


def test_an_unknown_name_at_login_is_not_kept() -> None:
    operator()

    accounts.note_refused_login("my-secret-passphrase", now=NOON, by=SYSTEM)

    entry = entries(INSTALLATION).get()
    assert entry.outcome == "refused"
    assert "my-secret-passphrase" not in repr(AuditEntry.objects.values_list())


@pytest.mark.report("A24")
def test_no_secret_is_in_the_log() -> None:
    _, alice, local = operator()
    key, secret = services.create_key(local, "query", "a", now=NOON)
    _, successor = services.rotate_key(key, now=NOON, overlap=timedelta(0))
    code = accounts.create_login_link(alice, now=NOON)
    accounts.set_password(alice, "correct horse battery", now=NOON)

    log = repr(list(AuditEntry.objects.values()))

    assert not any(word in log for word in (secret, successor, code, "correct horse"))


# ── append-only ──


@pytest.mark.clause("G4.6", "G14.6")
def test_entries_cannot_be_changed_or_deleted_through_the_model() -> None:
    account, _ = some_deeds()
    entry = newest(account)
    entry.reason = "mended"

    with pytest.raises(AppendOnlyError):
        entry.save()
    with pytest.raises(AppendOnlyError):
        entry.delete()
    with pytest.raises(AppendOnlyError):
        AuditEntry.objects.update(reason="mended")
    with pytest.raises(AppendOnlyError):
        AuditEntry.objects.filter(account=account.pk).delete()


@pytest.mark.clause("G4.6")
@pytest.mark.parametrize("statement", ["UPDATE {} SET reason = 'mended'", "DELETE FROM {}"])
def test_entries_cannot_be_changed_or_deleted_in_the_database(statement: str) -> None:
    some_deeds()
    with connection.cursor() as cursor:
        allow_changes("accounts_auditentry")
        for trigger in guard_statements(connection.vendor, "accounts_auditentry"):
            cursor.execute(trigger)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format("accounts_auditentry"))


# ── the chain ──


@pytest.mark.clause("G4.6")
def test_an_untouched_chain_is_whole() -> None:
    account, _ = some_deeds()

    assert chain.verify(account.pk) == chain.Verdict(account.pk, 8)


def test_each_account_has_a_chain_of_its_own() -> None:
    first, _, _ = operator()
    second, _, _ = shop()

    assert [entry.number for entry in entries(first.pk).order_by("number")] == [1, 2, 3]
    assert entries(second.pk).order_by("number")[0].number == 1
    verdicts = {verdict.account: verdict.broken_at for verdict in chain.verify_all()}
    assert verdicts == {INSTALLATION: None, first.pk: None, second.pk: None}


TAMPERING: dict[str, str] = {
    "a word": "UPDATE accounts_auditentry SET actor_name = 'mallory' WHERE number = 4",
    "a time": "UPDATE accounts_auditentry SET at = '2020-01-01 00:00:00' WHERE number = 4",
    "details": "UPDATE accounts_auditentry SET details = '{}' WHERE number = 4",
    "one left out": "DELETE FROM accounts_auditentry WHERE number = 4",
    "the last left out": "DELETE FROM accounts_auditentry WHERE number = 8",
    "all left out": "DELETE FROM accounts_auditentry",
    "the head gone": "DELETE FROM accounts_audithead",
    "two exchanged": "UPDATE accounts_auditentry SET number = CASE number WHEN 4 THEN 105 ELSE 104 END "
    "WHERE number IN (4, 5); UPDATE accounts_auditentry SET number = number - 100 WHERE number > 100",
}


@pytest.mark.clause("G4.6")
@pytest.mark.parametrize("case", TAMPERING)
def test_whatever_is_changed_behind_our_back_shows(case: str) -> None:
    account, _ = some_deeds()
    allow_changes("accounts_auditentry")

    with connection.cursor() as cursor:
        for statement in TAMPERING[case].split(";"):
            cursor.execute(statement)

    verdicts = {verdict.account: verdict for verdict in chain.verify_all()}
    assert verdicts[account.pk].broken_at is not None


def test_an_entry_forged_at_the_end_shows() -> None:
    account, _ = some_deeds()
    last = newest(account)
    forged = AuditEntry(account=account.pk, number=9, at=NOON, operation="login", previous=last.digest)
    forged.digest = chain.digest_of(forged)
    forged.save()

    assert chain.verify(account.pk).broken_at is not None


def test_odd_text_from_outside_keeps_the_chain_whole() -> None:
    account, alice, _ = operator()
    agent = "bad\x00\ud800\u202egnp\r\n" + "x" * 999

    accounts.note_login(alice, now=NOON, by=by_user(alice, ip="::1", user_agent=agent))

    entry = newest(account)
    assert len(entry.user_agent) == 300
    assert not set(entry.user_agent) & set("\x00\r\n\u202e")
    assert chain.verify(account.pk).broken_at is None


def test_the_head_is_where_the_chain_ends() -> None:
    account, _ = some_deeds()

    head = AuditHead.objects.get(pk=account.pk)

    assert (head.number, head.digest) == (8, newest(account).digest)


# ── search and export ──


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


FILTERS: dict[str, tuple[AuditFilter, int]] = {
    "nothing": (AuditFilter(), 8),
    "since": (AuditFilter(since=at(3)), 2),
    "until": (AuditFilter(until=at(1)), 4),
    "actor by name": (AuditFilter(actor="ALICE"), 5),
    "a deed": (AuditFilter(operation="key.create"), 5),
    "a kind of deed": (AuditFilter(operation="key"), 5),
    "half a word": (AuditFilter(operation="ke"), 0),
    "instance": (AuditFilter(instance="local"), 6),
    "outcome": (AuditFilter(outcome="refused"), 0),
    "address": (AuditFilter(ip="203.0.113.7"), 0),
    "sql": (AuditFilter(actor="' OR 1=1 --"), 0),
}


@pytest.mark.clause("G4.6")
@pytest.mark.parametrize("case", FILTERS)
def test_the_log_is_searched(case: str) -> None:
    account, _ = some_deeds()
    wanted, found = FILTERS[case]

    assert entries(account.pk, wanted).count() == found


@pytest.mark.clause("G4.6")
def test_an_account_finds_its_own_part_only() -> None:
    first, _, _ = operator()
    second, _, _ = shop()

    assert {entry.account for entry in entries(second.pk)} == {second.pk}
    assert {entry.account for entry in entries(first.pk)} == {first.pk}


@pytest.mark.clause("G4.6")
def test_an_export_proves_itself() -> None:
    account, _ = some_deeds()

    rows: list[dict[str, Any]] = json.loads("".join(export.as_json(entries(account.pk).order_by("number"))))

    previous = "0" * 64
    for row in rows:
        digest = row.pop("digest")
        text = json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert row["previous"] == previous
        assert hashlib.sha256(text.encode()).hexdigest() == digest
        previous = digest
    assert len(rows) == 8


def test_an_empty_export_is_json_too() -> None:
    assert json.loads("".join(export.as_json([]))) == []


@pytest.mark.report("A24")
@pytest.mark.parametrize("agent", ["=10+20+cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", '"quoted", and\nbroken'])
def test_an_export_to_a_spreadsheet_calculates_nothing(agent: str) -> None:
    account, alice, _ = operator()
    accounts.note_login(alice, now=NOON, by=by_user(alice, user_agent=agent))

    rows = list(csv.DictReader(io.StringIO("".join(export.as_csv(entries(account.pk).order_by("number"))))))

    assert len(rows) == 4
    assert rows[-1]["user_agent"][:1] in ("'", '"')
    assert all(row["number"].isdigit() for row in rows)


# ── where a request comes from ──


def request(peer: str, forwarded: str = "") -> HttpRequest:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)


@pytest.mark.report("A07")
@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "", "10.0.0.9"),
        (0, "198.51.100.1", "10.0.0.9"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (2, "198.51.100.1, 203.0.113.7, 10.0.0.8", "203.0.113.7"),
        (2, "203.0.113.7", "10.0.0.9"),
        (1, "", "10.0.0.9"),
        (1, " , ", "10.0.0.9"),
    ],
)
def test_an_address_is_what_trusted_proxies_saw(settings: Settings, proxies: int, forwarded: str, address: str) -> None:
    settings.TRUSTED_PROXIES = proxies

    assert by_request(request("10.0.0.9", forwarded)).ip == address


@pytest.mark.clause("G6.5")
def test_services_that_are_switched_off_are_counted_and_not_named() -> None:
    account, _, local = operator()

    limits.switch_services(local, now=NOON, off=["secret-service"])

    entry = newest(account)
    assert entry.details["after"]["limits"]["services_off"] == 1
    assert "secret-service" not in repr(list(AuditEntry.objects.values()))
