"""Pages of an account, as a browser walks them: the agreement, members and grants, the audit log, instances."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from spanhouse.base.clock import FixedClock
from spanhouse.customers.accounts import services as accounts
from spanhouse.customers.accounts.audit.models import AuditEntry
from spanhouse.customers.accounts.models import Account, Grant, Licence, Membership, Party, User
from spanhouse.customers.accounts.operations import Role
from spanhouse.customers.agreements import selectors as agreements
from spanhouse.customers.agreements import services as agreement_services
from spanhouse.customers.agreements.models import Acceptance
from spanhouse.customers.agreements.policy import FIGURES, Kind
from spanhouse.customers.instances import granting, selectors, service_life, services
from spanhouse.customers.instances.holds import Hold
from spanhouse.customers.instances.limits import set_limits
from spanhouse.customers.instances.models import Instance, Key
from tests.kit.accounts import NOON, declare, operator, shop

pytestmark = pytest.mark.django_db

PAGES = (
    "/account/agreement",
    "/account/agreement/general_terms/1",
    "/account/party",
    "/account/policy",
    "/account/audit",
    "/account/members",
    "/account/instances",
)


@pytest.fixture(autouse=True)
def _noon(settings: Settings) -> None:
    settings.CLOCK = FixedClock(int(NOON.timestamp()) * 10**9)


def browser(user: User, **options: bool) -> Client:
    client = Client(headers={"host": "localhost"}, **options)
    client.force_login(user)
    return client


@pytest.fixture
def newcomer() -> tuple[Account, User]:
    """Shop's Bob before he has signed anything."""
    operator()
    agreement_services.publish_first(now=NOON)
    account = services.open_account("Shop", now=NOON)
    declare(account)
    return account, accounts.create_member(account, "bob", now=NOON)


def signing(account: Account, **more: str) -> dict[str, str]:
    versions = {str(kind): str(document.version) for kind, document in agreements.in_effect(NOON).items()}
    return {"account": account.pk, "language": "en", "read": "yes", "answer": "accept", **versions, **more}


# ── the agreement ──


@pytest.mark.clause("P1")
def test_the_signing_page_shows_all_of_it_with_the_hard_clauses_set_off(
    newcomer: tuple[Account, User], settings: Settings
) -> None:
    settings.OPERATOR_CONTACT = "+86 21 5555 0100"

    page = browser(newcomer[1]).get("/account/agreement").content.decode()

    assert page.count('<article class="paper"') == len(Kind)
    for clause in ("7.5", "7.6", "9.1", "9.2"):
        assert re.search(rf'data-clause="{clause}">\s*<b><u>{clause} ', page)
    assert re.search(r'data-clause="4.1">4.1 You guard', page)
    assert "+86 21 5555 0100" in page
    assert 'value="decline"' in page


@pytest.mark.clause("P2")
def test_accepting_makes_the_contract_and_opens_the_way_to_an_instance(newcomer: tuple[Account, User]) -> None:
    account, bob = newcomer
    client = browser(bob)

    answer = client.post("/account/agreement/sign", signing(account), headers={"user-agent": "Firefox"})
    made = client.post("/account/instances", {"account": account.pk, "name": "web", "retention_days": "7"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/instances")
    assert (made.status_code, made.headers["Location"]) == (302, "/")
    assert agreements.has_contract(account)
    signed = Acceptance.objects.filter(account=account)
    assert {(one.user_name, one.ip, one.user_agent) for one in signed} == {("bob", "127.0.0.1", "Firefox")}
    instance = Instance.objects.get(account=account)
    assert (instance.name, instance.retention_days, instance.right) == ("web", 7, "metered")


@pytest.mark.clause("P2")
@pytest.mark.report("A24")
@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"read": ""}, 400),
        ({"answer": ""}, 400),
        ({"general_terms": "2"}, 409),
        ({"general_terms": "x"}, 400),
        ({"general_terms": "9" * 30}, 400),
        ({"language": "fr"}, 400),
    ],
)
def test_a_form_that_is_stale_or_wrong_makes_no_contract(
    newcomer: tuple[Account, User], form: dict[str, str], status: int
) -> None:
    account, bob = newcomer

    answer = browser(bob).post("/account/agreement/sign", signing(account, **form))

    assert answer.status_code == status
    assert not agreements.has_contract(account)


@pytest.mark.clause("P2")
def test_declining_leaves_no_contract(newcomer: tuple[Account, User]) -> None:
    account, bob = newcomer

    answer = browser(bob).post("/account/agreement/sign", signing(account, answer="decline"))

    assert answer.status_code == 302
    assert not agreements.has_contract(account)


@pytest.mark.clause("P2")
def test_before_the_contract_no_instance_is_made(newcomer: tuple[Account, User]) -> None:
    account, bob = newcomer
    client = browser(bob)

    answer = client.post("/account/instances", {"account": account.pk, "name": "web"})

    assert answer.status_code == 403
    assert "accepted the agreement" in answer.content.decode()
    assert not Instance.objects.filter(account=account).exists()


@pytest.mark.clause("G1")
def test_the_account_shows_which_versions_bind_it_since_when() -> None:
    operator()
    _, bob, _ = shop()

    page = browser(bob).get("/account/agreement").content.decode()

    assert "What binds this account" in page
    assert page.count("2026-06-01T12:00:00+00:00") >= 2 * len(Kind)
    assert Acceptance.objects.get(document__kind="general_terms").digest in page


@pytest.mark.clause("G2", "G4.1", "G4.10", "G5.3")
def test_the_service_description_says_what_is_promised_and_who_runs_what(settings: Settings) -> None:
    operator()
    _, bob, _ = shop()

    page = browser(bob).get("/account/agreement/service_description/1").content.decode()

    assert "The operator runs the console" in page
    assert "The customer runs what sends" in page
    assert f"keeps spans for {settings.RETENTION_DAYS_NEW} days" in page
    assert "Version 1, in force from 2026-06-01 20:00 (Asia/Shanghai)." in page


@pytest.mark.clause("G14.1")
def test_the_policy_page_shows_each_figure_its_source_and_its_clause() -> None:
    operator()
    _, bob, _ = shop()

    page = browser(bob).get("/account/policy").content.decode()

    for name, figure in FIGURES.items():
        row = page.split(f'data-figure="{name}"')[1].split("</tr>")[0]
        assert f">{figure.clause}<" in row
        assert str(figure.default) in row
    assert "Special terms 1" in page.split('data-figure="term_buffer_days"')[1].split("</tr>")[0]


# ── the party ──

PARTY = {
    "kind": "person",
    "name": "Bob Li",
    "registration": "310101199001010000",
    "email": "bob@shop.example",
    "phone": "021-5555 0100",
    "address": "1 Century Avenue, Shanghai",
}


@pytest.mark.clause("G1", "G11.1", "R1")
def test_the_party_its_contacts_and_its_licences_are_kept_and_shown() -> None:
    operator()
    account, bob, _ = shop()
    client = browser(bob)

    client.post("/account/party", {"account": account.pk, **PARTY})
    client.post("/account/licences", {"account": account.pk, "name": "ICP", "number": "沪ICP备1号", "valid_until": ""})
    page = client.get("/account/party").content.decode()

    assert all(text in page for text in ("Bob Li", "310101199001010000", "bob@shop.example", "沪ICP备1号"))
    licence = Licence.objects.get()
    client.post(f"/account/licences/{licence.pk}/withdraw", {"account": account.pk})
    assert "沪ICP备1号" not in client.get("/account/party").content.decode()
    deeds = list(AuditEntry.objects.filter(account=account.pk, actor=str(bob.pk)).values_list("operation", flat=True))
    assert deeds[-3:] == ["party.declare", "licence.declare", "licence.withdraw"]


@pytest.mark.clause("G11.1")
@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "club"},
        {"name": " "},
        {"registration": ""},
        {"email": "bob"},
        {"email": "a@x.example,b@x.example"},
        {"email": "a@x.example\nBcc: b@x.example"},
        {"phone": "call me"},
        {"address": ""},
        {"name": "n" * 201},
        {"name": "a\0b"},
    ],
)
def test_a_party_that_cannot_be_reached_is_refused(wrong: dict[str, str]) -> None:
    operator()
    account, bob, _ = shop()

    answer = browser(bob).post("/account/party", {"account": account.pk, **PARTY, **wrong})

    assert answer.status_code == 400
    assert Party.objects.get(account=account).kind == "enterprise"


@pytest.mark.clause("G1", "P2")
def test_an_account_that_has_not_said_who_it_is_signs_nothing(newcomer: tuple[Account, User]) -> None:
    account, bob = newcomer
    Party.objects.all().delete()
    client = browser(bob)

    assert "Before it can sign" in client.get("/account/agreement").content.decode()
    assert client.post("/account/agreement/sign", signing(account)).status_code == 400
    assert not agreements.has_contract(account)


# ── all pages ──


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_page_is_there_in_both_languages(page: str, language: str) -> None:
    operator()
    _, bob, _ = shop()

    answer = browser(bob).get(page, headers={"accept-language": language})

    text = answer.content.decode()
    assert answer.status_code == 200
    assert ("服务协议" in text) == (language == "zh-CN")


def test_names_that_are_markup_are_shown_as_text() -> None:
    operator()
    account, bob, web = shop()
    Account.objects.filter(pk=account.pk).update(name="<script>alert(1)</script>")
    Instance.objects.filter(pk=web.pk).update(name="<img src=x>")

    for page in PAGES:
        text = browser(bob).get(page).content.decode()
        assert "<script>alert" not in text
        assert "<img src=x>" not in text


@pytest.mark.clause("G8")
@pytest.mark.parametrize(
    ("role", "status"), [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.EDITOR, 403), (Role.VIEWER, 403)]
)
def test_the_audit_log_is_for_who_may_read_it(role: str, status: int) -> None:
    operator()
    account, _, _ = shop()
    carol = browser(accounts.create_member(account, "carol", now=NOON, role=role))

    assert carol.get("/account/audit").status_code == status
    assert carol.get("/account/audit.json").status_code == status


@pytest.mark.report("A24")
def test_a_form_from_elsewhere_is_refused() -> None:
    operator()
    account, bob, _ = shop()
    client = browser(bob, enforce_csrf_checks=True)

    answer = client.post("/account/instances", {"account": account.pk, "name": "web"})

    assert answer.status_code == 403
    assert Instance.objects.filter(account=account).count() == 1


# ── members and grants ──


@pytest.mark.clause("G5.5")
def test_a_grant_is_given_and_revoked() -> None:
    operator()
    account, bob, web = shop()
    other = services.open_account("Other", now=NOON)
    client = browser(bob)

    given = client.post(
        "/account/grants",
        {
            "account": account.pk,
            "to": other.pk,
            "operations": ["query"],
            "instances": [web.pk],
            "services": "checkout\ncart\n",
            "expires": "7",
        },
    )

    grant = Grant.objects.get()
    assert given.status_code == 302
    assert (grant.to_account, grant.operations, grant.instances) == (other, ["query"], [web.pk])
    assert (grant.services, grant.expires_at) == (["cart", "checkout"], NOON + timedelta(days=7))
    assert "checkout" in client.get("/account/members").content.decode()
    client.post(f"/account/grants/{grant.pk}/revoke", {"account": account.pk})
    assert Grant.objects.get().revoked_at == NOON


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/account/instances", {"name": "\0"}),
        ("/account/members/add", {"username": "x\0", "role": "viewer"}),
        ("/account/members/add", {"account": "a\0", "username": "x", "role": "viewer"}),
        ("/account/grants/g%00/revoke", {}),
        ("/instance", {"instance": "\0"}),
        ("/keys", {"scope": "ingest", "name": "\0"}),
        ("/keys/k%00/revoke", {}),
    ],
)
def test_a_nul_character_is_refused_before_a_database_sees_it(path: str, form: dict[str, str]) -> None:
    operator()
    account, bob, _ = shop()

    answer = browser(bob).post(path, {"account": account.pk, **form})

    assert answer.status_code == 400


def test_a_grant_to_a_person_is_listed_by_the_persons_name() -> None:
    operator()
    account, bob, _ = shop()
    accounts.create_member(services.open_account("Other", now=NOON), "dana", now=NOON)
    client = browser(bob)

    client.post("/account/grants", {"account": account.pk, "to": "dana", "operations": ["query"]})

    assert re.search(r"<td>\s*dana\s*</td>", client.get("/account/members").content.decode())


def test_a_member_is_added_changed_and_removed() -> None:
    operator()
    account, bob, web = shop()
    carol = accounts.create_member(services.open_account("Other", now=NOON), "carol", now=NOON)
    client = browser(bob)

    client.post("/account/members/add", {"account": account.pk, "username": "Carol", "role": "viewer"})
    client.post(f"/account/members/{carol.pk}", {"account": account.pk, "role": "editor"})
    assert Membership.objects.get(account=account, user=carol).role == "editor"
    key, _ = services.create_key(web, "ingest", "hers", now=NOON)
    Key.objects.filter(pk=key.pk).update(created_by=carol)
    client.post(f"/account/members/{carol.pk}", {"account": account.pk, "role": "none", "keys": "revoke"})

    assert not Membership.objects.filter(account=account, user=carol).exists()
    assert Key.objects.get(pk=key.pk).revoked_at == NOON


@pytest.mark.report("A13")
@pytest.mark.parametrize(
    "extra", [{"is_operator": "1"}, {"is_superuser": "1"}, {"account_id": "a-x"}, {"created_by": "1"}]
)
def test_fields_that_the_form_does_not_have_change_nothing(extra: dict[str, str]) -> None:
    operator()
    account, bob, _ = shop()
    carol = accounts.create_member(account, "carol", now=NOON, role=Role.ADMIN)

    browser(carol).post(f"/account/members/{bob.pk}", {"account": account.pk, "role": "viewer", **extra})
    raised = browser(carol).post(f"/account/members/{carol.pk}", {"account": account.pk, "role": "owner", **extra})

    assert raised.status_code == 403
    assert Membership.objects.get(user=bob).role == "owner"
    assert not User.objects.filter(pk__in=[bob.pk, carol.pk], is_operator=True).exists()


@pytest.mark.clause("G4.6")
@pytest.mark.report("A11")
def test_asking_for_too_much_is_refused_and_in_the_log() -> None:
    operator()
    account, _, web = shop()
    carol = accounts.create_member(account, "carol", now=NOON, role=Role.VIEWER)

    browser(carol).post(f"/account/instances/{web.pk}/release", {"account": account.pk, "confirmation": web.pk})

    entry = AuditEntry.objects.filter(account=account.pk).last()
    assert entry is not None
    assert (entry.operation, entry.outcome, entry.actor_name) == ("access", "refused", "carol")
    assert entry.object == "account-instance-release"
    assert Instance.objects.get(pk=web.pk).released_at is None


# ── the audit log ──


@pytest.mark.clause("G4.6")
def test_the_log_is_filtered_and_exported_with_the_same_filter() -> None:
    operator()
    account, bob, web = shop()
    client = browser(bob)
    client.post("/keys", {"name": "checkout", "scope": "ingest"})

    page = client.get("/account/audit?operation=key.create&actor=bob").content.decode()
    exported = client.get("/account/audit.csv?operation=key.create&actor=bob")
    whole = client.get("/account/audit.json")

    rows = list(csv.DictReader(io.StringIO(b"".join(exported.streaming_content).decode())))
    assert [(row["operation"], row["actor_name"], row["ip"]) for row in rows] == [("key.create", "bob", "127.0.0.1")]
    assert rows[0]["object"] in page
    assert {row["account"] for row in json.loads(b"".join(whole.streaming_content))} == {account.pk}
    assert web.account == account


def test_who_acted_is_said_in_the_readers_language() -> None:
    operator()
    _, bob, _ = shop()
    client = browser(bob)
    client.cookies["django_language"] = "zh-hans"

    page = client.get("/account/audit").content.decode()

    assert re.search(r"<td title=\"\">系统</td>", page)


@pytest.mark.clause("G4.6")
def test_the_chain_is_verified_on_the_page() -> None:
    operator()
    _, bob, _ = shop()

    assert "The chain is whole" in browser(bob).get("/account/audit?verify=1").content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=2026-13-01",
        "since=0001-01-01T00:00:00%2B14:00",
        "until=9999-12-31T23:59:59-14:00",
        "actor=%00",
        "page=x",
        "page=-1",
    ],
)
def test_a_filter_that_makes_no_sense_is_no_failure(query: str) -> None:
    operator()
    _, bob, _ = shop()

    assert browser(bob).get(f"/account/audit?{query}").status_code in (200, 400)
    assert browser(bob).get(f"/account/audit.csv?{query}").status_code in (200, 400)


# ── instances ──


@pytest.mark.clause("G6.3")
def test_an_instance_is_released_with_one_confirmation() -> None:
    operator()
    account, bob, web = shop()
    client = browser(bob)
    path = f"/account/instances/{web.pk}/release"

    wrong = client.post(path, {"account": account.pk, "confirmation": "yes"})
    right = client.post(path, {"account": account.pk, "confirmation": web.pk})

    assert (wrong.status_code, right.status_code) == (400, 302)
    assert Instance.objects.get(pk=web.pk).release == "customer"
    assert "Released" in client.get("/account/instances").content.decode()


def test_more_instances_take_no_more_questions_to_the_database() -> None:
    operator()
    account, bob, web = shop()
    client = browser(bob)
    service_life.place_hold(web, Hold.MEASURE, "floods the network", now=NOON)
    with CaptureQueriesContext(connection) as few:
        assert "floods the network" in client.get("/account/instances").content.decode()

    for name in ("one", "two", "three"):
        services.create_instance(account, name, now=NOON, retention_days=3)
    with CaptureQueriesContext(connection) as many:
        assert "three" in client.get("/account/instances").content.decode()

    assert len(many) == len(few)


@pytest.mark.clause("R7")
@pytest.mark.parametrize(
    "setting",
    [
        {"limits": '{"spans_per_second": 0}'},
        {"spans_per_second": "0"},
        {"region": "elsewhere"},
        {"right": "own"},
        {"term_ends_at": "2099-01-01"},
        {"released_at": ""},
        {"account_id": "a-x"},
        {"outside_contract": "on"},
    ],
)
def test_a_form_changes_no_setting_that_is_the_operators(setting: dict[str, str]) -> None:
    operator()
    account, bob, web = shop()
    set_limits(web, {"spans_per_second": 5}, now=NOON)
    before = Instance.objects.filter(pk=web.pk).values().get()

    answer = browser(bob).post(f"/account/instances/{web.pk}", {"account": account.pk, "name": "new", **setting})

    assert answer.status_code == 302
    assert Instance.objects.filter(pk=web.pk).values().get() == {**before, "name": "new"}
    assert not Account.objects.get(pk=account.pk).outside_contract


@pytest.mark.clause("R7")
def test_no_customer_lifts_a_suspension() -> None:
    operator()
    account, bob, web = shop()
    service_life.place_hold(web, Hold.MEASURE, "floods the network", now=NOON)

    answer = browser(bob).post(f"/account/instances/{web.pk}", {"account": account.pk, "intake": "on", "name": "new"})

    assert answer.status_code == 403
    assert Instance.objects.get(pk=web.pk).name == "shop"
    assert selectors.instance_grant(web).ingest is False


def test_intake_is_switched_off_and_on() -> None:
    operator()
    account, bob, web = shop()
    client = browser(bob)

    client.post(f"/account/instances/{web.pk}", {"account": account.pk, "intake": "off"})
    assert not Instance.objects.get(pk=web.pk).intake
    client.post(f"/account/instances/{web.pk}", {"account": account.pk, "intake": "on"})
    assert Instance.objects.get(pk=web.pk).intake


# ── other people's ids ──


@pytest.mark.report("A01", "A17")
def test_another_accounts_ids_open_and_change_nothing() -> None:
    """With the other account's id in the form it is refused; with one's own, its objects are not found."""
    operator()
    account, bob, web = shop()
    other = services.open_account("Other", now=NOON)
    mallory = accounts.create_member(other, "mallory", now=NOON)
    grant = granting.give_grant(account, other, ["query"], now=NOON, instances=[web.pk])
    granting.end_grant(grant, now=NOON)
    kept = granting.give_grant(account, bob, ["query"], now=NOON)
    client = browser(mallory)
    forms = {
        "/account/agreement/sign": signing(account),
        "/account/members/add": {"username": "mallory", "role": "owner"},
        f"/account/members/{bob.pk}": {"role": "none"},
        "/account/grants": {"to": "mallory", "operations": "query"},
        f"/account/grants/{kept.pk}/revoke": {},
        "/account/party": PARTY,
        "/account/licences": {"name": "x", "number": "1"},
        "/account/instances": {"name": "mine"},
        f"/account/instances/{web.pk}": {"intake": "off"},
        f"/account/instances/{web.pk}/release": {"confirmation": web.pk},
    }
    before = AuditEntry.objects.filter(account=account.pk).count()

    for path, form in forms.items():
        assert client.post(path, {**form, "account": account.pk}).status_code == 403, path
        assert client.post(path, form | {"account": ""}).status_code == 403, path
    for path in (f"/account/members/{bob.pk}", f"/account/grants/{kept.pk}/revoke", f"/account/instances/{web.pk}"):
        assert client.post(path, {**forms[path], "account": other.pk}).status_code == 404, path

    assert AuditEntry.objects.filter(account=account.pk).count() == before
    assert Instance.objects.get(pk=web.pk).intake
    assert account.pk not in client.get("/account/members").content.decode()
    assert b"".join(client.get("/account/audit.json").streaming_content).find(account.pk.encode()) == -1


@pytest.mark.report("A23")
def test_a_page_is_closed_at_the_next_request_after_the_grant_was_revoked() -> None:
    operator()
    account, _, web = shop()
    mallory = accounts.create_member(services.open_account("Other", now=NOON), "mallory", now=NOON)
    grant = granting.give_grant(account, mallory, ["read"], now=NOON)
    client = browser(mallory)
    assert web.pk in client.get("/keys").content.decode()

    granting.end_grant(grant, now=NOON)

    assert client.get("/keys").status_code == 404


def test_without_an_account_there_is_nothing_to_see() -> None:
    operator()
    nobody = User.objects.create_user("nobody", created_at=NOON)

    for page in PAGES:
        assert browser(nobody).get(page).status_code == 403
        assert Client(headers={"host": "localhost"}).get(page).status_code == 302


def test_a_form_meant_for_an_instance_that_was_lost_acts_on_no_other() -> None:
    _, alice, _ = operator()
    account, _, web = shop()
    grant = granting.give_grant(account, alice, ["read", "configure", "ingest"], now=NOON)
    client = browser(alice)
    client.post("/instance", {"instance": web.pk})
    assert web.pk in client.get("/keys").content.decode()
    granting.end_grant(grant, now=NOON)

    answer = client.post("/keys", {"name": "x", "scope": "ingest"})

    assert answer.status_code == 403
    assert not Key.objects.exists()
