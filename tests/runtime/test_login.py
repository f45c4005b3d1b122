"""Ways in, as a browser walks them."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from spanhouse.base.clock import FixedClock
from spanhouse.console.login import FAILURES_MAX
from spanhouse.customers.accounts import services
from spanhouse.customers.accounts.models import LoginLink
from tests.kit.accounts import NOON, operator

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
CLOCK = FixedClock(int(NOON.timestamp()) * 10**9)


@pytest.fixture(autouse=True)
def _fresh(settings: Settings) -> Iterator[None]:
    settings.CLOCK = CLOCK
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def browser() -> Client:
    return Client(headers={"host": "localhost"})


def log_in(browser: Client, password: str, **more: str) -> int:
    return browser.post("/login", {"username": "alice", "password": password, **more}).status_code


@pytest.fixture
def _alice() -> None:
    _, alice, _ = operator()
    services.set_password(alice, PASSWORD, now=NOON)


@pytest.mark.usefixtures("_alice")
def test_a_password_logs_in_and_logout_out(browser: Client) -> None:
    assert log_in(browser, PASSWORD) == 302
    assert browser.get("/password").status_code == 200

    browser.post("/logout")

    assert browser.get("/password").status_code == 302


@pytest.mark.usefixtures("_alice")
def test_logging_out_takes_more_than_a_link(browser: Client) -> None:
    log_in(browser, PASSWORD)

    assert browser.get("/logout").status_code == 405
    assert browser.get("/password").status_code == 200


@pytest.mark.usefixtures("_alice")
def test_guesses_are_slowed_down_by_address(browser: Client) -> None:
    for _ in range(FAILURES_MAX):
        assert log_in(browser, "wrong") == 422

    assert log_in(browser, PASSWORD) == 429
    elsewhere = Client(headers={"host": "localhost"}, REMOTE_ADDR="203.0.113.9")
    assert log_in(elsewhere, PASSWORD) == 302


@pytest.mark.parametrize(
    ("wished", "reached"),
    [
        ("/keys?x=1", "/keys?x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
@pytest.mark.usefixtures("_alice")
def test_login_leads_on_inside_the_console_only(browser: Client, wished: str, reached: str) -> None:
    answer = browser.post("/login", {"username": "alice", "password": PASSWORD, "next": wished})

    assert answer.headers["Location"] == reached


def test_looking_at_a_link_does_not_use_it_up(browser: Client) -> None:
    _, alice, _ = operator()
    code = services.create_login_link(alice, now=NOON)

    assert browser.get(f"/login/link/{code}").status_code == 200
    assert LoginLink.objects.get().used_at is None
    assert browser.post(f"/login/link/{code}").status_code == 302
    assert browser.post(f"/login/link/{code}").status_code == 401


def test_a_session_ends_by_our_clock(browser: Client, settings: Settings) -> None:
    _, alice, _ = operator()
    browser.post(f"/login/link/{services.create_login_link(alice, now=NOON)}")
    assert browser.get("/password").status_code == 200

    settings.CLOCK = FixedClock(CLOCK.at_ns + (settings.SESSION_COOKIE_AGE + 1) * 10**9)

    assert browser.get("/password").status_code == 302


@pytest.mark.usefixtures("_alice")
def test_a_new_password_ends_the_other_sessions(browser: Client) -> None:
    other = Client(headers={"host": "localhost"})
    log_in(browser, PASSWORD)
    log_in(other, PASSWORD)

    assert browser.post("/password", {"password": "another horse battery"}).status_code == 302

    assert browser.get("/password").status_code == 200
    assert other.get("/password").status_code == 302


@pytest.mark.usefixtures("_alice")
def test_the_login_page_speaks_chinese(browser: Client) -> None:
    page = browser.get("/login", headers={"accept-language": "zh-CN"}).content.decode()

    assert '<html lang="zh-hans"' in page
    assert "Log in" not in page
