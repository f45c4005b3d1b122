"""Pages of an account on screens of any size."""

from __future__ import annotations

import pytest

from spanhouse.customers.accounts import services as accounts
from spanhouse.customers.agreements import services as agreements
from spanhouse.customers.instances import granting
from spanhouse.customers.instances import services as instances
from spanhouse.customers.instances.models import LOCAL_INSTANCE, Instance
from tests.browser.conftest import Console
from tests.kit.accounts import NOON, declare

PATHS = (
    "/",
    "/explore",
    "/keys",
    "/account/agreement",
    "/account/audit",
    "/account/instances",
    "/account/members",
    "/account/party",
    "/account/policy",
)


@pytest.fixture(autouse=True)
def something_to_show(console: Console) -> None:
    agreements.publish_first(now=NOON)
    local = Instance.objects.get(pk=LOCAL_INSTANCE)
    declare(local.account)
    instances.create_key(local, "ingest", "checkout", now=NOON)
    member = accounts.create_member(local.account, "somebody.with.a.long.name@department.example", now=NOON)
    granting.give_grant(
        instances.open_account("Other", now=NOON), member, ["query"], now=NOON, services=["checkout", "frontend"]
    )


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_no_wider_than_a_telephone(console: Console, path: str, language: str) -> None:
    console.page.context.add_cookies([{"name": "django_language", "value": language, "url": console.url}])
    console.page.set_viewport_size({"width": 360, "height": 740})

    page = console.open(path)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize(("path", "button"), [("/keys", "Revoke this key"), ("/account/instances", "Release for good")])
def test_what_confirms_a_deed_in_a_table_is_not_cut_off(console: Console, path: str, button: str) -> None:
    page = console.open(path)

    page.click("td summary")

    inside = (
        "button => button.getBoundingClientRect().bottom <= button.closest('.scrolls').getBoundingClientRect().bottom"
    )
    assert page.get_by_role("button", name=button).evaluate(inside)
