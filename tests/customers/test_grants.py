"""Members, roles and grants: who may do what, and from when to when."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from spanhouse.base.errors import Forbidden, Malformed, NotFound
from spanhouse.base.ids import digest_secret
from spanhouse.contracts.grant import Grants
from spanhouse.customers.accounts import access as account_access
from spanhouse.customers.accounts import granting as account_granting
from spanhouse.customers.accounts import selectors as accounts
from spanhouse.customers.accounts import services as account_services
from spanhouse.customers.accounts.audit.actors import By, by_nobody, by_user
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.models import AuditEntry
from spanhouse.customers.accounts.models import Account, Grant, Membership, User
from spanhouse.customers.accounts.operations import ROLES, Operation, Role
from spanhouse.customers.instances import access, granting, service_life, services
from spanhouse.customers.instances.models import Instance, Key
from tests.kit.accounts import NOON, operator, shop

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


class Cast:
    """Shop with its owner Bob and two instances; Mallory, who has an account of her own."""

    def __init__(self) -> None:
        operator()
        self.shop, self.bob, self.web = shop()
        self.staging = services.create_instance(self.shop, "staging", now=NOON, retention_days=3)
        self.other = services.open_account("Other", now=NOON)
        self.mallory = account_services.create_member(self.other, "mallory", now=NOON)

    def member(self, role: str, name: str = "carol", account: Account | None = None) -> User:
        return account_services.create_member(account or self.shop, name, now=NOON, role=role)

    def reads(self, user: User) -> set[str]:
        return set(access.instances_for(user, Operation.QUERY, NOON).values_list("pk", flat=True))


@pytest.fixture
def cast() -> Cast:
    return Cast()


# ── roles ──


@pytest.mark.clause("G8")
@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("operation", list(Operation))
def test_a_role_may_do_what_it_bundles_and_nothing_else(cast: Cast, role: str, operation: Operation) -> None:
    carol = cast.member(role)

    allowed = operation in ROLES[role]

    assert account_access.may(carol, operation, cast.shop, NOON) == allowed
    assert access.may(carol, operation, cast.web, NOON) == allowed
    assert not account_access.may(carol, operation, cast.other, NOON)


def test_an_owner_may_do_everything() -> None:
    assert ROLES[Role.OWNER] == frozenset(Operation)


@pytest.mark.report("A03")
def test_a_demotion_takes_effect_at_once(cast: Cast) -> None:
    carol = cast.member(Role.EDITOR)
    services.create_key(cast.web, "ingest", "x", now=NOON, by=by_user(carol))

    account_granting.change_role(cast.shop, carol, Role.VIEWER, now=NOON)

    with pytest.raises(Forbidden):
        services.create_key(cast.web, "ingest", "x", now=NOON, by=by_user(carol))


@pytest.mark.report("A13")
@pytest.mark.parametrize("own", Role.values)
@pytest.mark.parametrize("given", Role.values)
def test_nobody_gives_a_role_above_their_own(cast: Cast, own: str, given: str) -> None:
    carol, dave = cast.member(own), cast.member(Role.VIEWER, "dave")
    allowed = Operation.MANAGE_MEMBERS in ROLES[own] and ROLES[given] <= ROLES[own]

    try:
        account_granting.change_role(cast.shop, dave, given, now=NOON, by=by_user(carol))
    except Forbidden:
        changed = False
    else:
        changed = True

    assert changed == allowed
    assert Membership.objects.get(user=dave).role == (given if allowed else Role.VIEWER)


@pytest.mark.report("A13")
@pytest.mark.parametrize("role", [Role.ADMIN, Role.EDITOR, Role.VIEWER, Role.BILLING])
def test_nobody_touches_a_role_above_their_own(cast: Cast, role: str) -> None:
    carol = by_user(cast.member(role))

    with pytest.raises(Forbidden):
        account_granting.change_role(cast.shop, cast.bob, Role.VIEWER, now=NOON, by=carol)
    with pytest.raises(Forbidden):
        granting.part_with_member(cast.shop, cast.bob, now=NOON, revoke_keys=False, by=carol)


@pytest.mark.report("A13")
def test_nobody_raises_themselves(cast: Cast) -> None:
    carol = cast.member(Role.ADMIN)

    with pytest.raises(Forbidden):
        account_granting.change_role(cast.shop, carol, Role.OWNER, now=NOON, by=by_user(carol))


def test_the_last_owner_stays(cast: Cast) -> None:
    with pytest.raises(Malformed, match="needs an owner"):
        account_granting.change_role(cast.shop, cast.bob, Role.ADMIN, now=NOON)
    with pytest.raises(Malformed, match="needs an owner"):
        account_granting.remove_member(cast.shop, cast.bob, now=NOON, by=by_user(cast.bob))

    assert Membership.objects.get(user=cast.bob, account=cast.shop).role == Role.OWNER


def test_a_role_that_is_none_and_a_member_twice_are_refused(cast: Cast) -> None:
    with pytest.raises(Malformed, match="a role is one of"):
        account_granting.add_member(cast.shop, cast.mallory, "root", now=NOON)
    with pytest.raises(Malformed, match="already"):
        account_granting.add_member(cast.shop, cast.bob, Role.VIEWER, now=NOON)


def test_anybody_may_leave(cast: Cast) -> None:
    carol = cast.member(Role.VIEWER)

    account_granting.remove_member(cast.shop, carol, now=NOON, by=by_user(carol))

    assert cast.reads(carol) == set()


@pytest.mark.report("A15")
@pytest.mark.parametrize("revoked", [True, False])
def test_the_keys_of_one_who_leaves_are_the_accounts_and_are_named(cast: Cast, revoked: bool) -> None:
    carol = cast.member(Role.EDITOR)
    key, _ = services.create_key(cast.web, "ingest", "carol's", now=NOON, by=by_user(carol))

    made = granting.part_with_member(cast.shop, carol, now=NOON, revoke_keys=revoked, by=by_user(cast.bob))

    assert made == [key]
    assert (Key.objects.get(pk=key.pk).revoked_at is not None) == revoked
    with pytest.raises(Forbidden):
        services.create_key(cast.web, "ingest", "again", now=NOON, by=by_user(carol))


@pytest.mark.clause("G5.5")
@pytest.mark.parametrize("deed", ["the member leaves", "the grant ends", "the instance is released"])
def test_keys_that_end_with_something_else_are_ended_by_who_did_that(cast: Cast, deed: str) -> None:
    carol = cast.member(Role.EDITOR)
    grant = granting.give_grant(cast.shop, cast.mallory, ["configure", "ingest"], now=NOON)
    maker = cast.mallory if deed == "the grant ends" else carol
    services.create_key(cast.web, "ingest", "one", now=NOON, by=by_user(maker))

    match deed:
        case "the member leaves":
            granting.part_with_member(cast.shop, carol, now=NOON, revoke_keys=True, by=by_user(cast.bob))
        case "the grant ends":
            granting.end_grant(grant, now=NOON, by=by_user(cast.bob))
        case _:
            service_life.release_instance(cast.web, cast.web.pk, now=NOON, by=by_user(cast.bob))

    assert AuditEntry.objects.get(operation=Deed.KEY_REVOKE).actor_name == "bob"


def test_one_who_is_switched_off_may_nothing(cast: Cast) -> None:
    cast.bob.is_active = False
    cast.bob.save()

    assert cast.reads(cast.bob) == set()


# ── grants ──


@pytest.mark.clause("G5.5")
def test_without_a_grant_there_is_nothing(cast: Cast) -> None:
    assert cast.reads(cast.mallory) == set()
    assert access.scope_for(cast.mallory, cast.web, NOON) is None


@pytest.mark.clause("G5.5")
def test_a_grant_opens_what_it_names(cast: Cast) -> None:
    granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON, instances=[cast.web.pk], by=by_user(cast.bob))

    assert cast.reads(cast.mallory) == {cast.web.pk}
    assert access.scope_for(cast.mallory, cast.web, NOON) == access.Reading(cast.web)
    assert not access.may(cast.mallory, Operation.CONFIGURE, cast.web, NOON)


@pytest.mark.clause("G5.5")
def test_a_grant_on_services_reads_those_services_only(cast: Cast) -> None:
    granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON, services=["checkout"])
    granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON, instances=[cast.web.pk], services=["cart"])

    web, staging = (access.scope_for(cast.mallory, instance, NOON) for instance in (cast.web, cast.staging))

    assert web == access.Reading(cast.web, frozenset({"checkout", "cart"}))
    assert staging == access.Reading(cast.staging, frozenset({"checkout"}))
    assert not access.may(cast.mallory, Operation.QUERY, cast.web, NOON)


@pytest.mark.clause("G5.5")
def test_a_grant_ends_at_its_second(cast: Cast) -> None:
    granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON, expires_at=NOON + 10 * SECOND)

    assert access.scope_for(cast.mallory, cast.web, NOON + 10 * SECOND - timedelta(microseconds=1))
    assert access.scope_for(cast.mallory, cast.web, NOON + 10 * SECOND) is None


@pytest.mark.clause("G5.5")
def test_a_grant_is_revoked_at_once(cast: Cast) -> None:
    grant = granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON)

    assert granting.end_grant(grant, now=NOON, by=by_user(cast.bob))
    assert not granting.end_grant(grant, now=NOON, by=by_user(cast.bob))

    assert cast.reads(cast.mallory) == set()


def test_whoever_has_a_grant_may_give_it_up(cast: Cast) -> None:
    grant = granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON)

    assert granting.end_grant(grant, now=NOON, by=by_user(cast.mallory))


@pytest.mark.clause("G5.5")
def test_a_grant_to_an_account_gives_its_members_no_more_than_their_role_there(cast: Cast) -> None:
    viewer = cast.member(Role.VIEWER, "vera", cast.other)

    granting.give_grant(cast.shop, cast.other, ["query", "configure"], now=NOON)

    assert access.may(cast.mallory, Operation.CONFIGURE, cast.web, NOON)
    assert access.may(viewer, Operation.QUERY, cast.web, NOON)
    assert not access.may(viewer, Operation.CONFIGURE, cast.web, NOON)


def test_a_grant_is_not_handed_on(cast: Cast) -> None:
    """Other has a grant of Shop's; whom Other grants everything gets nothing of Shop's."""
    third = services.open_account("Third", now=NOON)
    trent = account_services.create_member(third, "trent", now=NOON)
    granting.give_grant(cast.shop, cast.other, ["query"], now=NOON)

    granting.give_grant(cast.other, trent, list(Operation), now=NOON)

    assert cast.reads(trent) == set()


@pytest.mark.report("A13")
@pytest.mark.parametrize("role", Role.values)
def test_nobody_grants_what_they_may_not_do(cast: Cast, role: str) -> None:
    carol = by_user(cast.member(role))
    allowed = ROLES[role] if Operation.MANAGE_MEMBERS in ROLES[role] else frozenset()

    for operation in Operation:
        try:
            granting.give_grant(cast.shop, cast.mallory, [operation], now=NOON, by=carol)
        except Forbidden:
            assert operation not in allowed
        else:
            assert operation in allowed


@pytest.mark.report("A13")
def test_a_grantee_does_not_widen_a_grant(cast: Cast) -> None:
    granting.give_grant(cast.shop, cast.mallory, ["query", "configure"], now=NOON, instances=[cast.web.pk])

    with pytest.raises(Forbidden):
        granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON, by=by_user(cast.mallory))
    with pytest.raises(Forbidden):
        services.create_instance(cast.shop, "mine", now=NOON, retention_days=1, by=by_user(cast.mallory))


NONSENSE: dict[str, tuple[dict[str, object], str]] = {
    "nothing": ({"operations": []}, "gives some of"),
    "unknown": ({"operations": ["root"]}, "not root"),
    "no instance": ({"operations": ["query"], "instances": []}, "1 to 500"),
    "no service": ({"operations": ["query"], "services": []}, "1 to 500"),
    "pay on an instance": ({"operations": ["pay"], "instances": ["WEB"]}, "pay cannot be granted"),
    "configure on a service": ({"operations": ["query", "configure"], "services": ["a"]}, "configure cannot"),
    "in the past": ({"operations": ["query"], "expires_at": NOON}, "in the past"),
    "a service without a name": ({"operations": ["query"], "services": [""]}, "name"),
    "a service too long": ({"operations": ["query"], "services": ["n" * 256]}, "name"),
    "NUL": ({"operations": ["query"], "services": ["a\0"]}, "name"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_a_grant_that_makes_no_sense_is_refused(cast: Cast, case: str) -> None:
    terms, said = NONSENSE[case]
    if terms.get("instances") == ["WEB"]:
        terms = {**terms, "instances": [cast.web.pk]}

    with pytest.raises(Malformed, match=said):
        granting.give_grant(cast.shop, cast.mallory, now=NOON, **terms)  # type: ignore[arg-type]

    assert not Grant.objects.exists()


@pytest.mark.report("A01")
def test_a_grant_on_anothers_instance_is_not_found(cast: Cast) -> None:
    with pytest.raises(NotFound):
        granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON, instances=["local"])
    with pytest.raises(NotFound):
        accounts.get_grant(cast.other, granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON).pk)


def test_an_account_grants_itself_nothing(cast: Cast) -> None:
    with pytest.raises(Malformed, match="own members"):
        granting.give_grant(cast.shop, cast.shop, ["query"], now=NOON)


@pytest.mark.clause("G5.5", "G6.5")
def test_the_log_names_the_real_actor_and_no_service(cast: Cast) -> None:
    granting.give_grant(cast.shop, cast.mallory, ["query", "configure", "ingest"], now=NOON)
    granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON, services=["secret-service"])

    services.create_key(cast.web, "ingest", "hers", now=NOON, by=by_user(cast.mallory))

    entry = AuditEntry.objects.filter(operation="key.create").get()
    assert (entry.account, entry.actor_name) == (cast.shop.pk, "mallory")
    assert "secret-service" not in repr(list(AuditEntry.objects.values()))


# ── keys ──


@pytest.mark.report("A14")
def test_nobody_makes_a_key_that_can_more_than_they(cast: Cast) -> None:
    granting.give_grant(cast.shop, cast.mallory, ["configure", "ingest"], now=NOON)
    by = by_user(cast.mallory)

    services.create_key(cast.web, "ingest", "sends", now=NOON, by=by)
    with pytest.raises(Forbidden):
        services.create_key(cast.web, "query", "reads", now=NOON, by=by)


def test_a_reader_of_some_services_makes_no_token_for_all(cast: Cast) -> None:
    granting.give_grant(cast.shop, cast.mallory, ["configure"], now=NOON)
    granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON, services=["checkout"])

    with pytest.raises(Forbidden):
        services.create_key(cast.web, "query", "reads", now=NOON, by=by_user(cast.mallory))


@pytest.mark.report("A15", "A16")
@pytest.mark.django_db(transaction=True)
def test_a_key_made_under_a_grant_ends_with_it(cast: Cast, settings: Settings) -> None:
    grant = granting.give_grant(
        cast.shop, cast.mallory, ["configure", "query", "ingest"], now=NOON, expires_at=NOON + timedelta(days=1)
    )
    key, secret = services.create_key(cast.web, "ingest", "hers", now=NOON, by=by_user(cast.mallory))
    assert (key.grant, key.expires_at) == (grant, grant.expires_at)

    granting.end_grant(grant, now=NOON, by=by_user(cast.bob))

    path: Path = settings.GRANTS_PATH
    assert digest_secret(secret) not in Grants.from_json(path.read_bytes()).keys


def test_a_rotation_by_a_grantee_lasts_no_longer_than_the_grant(cast: Cast) -> None:
    ends = NOON + timedelta(days=1)
    granting.give_grant(cast.shop, cast.mallory, ["configure", "ingest"], now=NOON, expires_at=ends)
    key, _ = services.create_key(cast.web, "ingest", "shop's", now=NOON)

    successor, _ = services.rotate_key(key, now=NOON, overlap=timedelta(0), by=by_user(cast.mallory))

    assert successor.expires_at == ends


@pytest.mark.parametrize("who", ["mallory", "nobody"])
def test_a_stranger_changes_nothing(cast: Cast, who: str) -> None:
    by: By = by_nobody() if who == "nobody" else by_user(cast.mallory)
    key, _ = services.create_key(cast.web, "ingest", "x", now=NOON)

    for deed in (
        lambda: services.create_key(cast.web, "ingest", "y", now=NOON, by=by),
        lambda: services.revoke_key(key, now=NOON, by=by),
        lambda: services.rotate_key(key, now=NOON, overlap=timedelta(0), by=by),
        lambda: services.change_instance(cast.web, now=NOON, retention_days=1, by=by),
        lambda: services.create_instance(cast.shop, "z", now=NOON, retention_days=1, by=by),
        lambda: granting.give_grant(cast.shop, cast.mallory, ["query"], now=NOON, by=by),
        lambda: account_granting.add_member(cast.shop, cast.mallory, Role.OWNER, now=NOON, by=by),
    ):
        with pytest.raises(Forbidden):
            deed()

    assert Key.objects.filter(revoked_at=None).get() == key
    assert Instance.objects.get(pk=cast.web.pk).retention_days == 30
