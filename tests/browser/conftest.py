"""A browser, a server with a Reader in memory, and a person who is logged in.

Every test also fails on a script error, a message of the browser's console, or a request to anywhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright
from pytest_django.live_server_helper import LiveServer

from spanhouse.customers.accounts.models import User
from spanhouse.tracing.search import registry
from tests.kit import accounts
from tests.kit.fake_reader import FakeReader

CHROMIUM = os.environ.get("SPANHOUSE_TEST_CHROMIUM", "/usr/bin/chromium")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WAIT_MS = 15_000


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    # The browser's driver keeps an event loop in this thread; Django must not take that for asynchronous code.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET))
            yield browser
            browser.close()


@dataclass
class Console:
    """The console as a person sees it."""

    page: Page
    url: str
    reader: FakeReader
    user: User
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()
    """Parts of the browser's messages that the test provokes."""

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        self.page.wait_for_selector("html[data-ready], body.login", state="attached")
        return self.page

    def open_trace(self, trace_id: bytes, query: str = "") -> Page:
        return self.open(f"/traces/{trace_id.hex()}{query}")

    def rows(self) -> int:
        """Rows that the waterfall has on view."""
        return int(self.page.get_attribute("[data-waterfall]", "data-rows") or -1)

    def said(self) -> str:
        """What the page tells a screen reader about the chosen span."""
        return self.page.inner_text("[data-said]")

    def watch(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in self.expected):
            self.complaints.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"external request: {request.url}")


@pytest.fixture
def context_options() -> dict[str, object]:
    """What the person's browser is like; tests of zones and sizes replace it."""
    return {"viewport": {"width": 1440, "height": 900}, "timezone_id": "Asia/Shanghai", "locale": "en-US"}


@pytest.fixture
def person(transactional_db: None) -> User:
    return accounts.operator()[1]


@pytest.fixture
def console(
    chromium: Browser, live_server: LiveServer, person: User, context_options: dict[str, object]
) -> Iterator[Console]:
    reader = FakeReader()
    registry.set_reader(reader)
    context = chromium.new_context(**context_options)  # type: ignore[arg-type]
    context.set_default_timeout(WAIT_MS)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    log_in(context, live_server.url, person)
    visible = Console(context.new_page(), live_server.url, reader, person)
    visible.watch()
    yield visible
    context.close()
    registry.set_reader(None)
    assert visible.complaints == []


def log_in(context: BrowserContext, url: str, person: User) -> None:
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
