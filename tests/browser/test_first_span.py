"""Before the first span: the page says how to send one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from pytest_django import Settings

from spanhouse.customers.instances import selectors
from spanhouse.customers.instances.models import Instance, Key
from tests.browser.conftest import Console
from tests.kit.shop import Shop


def test_an_empty_instance_shows_snippets_with_the_real_endpoint(console: Console) -> None:
    page = console.open("/")

    assert "Send your first span" in page.inner_text("h1")
    for title in ("Python", "Java", "Go", "Node.js", ".NET", "Collector"):
        page.click(f"[role=tab]:text-is('{title}')")
        assert settings.OTLP_HTTP_URL in page.inner_text("[role=tabpanel]:visible")


def test_a_snippet_is_copied_whole(console: Console) -> None:
    page = console.open("/")

    page.click("[role=tabpanel]:visible button")

    assert page.evaluate("navigator.clipboard.readText()") == page.text_content("[role=tabpanel]:visible pre")


def test_a_key_made_there_stands_in_the_snippets_and_opens_the_instance(console: Console, settings: Settings) -> None:
    settings.LOOPBACK_OPEN = False
    page = console.open("/")
    assert "YOUR_INGEST_KEY" in page.inner_text("[role=tabpanel]:visible")

    page.click("text=Create an ingest key")
    secret = page.inner_text("#secret")

    assert f"Bearer {secret}" in page.inner_text("[role=tabpanel]:visible")
    key = selectors.find_key(secret)
    assert key is not None
    assert (key.instance_id, key.scope) == ("local", Key.Scope.INGEST)


def test_the_first_span_brings_the_overview(console: Console) -> None:
    page = console.open("/")
    console.reader.spans = Shop().traces(3, first_start=settings.CLOCK.now_ns() - 10**10, every=10**9)

    console.open("/")

    assert page.inner_text("h1") == "Overview"
    assert page.locator("[data-chart] canvas").count() == 2


def test_the_page_itself_changes_to_the_overview_when_the_first_span_comes(console: Console) -> None:
    page = console.open("/")

    console.reader.spans = Shop().traces(3, first_start=settings.CLOCK.now_ns() - 10**10, every=10**9)

    page.wait_for_selector("h1:text-is('Overview')")


def test_loading_the_keys_page_again_makes_no_other_key_and_hides_the_secret(console: Console) -> None:
    page = console.open("/keys")
    page.fill("[name=name]", "checkout")
    page.click("text=Create key")
    secret = page.inner_text("[data-secret]")

    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.keyboard.press("r")
    page.wait_for_selector("html[data-ready]", state="attached")

    assert secret not in page.content()
    assert Key.objects.count() == 1


def test_loading_the_first_page_again_makes_no_other_key(console: Console, settings: Settings) -> None:
    settings.LOOPBACK_OPEN = False
    page = console.open("/")
    page.click("text=Create an ingest key")
    secret = page.inner_text("#secret")

    page.reload()

    assert secret not in page.content()
    assert Key.objects.count() == 1


def test_a_key_may_have_an_end(console: Console) -> None:
    page = console.open("/keys")
    page.fill("[name=name]", "trial")
    page.select_option("[name=expires]", "30")

    page.click("text=Create key")
    page.wait_for_selector("[data-secret]")

    key = Key.objects.get()
    assert key.expires_at == key.created_at + timedelta(days=30)


def test_an_instance_with_older_spans_is_not_called_empty(console: Console) -> None:
    console.reader.spans = Shop().traces(3, first_start=settings.CLOCK.now_ns() - 3 * 86_400 * 10**9, every=10**9)

    page = console.open("/")

    assert page.inner_text("h1") == "Overview"
    assert "Nothing was called in this range." in page.inner_text("main")


@pytest.mark.parametrize("scope", ["ingest", "query"])
def test_a_key_is_made_shown_once_and_revoked(console: Console, scope: str) -> None:
    page = console.open("/keys")
    page.fill("[name=name]", "checkout <b>team</b>")
    page.select_option("[name=scope]", scope)
    page.click("text=Create key")
    secret = page.inner_text("[data-secret]")

    console.open("/keys")
    hidden = secret not in page.content()
    page.click("tbody summary")
    page.click("text=Revoke this key")
    page.wait_for_selector("tbody :text-is('Revoked')")

    assert hidden
    assert "checkout <b>team</b>" in page.inner_text("tbody")
    assert selectors.find_key(secret) is None
    assert Instance.objects.get(pk="local").keys.get().revoked_at is not None


def test_a_key_with_a_bad_origin_is_refused_with_what_was_typed(console: Console) -> None:
    console.expected = ("400",)
    page = console.open("/keys")
    page.fill("[name=name]", "browser")
    page.fill("[name=origins]", "shop.example.com/path")

    page.click("text=Create key")

    assert "is not an origin" in page.inner_text("[role=alert]")
    assert page.input_value("[name=name]") == "browser"
    assert Key.objects.count() == 0
