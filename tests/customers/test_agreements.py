"""The papers: published, read, accepted, changed; and the figures that they state."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from spanhouse.base.errors import ConfigurationError, Conflict, Forbidden, Malformed
from spanhouse.customers.accounts import services as accounts
from spanhouse.customers.accounts.append_only import AppendOnlyError, guard_statements
from spanhouse.customers.accounts.audit.actors import SYSTEM, by_command, by_user
from spanhouse.customers.accounts.audit.models import AuditEntry
from spanhouse.customers.accounts.models import Account, User
from spanhouse.customers.accounts.operations import Role
from spanhouse.customers.agreements import policy, selectors
from spanhouse.customers.agreements import services as agreements
from spanhouse.customers.agreements.documents import LANGUAGES, blocks, digest_of, filled, template
from spanhouse.customers.agreements.models import Acceptance, Document, DocumentText
from spanhouse.customers.agreements.policy import FIGURES, RANKS, Kind, stated_in
from spanhouse.customers.instances import services as instances
from spanhouse.customers.instances.models import Instance
from tests.kit.accounts import NOON, declare, operator, sign
from tests.kit.append_only import allow_changes

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
EFFECTIVE = datetime(2026, 7, 1, 16, 0, tzinfo=UTC)
"""00:00 in Shanghai on the first day that is thirty days after NOON."""


@pytest.fixture
def customer() -> tuple[Account, User]:
    """Before the contract."""
    operator()
    agreements.publish_first(now=NOON)
    account = instances.open_account("Shop", now=NOON)
    declare(account)
    return account, accounts.create_member(account, "bob", now=NOON)


def offered(now: datetime = NOON) -> dict[str, int]:
    return {str(kind): document.version for kind, document in selectors.in_effect(now).items()}


def change(settings: Settings, **figures: str) -> list[Document]:
    settings.POLICY = {**settings.POLICY, **{name.replace("__", "."): text for name, text in figures.items()}}
    return agreements.publish(now=NOON, by=by_command("root"))


# ── the texts ──


@pytest.mark.clause("P1", "G14.1")
@pytest.mark.parametrize("kind", Kind)
def test_a_paper_says_the_same_in_every_language(kind: Kind) -> None:
    cut = {language: blocks(template(kind, language)) for language in LANGUAGES}
    shapes = {
        language: [
            (block.kind, block.number, block.marked, sorted(re.findall(r"{(\w+)}", block.text))) for block in found
        ]
        for language, found in cut.items()
    }

    assert shapes["en"] == shapes["zh-hans"]
    assert len(shapes["en"]) > 3


@pytest.mark.clause("G4.1")
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_paper_states_its_figures_and_no_others(kind: Kind, language: str) -> None:
    named = set(re.findall(r"{(\w+)}", template(kind, language)))

    assert named == set(stated_in(kind, {}))
    assert "{" not in filled(kind, language, stated_in(kind, {}))


@pytest.mark.parametrize(("language", "words"), [("en", "takes no orders"), ("zh-hans", "不受理订单")])
def test_the_description_says_what_the_program_does_not_do_yet(language: str, words: str) -> None:
    clauses = {block.number: block.text for block in blocks(template(Kind.SERVICE_DESCRIPTION, language))}

    assert words in clauses["5.1"]


@pytest.mark.clause("P1")
def test_clauses_that_limit_liability_or_choose_law_and_court_are_marked() -> None:
    marked = {block.number for block in blocks(template(Kind.GENERAL_TERMS, "en")) if block.marked}

    assert {"7.2", "7.5", "7.6", "8.2", "9.1", "9.2"} <= marked


@pytest.mark.clause("G14.1")
def test_the_papers_are_ranked() -> None:
    assert RANKS[Kind.SERVICE_DESCRIPTION] == RANKS[Kind.PRICE_LIST] < RANKS[Kind.SPECIAL_TERMS]
    assert RANKS[Kind.SPECIAL_TERMS] == RANKS[Kind.USAGE_RULES] < RANKS[Kind.GENERAL_TERMS]


# ── before the contract, and its beginning ──


@pytest.mark.clause("P2")
def test_before_the_contract_there_is_no_instance_and_no_key(customer: tuple[Account, User]) -> None:
    account, bob = customer

    for by in (SYSTEM, by_command("root"), by_user(bob)):
        with pytest.raises(Forbidden, match="accepted"):
            instances.create_instance(account, "shop", now=NOON, retention_days=15, by=by)

    assert not Instance.objects.filter(account=account).exists()


@pytest.mark.clause("P2", "G1")
def test_a_user_accepts_and_the_contract_exists_from_then_on(customer: tuple[Account, User]) -> None:
    account, bob = customer
    by = by_user(bob, ip="203.0.113.7", user_agent="Firefox")

    agreements.accept(account, offered(), now=NOON, language="zh-hans", how="page", by=by)

    made = instances.create_instance(account, "shop", now=NOON, retention_days=15, by=by)
    instances.create_key(made, "ingest", "web", now=NOON, by=by)
    bound = selectors.binding(account, NOON)
    assert set(bound) == set(Kind)
    assert all(binding.since == NOON and binding.document.version == 1 for binding in bound.values())


@pytest.mark.clause("P2")
@pytest.mark.report("A24")
def test_a_signature_keeps_what_was_read_by_whom_from_where(customer: tuple[Account, User]) -> None:
    account, bob = customer
    by = by_user(bob, ip="203.0.113.7", user_agent="Firefox")

    agreements.accept(account, offered(), now=NOON, language="zh-hans", how="page", by=by)

    signed = Acceptance.objects.get(document__kind=Kind.GENERAL_TERMS)
    text = DocumentText.objects.get(document=signed.document, language="zh-hans")
    assert (signed.account, signed.user, signed.user_name, signed.at) == (account, str(bob.pk), "bob", NOON)
    assert (signed.ip, signed.user_agent, signed.language, signed.how) == ("203.0.113.7", "Firefox", "zh-hans", "page")
    assert signed.digest == hashlib.sha256(text.text.encode()).hexdigest()
    assert "版本 1，自 2026-06-01 20:00 (Asia/Shanghai) 起生效。" in text.text
    assert AuditEntry.objects.filter(account=account.pk, operation="agreement.accept").count() == len(Kind)


@pytest.mark.clause("P2")
@pytest.mark.report("A24")
@pytest.mark.parametrize("case", ["older", "newer", "one left out", "nothing", "unknown paper"])
def test_what_is_not_in_effect_is_not_accepted(customer: tuple[Account, User], case: str) -> None:
    account, bob = customer
    right = offered()
    named = {
        "older": {**right, "general_terms": 0},
        "newer": {**right, "general_terms": 2},
        "one left out": {kind: version for kind, version in right.items() if kind != "price_list"},
        "nothing": {},
        "unknown paper": {**right, "side_letter": 1},
    }[case]

    with pytest.raises(Conflict):
        agreements.accept(account, named, now=NOON, language="en", how="page", by=by_user(bob))

    assert not Acceptance.objects.exists()
    assert not selectors.has_contract(account)


@pytest.mark.clause("P2")
def test_only_who_may_sign_for_the_account_accepts(customer: tuple[Account, User]) -> None:
    account, _ = customer
    admin = accounts.create_member(account, "carol", now=NOON, role=Role.ADMIN)
    stranger = accounts.create_member(instances.open_account("Other", now=NOON), "mallory", now=NOON)

    for by in (SYSTEM, by_command("root"), by_user(admin), by_user(stranger)):
        with pytest.raises(Forbidden):
            agreements.accept(account, offered(), now=NOON, language="en", how="api", by=by)


@pytest.mark.clause("P2")
def test_declining_leaves_no_contract(customer: tuple[Account, User]) -> None:
    account, bob = customer

    agreements.decline(account, now=NOON, by=by_user(bob))

    assert not selectors.has_contract(account)
    assert AuditEntry.objects.filter(account=account.pk, operation="agreement.decline").exists()


def test_accepting_twice_adds_nothing(customer: tuple[Account, User]) -> None:
    account, bob = customer
    sign(account, bob)

    assert agreements.accept(account, offered(), now=NOON, language="en", how="page", by=by_user(bob)) == []


def test_the_operators_own_account_is_outside_contract() -> None:
    account, alice, local = operator()

    instances.create_key(local, "ingest", "x", now=NOON, by=by_user(alice))

    agreements.publish_first(now=NOON)
    with pytest.raises(Malformed, match="outside contract"):
        agreements.accept(account, offered(), now=NOON, language="en", how="page", by=by_user(alice))


# ── kept for good ──


@pytest.mark.clause("P2", "G14.6")
def test_papers_and_signatures_are_never_changed(customer: tuple[Account, User]) -> None:
    sign(*customer)

    for model in (Document, DocumentText, Acceptance):
        with pytest.raises(AppendOnlyError):
            model.objects.first().save()  # type: ignore[union-attr]
        with pytest.raises(AppendOnlyError):
            model.objects.all().delete()


@pytest.mark.clause("P2")
@pytest.mark.parametrize("table", ["agreements_document", "agreements_documenttext", "agreements_acceptance"])
def test_the_database_refuses_to_change_them(customer: tuple[Account, User], table: str) -> None:
    sign(*customer)
    allow_changes(table)
    with connection.cursor() as cursor:
        for trigger in guard_statements(connection.vendor, table):
            cursor.execute(trigger)

    for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


# ── changes ──


def test_nothing_is_published_twice(customer: tuple[Account, User]) -> None:
    assert agreements.publish(now=NOON + DAY) == []
    agreements.publish_first(now=NOON + DAY)

    assert Document.objects.count() == len(Kind)


@pytest.mark.clause("G14.2", "G9.4")
def test_a_change_is_announced_thirty_days_ahead(customer: tuple[Account, User], settings: Settings) -> None:
    [changed] = change(settings, arrears_buffer_days="10")

    assert (changed.kind, changed.version, changed.announced_at, changed.effective_at) == (
        "special_terms",
        2,
        NOON,
        EFFECTIVE,
    )
    assert list(selectors.announced(NOON)) == [changed]
    assert selectors.in_effect(EFFECTIVE - timedelta(microseconds=1))[Kind.SPECIAL_TERMS].version == 1
    assert selectors.in_effect(EFFECTIVE)[Kind.SPECIAL_TERMS].version == 2


@pytest.mark.clause("G14.2")
def test_a_change_on_shorter_notice_is_refused(customer: tuple[Account, User], settings: Settings) -> None:
    settings.POLICY = {**settings.POLICY, "arrears_buffer_days": "10"}

    with pytest.raises(Malformed, match="30 days ahead"):
        agreements.publish(now=NOON, effective_at=NOON + 30 * DAY - timedelta(seconds=1))

    assert agreements.publish(now=NOON, effective_at=NOON + 30 * DAY)[0].effective_at == NOON + 30 * DAY


def test_customers_publish_nothing(customer: tuple[Account, User]) -> None:
    with pytest.raises(Forbidden):
        agreements.publish(now=NOON, by=by_user(customer[1]))


@pytest.mark.clause("G14.2")
def test_going_on_after_a_change_is_acceptance_by_use(customer: tuple[Account, User], settings: Settings) -> None:
    account, bob = customer
    sign(account, bob)
    change(settings, arrears_buffer_days="10")

    before = agreements.accept_by_use(account, now=EFFECTIVE - timedelta(seconds=1), by=by_user(bob))
    [accepted] = agreements.accept_by_use(account, now=EFFECTIVE + DAY, by=by_user(bob))
    again = agreements.accept_by_use(account, now=EFFECTIVE + 2 * DAY, by=by_user(bob))

    assert before == again == []
    assert (accepted.how, accepted.at, accepted.user_name) == ("use", EFFECTIVE + DAY, "bob")
    bound = selectors.binding(account, EFFECTIVE + DAY)[Kind.SPECIAL_TERMS]
    assert (bound.document.version, bound.since) == (2, EFFECTIVE + DAY)
    assert selectors.binding(account, EFFECTIVE)[Kind.SPECIAL_TERMS].document.version == 1


@pytest.mark.clause("G14.2")
def test_accepted_data_counts_as_use(customer: tuple[Account, User], settings: Settings) -> None:
    account, bob = customer
    sign(account, bob)
    made = instances.create_instance(account, "shop", now=NOON, retention_days=15)
    key, _ = instances.create_key(made, "ingest", "web", now=NOON)
    change(settings, arrears_buffer_days="10")

    instances.note_uses({key.pk: EFFECTIVE + DAY})

    assert selectors.binding(account, EFFECTIVE + DAY)[Kind.SPECIAL_TERMS].acceptance.user == key.pk


def test_without_a_contract_nothing_is_accepted_by_use(customer: tuple[Account, User], settings: Settings) -> None:
    account, bob = customer
    change(settings, arrears_buffer_days="10")

    assert agreements.accept_by_use(account, now=EFFECTIVE, by=by_user(bob)) == []
    assert not Acceptance.objects.exists()


@pytest.mark.clause("G1")
def test_the_history_keeps_every_version_that_bound(customer: tuple[Account, User], settings: Settings) -> None:
    account, bob = customer
    sign(account, bob)
    change(settings, arrears_buffer_days="10")
    agreements.accept_by_use(account, now=EFFECTIVE, by=by_user(bob))

    kept = [(one.document.kind, one.document.version, one.how) for one in selectors.history(account)]

    assert kept[-1] == ("special_terms", 2, "use")
    assert ("special_terms", 1, "page") in kept
    assert len(kept) == len(Kind) + 1


@pytest.mark.report("A24")
def test_an_acceptance_of_an_earlier_version_is_none_of_the_next(
    customer: tuple[Account, User], settings: Settings
) -> None:
    account, bob = customer
    sign(account, bob)
    change(settings, arrears_buffer_days="10")

    with pytest.raises(Conflict):
        agreements.accept(account, offered(NOON), now=EFFECTIVE, language="en", how="api", by=by_user(bob))


# ── figures ──


@pytest.mark.clause("G14.1")
def test_figures_are_what_the_agreement_says_by_default() -> None:
    values = {name: figure.default for name, figure in FIGURES.items()}

    assert values["term_buffer_days"] == values["arrears_buffer_days"] == values["renewal_due_days"] == 7
    assert values["unpaid_order_hours"] == 168
    assert values["late_fee_percent"] == Decimal("0.05")
    assert (values["outage_hours"], values["liability_months"], values["agreement_notice_days"]) == (72, 12, 30)
    assert values["audit_days"] == 180


@pytest.mark.clause("G14.1")
def test_each_figure_has_its_source_by_rank_and_its_clause(customer: tuple[Account, User]) -> None:
    account, bob = customer
    sign(account, bob)

    found = {stated.figure.name: stated for stated in selectors.policy_for(account, NOON)}

    assert set(found) == set(FIGURES)
    buffer = found["term_buffer_days"]
    assert (buffer.value, buffer.figure.clause, buffer.source.kind, buffer.source.version) == (
        7,
        "S1.1.2",
        Kind.SPECIAL_TERMS,
        1,
    )
    assert buffer.outranked == ()


@pytest.mark.clause("G14.1")
def test_of_two_papers_that_differ_the_higher_rank_counts(customer: tuple[Account, User], settings: Settings) -> None:
    change(settings, general_terms__term_buffer_days="3")

    stated = next(one for one in selectors.policy_for(None, EFFECTIVE) if one.figure.name == "term_buffer_days")

    assert (stated.value, stated.source.kind) == (7, Kind.SPECIAL_TERMS)
    assert [(other.kind, other.value, other.version) for other in stated.outranked] == [(Kind.GENERAL_TERMS, 3, 2)]


@pytest.mark.clause("G14.1", "G14.2")
def test_a_figure_counts_from_when_its_paper_binds(customer: tuple[Account, User], settings: Settings) -> None:
    account, bob = customer
    sign(account, bob)
    change(settings, arrears_buffer_days="10")

    def value(now: datetime) -> policy.Value:
        return selectors.figure_for(account, "arrears_buffer_days", now)

    assert value(NOON) == 7
    assert value(EFFECTIVE) == 7
    agreements.accept_by_use(account, now=EFFECTIVE, by=by_user(bob))
    assert value(EFFECTIVE) == 10


def test_the_text_says_what_the_figure_is(customer: tuple[Account, User], settings: Settings) -> None:
    [changed] = change(settings, arrears_buffer_days="10")

    text = selectors.text_of(changed, "en").text

    assert "stay for 10 days" in text
    assert digest_of(text) == selectors.text_of(changed, "en").digest
    assert "Version 2, in force from 2026-07-02 00:00 (Asia/Shanghai)." in text


@pytest.mark.clause("G4.1")
def test_the_description_promises_the_retention_that_new_instances_get(settings: Settings) -> None:
    operator()
    agreements.publish_first(now=NOON)

    assert selectors.figure_for(None, "retention_days", NOON) == settings.RETENTION_DAYS_NEW


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("buffer", "7", "no such figure"),
        ("price_list.term_buffer_days", "7", "no such figure in this paper"),
        ("nowhere.term_buffer_days", "7", "no such figure"),
        ("term_buffer_days", "seven", "no number"),
        ("term_buffer_days", "-1", "at least 0"),
        ("audit_days", "30", "at least 180"),
        ("late_fee_percent", "NaN", "no number"),
        ("span_mib_max", "5", "what the program does"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(name: str, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        policy.check({name: text})
