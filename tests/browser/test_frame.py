"""What every page has: theme, language, range, trace box, keys, other instances."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings

from spanhouse.customers.instances import service_life
from spanhouse.customers.instances import services as instances
from spanhouse.customers.instances.holds import Hold
from spanhouse.customers.instances.models import Instance
from spanhouse.tracing.spans.model import Span
from tests.browser.conftest import Console
from tests.kit.accounts import NOON
from tests.kit.shop import Shop

ONE_MINUTE = 60_000_000_000


@pytest.fixture(autouse=True)
def a_shop(console: Console) -> None:
    console.reader.spans = Shop().traces(30, first_start=settings.CLOCK.now_ns() - 31 * ONE_MINUTE, every=ONE_MINUTE)


def test_the_theme_is_chosen_and_remembered(console: Console) -> None:
    page = console.open("/")
    page.click("summary[aria-label=Theme]")
    page.click("[data-theme-choice=dark]")
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")

    console.open("/services")

    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == dark
    page.emulate_media(color_scheme="dark")
    assert dark != page.evaluate(
        "(document.documentElement.dataset.theme = 'light', getComputedStyle(document.documentElement).backgroundColor)"
    )


def test_the_language_changes_the_whole_page_and_stays(console: Console) -> None:
    page = console.open("/services")
    page.click("summary[aria-label=Language]")
    page.click("button[value=zh-hans]")
    page.wait_for_selector("html[lang=zh-CN]")

    console.open("/explore")

    assert page.inner_text("h1") == "链路查询"
    assert "最近 1 小时" in page.inner_text(".top")
    assert "Span 数" in page.inner_text(".results")


def test_chinese_words_reach_the_waterfall(console: Console) -> None:
    console.page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": console.url}])
    span = console.reader.spans[0]

    page = console.open_trace(span.trace_id, f"?span={span.span_id.hex()}")
    page.wait_for_selector("[data-drawer] .section")

    assert "自身耗时" in page.inner_text("[data-drawer]")
    assert "全部收起" in page.inner_text(".trace-tools")


@pytest.mark.report("V16")
@pytest.mark.parametrize("spelling", ["{id}", "  {ID}  ", "{trimmed}"])
def test_the_trace_box_takes_any_spelling(console: Console, spelling: str) -> None:
    first = console.reader.spans[0].trace_id
    short = bytes(4) + first[4:]
    console.reader.spans = [*console.reader.spans, *_renamed(console, first, short)]
    text = spelling.format(id=short.hex(), ID=short.hex().upper(), trimmed=short.hex().lstrip("0"))
    page = console.open("/")

    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready] .trace")

    assert page.url == f"{console.url}/traces/{short.hex()}"


def _renamed(console: Console, old: bytes, new: bytes) -> list[Span]:
    return [replace(span, trace_id=new) for span in console.reader.spans if span.trace_id == old]


def test_the_trace_box_refuses_what_is_no_id(console: Console) -> None:
    page = console.open("/")

    page.fill("[data-trace-box] input", "not hex")
    page.keyboard.press("Enter")

    assert page.url == f"{console.url}/"
    assert "hexadecimal" in page.evaluate("document.querySelector('[data-trace-box] input').validationMessage")


def test_a_relative_range_goes_with_the_person_to_other_pages(console: Console) -> None:
    page = console.open("/services")
    page.click(".top summary[title='Time range']")
    page.click("[data-preset='6h']")
    page.wait_for_url("**/services?range=6h")

    page.click("[data-go=explore]")

    page.wait_for_url("**/explore?range=6h")
    assert "Last 6 hours" in page.inner_text(".top")


def test_an_absolute_range_is_typed_in_the_persons_zone_and_travels_with_its_offset(console: Console) -> None:
    page = console.open("/services")
    page.click(".top summary[title='Time range']")
    assert "Asia/Shanghai (UTC+08:00)" in page.inner_text("[data-range-form]")

    page.fill("[data-range-form] [name=from]", "2026-11-24 14:03:07")
    page.fill("[data-range-form] [name=to]", "2026-11-24 15:00:00")
    page.click("[data-range-form] button")
    page.wait_for_url("**/services?from=*")

    query = parse_qs(urlsplit(page.url).query)
    assert query == {"from": ["2026-11-24T14:03:07.000+08:00"], "to": ["2026-11-24T15:00:00.000+08:00"]}
    assert "2026-11-24 14:03:07 – 15:00:00 +08:00" in page.inner_text(".title")


def test_an_end_before_its_start_is_refused_in_place(console: Console) -> None:
    page = console.open("/services")
    page.click(".top summary[title='Time range']")

    page.fill("[data-range-form] [name=from]", "2026-11-24 14:03:07")
    page.fill("[data-range-form] [name=to]", "2026-11-24 14:03:06")
    page.click("[data-range-form] button")

    assert page.url == f"{console.url}/services"
    assert "later" in page.evaluate("document.querySelector('[data-range-form] [name=to]').validationMessage")


def test_a_range_that_is_none_answers_400_and_says_what_would_be_one(console: Console) -> None:
    console.expected = ("400",)

    page = console.open("/services?range=soon")

    assert "15m, 6h or 7d" in page.inner_text("main")


def test_keys_lead_to_pages_and_to_help(console: Console) -> None:
    page = console.open("/")

    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/services")
    page.keyboard.press("?")

    assert page.is_visible("dialog[open]")


def test_choosing_another_instance_shows_only_its_spans(console: Console) -> None:
    account = Instance.objects.get(pk="local").account
    other = instances.create_instance(account, "second", now=NOON + timedelta(days=1), retention_days=15)
    page = console.open("/services")
    assert page.locator("tbody tr").count() > 0

    page.click("summary[title=Instance]")
    page.click(f"button[value={other.pk}]")
    page.wait_for_url(f"{console.url}/")
    console.open("/services")

    assert page.locator("tbody tr").count() == 0
    assert "second" in page.inner_text(".top")


def test_a_suspended_instance_says_why_on_every_page(console: Console) -> None:
    console.expected = ("403",)
    local = Instance.objects.get(pk="local")
    service_life.place_hold(local, Hold.MEASURE, "The term ended on 2026-11-01.", now=NOON)

    seen = [console.open(path).inner_text("main") for path in ("/", "/services", "/explore", "/keys")]

    assert all("The term ended on 2026-11-01." in text for text in seen)


def test_the_rail_folds_on_a_narrow_screen(console: Console) -> None:
    console.page.set_viewport_size({"width": 800, "height": 900})
    page = console.open("/explore?limit=20")
    hidden = page.is_visible(".rail a")

    page.click("[data-rail-open]")

    assert not hidden
    page.wait_for_selector(".rail a:visible")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_refreshing_changes_the_page_in_place(console: Console) -> None:
    page = console.open("/services")
    page.evaluate("window.same = true")
    console.reader.spans = [replace(span, service="newcomer") for span in console.reader.spans]

    page.click("[data-refresh]")
    page.wait_for_selector("tbody :text-is('newcomer')")

    assert page.evaluate("window.same")
    assert page.locator("tbody tr").count() == 1
    assert page.inner_text("tbody time, .title [data-range-start]").endswith("+08:00")


def test_a_refresh_that_fails_keeps_what_was_there(console: Console) -> None:
    console.expected = ("503",)
    page = console.open("/services")
    rows = page.locator("tbody tr").count()
    page.route("**/services", lambda route: route.fulfill(status=503))

    with page.expect_response("**/services"):
        page.keyboard.press("r")

    assert "could not be refreshed" in page.inner_text("[data-failed]")
    assert page.locator("tbody tr").count() == rows


def test_logging_out_ends_the_visit(console: Console) -> None:
    page = console.open("/")

    page.click("summary[aria-label=Person]")
    page.click("text=Log out")
    page.wait_for_url("**/login*")
    console.open("/services")

    assert "/login" in page.url


def test_somebody_not_logged_in_is_sent_to_log_in(console: Console) -> None:
    console.page.context.clear_cookies()

    page = console.open("/traces/abc1")

    assert "/login" in page.url
