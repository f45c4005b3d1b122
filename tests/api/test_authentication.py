"""Every form in which a query may say who asks, and every refusal."""

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory
from pytest_django import Settings

from spanhouse.api.authentication import query_scope
from spanhouse.base.clock import FixedClock
from spanhouse.base.errors import Forbidden, Malformed, Refused, Unauthenticated
from spanhouse.customers.accounts.models import User
from spanhouse.customers.instances import service_life, services
from spanhouse.customers.instances.holds import Hold
from spanhouse.customers.instances.models import Key
from tests.kit.accounts import NOON, operator, shop

pytestmark = pytest.mark.django_db

CLOCK = FixedClock(int(NOON.timestamp()) * 10**9)


@pytest.fixture(autouse=True)
def _noon(settings: Settings) -> None:
    settings.CLOCK = CLOCK


def ask(user: User | None = None, /, peer: str = "127.0.0.1", chosen: str = "", **headers: str) -> HttpRequest:
    """A request for the query API as Django would hand it over."""
    sent = {"Host": "localhost:8080"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = RequestFactory().get("/tempo/api/search", headers=sent, REMOTE_ADDR=peer)
    request.user = user or AnonymousUser()
    request.session = SessionStore()
    if chosen:
        request.session["instance"] = chosen
    return request


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def token() -> str:
    """A query token of Shop's instance; there are two accounts, so loopback opens nothing."""
    operator()
    _, _, instance = shop()
    return services.create_key(instance, "query", "grafana", now=NOON)[1]


FORMS: dict[str, Callable[[str], dict[str, str]]] = {
    "bearer": lambda token: {"Authorization": f"Bearer {token}"},
    "bearer in lower case": lambda token: {"authorization": f"bearer {token}"},
    "basic": lambda token: {"Authorization": basic("anybody", token)},
    "basic without a user": lambda token: {"Authorization": basic("", token)},
    "x-api-key": lambda token: {"x_api_key": token},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_query_token_opens_its_instance_in_every_form(token: str, form: str) -> None:
    scope = query_scope(ask(peer="203.0.113.7", **FORMS[form](token)))

    assert scope.instance == Key.objects.get().instance_id


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic", "Basic !!!", "Basic Zm9v", basic("u", ""), "Digest x", "x"],
)
def test_credentials_that_are_none_are_refused(token: str, authorization: str) -> None:
    with pytest.raises(Unauthenticated):
        query_scope(ask(Authorization=authorization))


def test_a_wrong_token_is_refused_even_where_loopback_is_open() -> None:
    operator()

    with pytest.raises(Unauthenticated):
        query_scope(ask(Authorization="Bearer shq_wrong"))


def test_a_revoked_token_is_refused(token: str) -> None:
    services.revoke_key(Key.objects.get(), now=NOON)

    with pytest.raises(Unauthenticated, match="revoked"):
        query_scope(ask(Authorization=f"Bearer {token}"))


def test_an_expired_token_is_refused_from_its_moment_on(settings: Settings) -> None:
    _, _, local = operator()
    _, secret = services.create_key(local, "query", "x", now=NOON, expires_at=NOON + timedelta(seconds=1))
    query_scope(ask(Authorization=f"Bearer {secret}"))
    settings.CLOCK = FixedClock(CLOCK.at_ns + 10**9)

    with pytest.raises(Unauthenticated, match="expired"):
        query_scope(ask(Authorization=f"Bearer {secret}"))


def test_an_ingest_key_reads_nothing() -> None:
    _, _, local = operator()
    _, secret = services.create_key(local, "ingest", "x", now=NOON)

    with pytest.raises(Forbidden, match="query token"):
        query_scope(ask(Authorization=f"Bearer {secret}"))


def test_an_instance_that_may_not_be_queried_says_why(token: str) -> None:
    service_life.place_hold(Key.objects.get().instance, Hold.MEASURE, "unpaid since May", now=NOON)

    with pytest.raises(Forbidden, match="unpaid since May"):
        query_scope(ask(Authorization=f"Bearer {token}"))


def test_the_use_of_a_token_is_noted(token: str) -> None:
    query_scope(ask(Authorization=f"Bearer {token}"))

    assert Key.objects.get().last_used_at == NOON


def test_a_session_reads_the_instance_that_its_person_chose() -> None:
    account, alice, _ = operator()
    second = services.create_instance(account, "second", now=NOON, retention_days=1)

    assert query_scope(ask(alice, peer="203.0.113.7", chosen=second.pk)).instance == second.pk


def test_a_session_that_chose_another_partys_instance_reads_its_own() -> None:
    _, alice, local = operator()
    _, _, foreign = shop()

    assert query_scope(ask(alice, chosen=foreign.pk)).instance == local.pk


def test_a_token_goes_before_a_session(token: str) -> None:
    alice = User.objects.get(username="alice")

    assert query_scope(ask(alice, Authorization=f"Bearer {token}")).instance == Key.objects.get().instance_id


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_needs_no_token(host: str, peer: str) -> None:
    operator()

    assert query_scope(ask(peer=peer, Host=host)).instance == "local"


REFUSED_LOOPBACK: dict[str, dict[str, str]] = {
    "another machine": {"peer": "192.168.1.5"},
    "no address": {"peer": ""},
    "a rebound name": {"Host": "evil.example"},
    "a name that only starts right": {"Host": "localhost.evil.example"},
    "no host": {"Host": ""},
    "Forwarded": {"Forwarded": "for=203.0.113.7"},
    "X-Forwarded-For": {"X_Forwarded_For": "127.0.0.1"},
    "X-Forwarded-Host": {"X_Forwarded_Host": "localhost"},
    "X-Forwarded-Proto": {"X_Forwarded_Proto": "https"},
    "X-Real-IP": {"X_Real_IP": "127.0.0.1"},
    "Via": {"Via": "1.1 proxy"},
    "a page of another site": {"Sec_Fetch_Site": "cross-site"},
}


@pytest.mark.parametrize("case", REFUSED_LOOPBACK)
def test_what_is_not_plainly_loopback_needs_a_token(case: str) -> None:
    operator()

    with pytest.raises((Unauthenticated, Forbidden)):
        query_scope(ask(**REFUSED_LOOPBACK[case]))


def test_loopback_needs_a_token_as_soon_as_there_is_another_account() -> None:
    operator()
    services.open_account("Shop", now=NOON)

    with pytest.raises(Unauthenticated):
        query_scope(ask())


def test_loopback_needs_a_token_where_the_setting_says_so(settings: Settings) -> None:
    operator()
    settings.LOOPBACK_OPEN = False

    with pytest.raises(Unauthenticated):
        query_scope(ask())


@pytest.mark.report("V37")
@pytest.mark.parametrize(
    "tenant", ["", "..", ".", "a/b", "a\\b", "t#1", "x" * 151, "|a", "a||b", "local|other", "LOCAL"]
)
def test_a_tenant_that_is_not_the_tokens_own_is_refused(tenant: str) -> None:
    operator()

    with pytest.raises(Refused):
        query_scope(ask(X_Scope_OrgID=tenant))


@pytest.mark.parametrize(("tenant", "error"), [("a/b", Malformed), ("local|other", Malformed), ("other", Forbidden)])
def test_what_is_no_tenant_id_is_refused_as_when_sending(tenant: str, error: type[Refused]) -> None:
    operator()

    with pytest.raises(error):
        query_scope(ask(X_Scope_OrgID=tenant))


def test_the_tokens_own_tenant_may_be_named() -> None:
    operator()

    assert query_scope(ask(X_Scope_OrgID="local")).instance == "local"
