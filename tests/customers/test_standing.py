"""Whether an instance is in service: the table, the rows, the Grant that follows from them."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from pytest_django import Settings

from spanhouse.base.errors import Forbidden, Malformed
from spanhouse.contracts.grant import Grants, InstanceGrant
from spanhouse.customers.accounts.audit.actors import by_user
from spanhouse.customers.accounts.audit.models import AuditEntry
from spanhouse.customers.accounts.models import Account, User
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.instances import access, selectors, service_life, services, standing
from spanhouse.customers.instances.holds import Act, Hold, Release, Right, Rule, State, follow, possible
from spanhouse.customers.instances.models import HoldRow, Instance, Key
from tests.kit.accounts import NOON, operator, shop

NOON_NS = int(NOON.timestamp()) * 10**9
ACTS = [
    *((Act.PLACE, hold) for hold in Hold),
    *((Act.LIFT, hold) for hold in Hold),
    *((Act.RELEASE, why) for why in Release),
]


def states() -> list[State]:
    sets = [
        frozenset(hold for hold, chosen in zip(Hold, bits, strict=True) if chosen) for bits in product((0, 1), repeat=4)
    ]
    return [State(right, holds, NOON, released) for right in Right for holds in sets for released in (False, True)]


# ── the table ──


def test_what_may_follow_what() -> None:
    """Written out once more, as a person would say it."""
    for state, (act, what) in product(states(), ACTS):
        if state.released:
            allowed = False
        elif act is Act.PLACE:
            fits = {Hold.TERM: state.right is Right.TERM, Hold.ARREARS: state.right is Right.METERED}
            allowed = fits.get(Hold(what), True) and what not in state.holds
        elif act is Act.LIFT:
            allowed = what in state.holds
        else:
            contract = state.right is not Right.OWN
            allowed = {
                Release.CUSTOMER: True,
                Release.TERM: state.right is Right.TERM and Hold.TERM in state.holds,
                Release.ARREARS: state.right is Right.METERED and Hold.ARREARS in state.holds,
                Release.BREACH: contract and Hold.MEASURE in state.holds,
                Release.DANGER: contract and Hold.DANGER in state.holds,
                Release.NOTICE: contract,
            }[Release(what)]
        found = any(rule.act is act and rule.what is what for rule in possible(state))
        assert found == allowed, (state, act, what)


def test_following_changes_one_thing() -> None:
    for state in states():
        for rule in possible(state):
            after = follow(state, rule.act, rule.what)
            assert after.released == (rule.act is Act.RELEASE)
            assert len(after.holds ^ state.holds) == (0 if rule.act is Act.RELEASE else 1)


def test_what_the_table_does_not_say_is_refused() -> None:
    with pytest.raises(Malformed, match="it is released"):
        follow(State(Right.OWN, released=True), Act.RELEASE, Release.CUSTOMER)
    with pytest.raises(Malformed, match="no hold"):
        follow(State(Right.OWN), Act.PLACE, Hold.ARREARS)


def test_nothing_is_active_with_a_hold_without_a_right_or_released() -> None:
    for state in states():
        for now in (NOON - timedelta(microseconds=1), NOON):
            right = state.right is not Right.TERM or now < NOON
            assert state.is_active(now) == (right and not state.holds and not state.released)


def test_every_rule_names_its_clause() -> None:
    assert all(rule.clause[0] in "GS" for rule in possible(State(Right.METERED)) if isinstance(rule, Rule))


# ── the rows and the Grant ──


@pytest.fixture
def party(transactional_db: None) -> tuple[Account, User, Instance]:
    operator()
    return shop()


Party = tuple[Account, User, Instance]


def published(settings: Settings, instance: Instance) -> InstanceGrant:
    path: Path = settings.GRANTS_PATH
    return Grants.from_json(path.read_bytes()).instances[instance.pk]


@pytest.mark.clause("G10.1")
def test_a_hold_stops_intake_and_queries_and_says_why(party: Party, settings: Settings) -> None:
    _, _, web = party

    service_life.place_hold(web, Hold.MEASURE, "floods the network", now=NOON)

    grant = published(settings, web)
    assert not grant.may_ingest(NOON_NS)
    assert not grant.may_query(NOON_NS)
    assert grant.denial == "floods the network"


def test_service_is_back_when_the_last_hold_is_lifted(party: Party, settings: Settings) -> None:
    _, _, web = party
    service_life.place_hold(web, Hold.MEASURE, "one", now=NOON)
    service_life.place_hold(web, Hold.DANGER, "two", now=NOON)

    service_life.lift_hold(web, Hold.MEASURE, now=NOON)
    between = published(settings, web)
    service_life.lift_hold(web, Hold.DANGER, now=NOON)

    assert not between.may_query(NOON_NS)
    assert between.denial == "two"
    assert published(settings, web).may_query(NOON_NS)
    assert published(settings, web).denial == ""


def test_a_hold_keeps_who_why_and_when(party: Party) -> None:
    _, _, web = party
    _, alice = Account.objects.first(), User.objects.get(username="alice")

    service_life.place_hold(web, Hold.DANGER, "attacks others", now=NOON, by=by_user(alice))
    service_life.lift_hold(web, Hold.DANGER, now=NOON + timedelta(hours=1), by=by_user(alice))

    row = HoldRow.objects.get()
    assert (row.reason, row.placed_by, row.placed_at) == ("attacks others", "alice", NOON)
    assert (row.lifted_by, row.lifted_at) == ("alice", NOON + timedelta(hours=1))
    assert list(AuditEntry.objects.filter(account=web.account_id).values_list("operation", flat=True))[-2:] == [
        "instance.hold",
        "instance.lift",
    ]


def test_customers_place_and_lift_no_holds(party: Party) -> None:
    _, bob, web = party
    service_life.place_hold(web, Hold.MEASURE, "abuse", now=NOON)

    with pytest.raises(Forbidden):
        service_life.lift_hold(web, Hold.MEASURE, now=NOON, by=by_user(bob))
    with pytest.raises(Forbidden):
        service_life.place_hold(web, Hold.DANGER, "x", now=NOON, by=by_user(bob))


@pytest.mark.parametrize("case", ["twice", "not there", "no reason", "not of this right"])
def test_a_hold_that_does_not_fit_is_refused(party: Party, case: str) -> None:
    _, _, web = party
    service_life.place_hold(web, Hold.MEASURE, "abuse", now=NOON)
    deeds = {
        "twice": lambda: service_life.place_hold(web, Hold.MEASURE, "abuse", now=NOON),
        "not there": lambda: service_life.lift_hold(web, Hold.DANGER, now=NOON),
        "no reason": lambda: service_life.place_hold(web, Hold.DANGER, " ", now=NOON),
        "not of this right": lambda: service_life.place_hold(web, Hold.TERM, "ended", now=NOON),
    }

    with pytest.raises(Malformed):
        deeds[case]()

    assert HoldRow.objects.count() == 1


@pytest.mark.clause("S1.1.1")
def test_a_term_ends_at_its_moment_without_any_message(party: Party, settings: Settings) -> None:
    account, _, _ = party
    ends = NOON + timedelta(days=7, microseconds=5)

    termed = services.create_instance(
        account, "termed", now=NOON, retention_days=3, right=Right.TERM, term_ends_at=ends
    )

    grant = published(settings, termed)
    last = standing.to_ns(ends) - 1
    assert grant.may_ingest(last)
    assert not grant.may_ingest(last + 1)
    assert not grant.may_query(last + 1)
    assert "term of this instance ended at 2026-06-08 12:00:00 UTC" in grant.denial
    assert standing.why_suspended(termed, ends - timedelta(microseconds=1)) == ""
    assert standing.why_suspended(termed, ends) == grant.denial


def test_intake_is_switched_off_by_the_customer_alone(party: Party, settings: Settings) -> None:
    _, bob, web = party

    services.change_instance(web, now=NOON, intake=False, by=by_user(bob))

    grant = published(settings, web)
    assert not grant.may_ingest(NOON_NS)
    assert grant.may_query(NOON_NS)
    assert grant.denial == "intake of this instance is switched off"
    assert standing.why_suspended(web, NOON) == ""


def test_settings_of_a_suspended_instance_stay_but_keys_may_be_revoked(party: Party) -> None:
    _, bob, web = party
    by = by_user(bob)
    key, _ = services.create_key(web, "ingest", "x", now=NOON, by=by)
    service_life.place_hold(web, Hold.MEASURE, "abuse", now=NOON)

    with pytest.raises(Forbidden, match="abuse"):
        services.change_instance(web, now=NOON, retention_days=2, by=by)
    with pytest.raises(Forbidden, match="abuse"):
        services.create_key(web, "ingest", "y", now=NOON, by=by)

    assert services.revoke_key(key, now=NOON, by=by)


# ── release ──


@pytest.mark.clause("G6.3")
@pytest.mark.parametrize("suspended", [False, True])
def test_a_customer_releases_an_instance_at_once(party: Party, settings: Settings, suspended: bool) -> None:
    _, bob, web = party
    services.create_key(web, "ingest", "x", now=NOON)
    services.create_key(web, "query", "y", now=NOON)
    if suspended:
        service_life.place_hold(web, Hold.MEASURE, "abuse", now=NOON)

    gone = service_life.release_instance(web, web.pk, now=NOON, by=by_user(bob))

    grant = published(settings, web)
    assert (gone.released_at, gone.release) == (NOON, "customer")
    assert not grant.may_ingest(NOON_NS)
    assert not grant.may_query(NOON_NS)
    assert "released at 2026-06-01 12:00:00 UTC" in grant.denial
    assert not Key.objects.filter(instance=web, revoked_at=None).exists()
    assert web not in access.instances_for(bob, Operation.QUERY, NOON)


@pytest.mark.clause("G6.3")
@pytest.mark.parametrize("confirmation", ["", "yes", "shop", "i-other"])
def test_a_release_takes_a_confirmation_that_names_the_instance(party: Party, confirmation: str) -> None:
    _, bob, web = party

    with pytest.raises(Malformed, match="for good"):
        service_life.release_instance(web, confirmation, now=NOON, by=by_user(bob))

    assert Instance.objects.get(pk=web.pk).released_at is None


def test_nothing_follows_a_release(party: Party) -> None:
    _, _, web = party
    service_life.release_instance(web, web.pk, now=NOON)

    for deed in (
        lambda: service_life.release_instance(web, web.pk, now=NOON),
        lambda: service_life.place_hold(web, Hold.MEASURE, "x", now=NOON),
        lambda: services.create_key(web, "ingest", "x", now=NOON),
        lambda: services.change_instance(web, now=NOON, name="x"),
    ):
        with pytest.raises((Malformed, Forbidden), match="released"):
            deed()


@pytest.mark.parametrize("why", [Release.TERM, Release.BREACH, Release.DANGER, Release.NOTICE])
def test_a_customer_releases_for_no_reason_of_the_operators(party: Party, why: Release) -> None:
    _, bob, web = party

    with pytest.raises(Forbidden):
        service_life.release_instance(web, web.pk, now=NOON, why=why, by=by_user(bob))


def test_a_released_local_instance_opens_nothing_to_loopback(transactional_db: None, settings: Settings) -> None:
    _, _, local = operator()

    service_life.release_instance(local, "local", now=NOON)

    assert selectors.loopback_instance() is None
