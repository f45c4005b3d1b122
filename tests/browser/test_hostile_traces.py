"""Names that are code, traces that are deep or huge, hours that come twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.conf import settings

from tests.browser.conftest import Console
from tests.kit.shop import PLANS, Shop, chain, flat

ONE_MINUTE = 60_000_000_000
STEP_MS_MAX = 1_500
"""Generous: two cores, a software renderer, other tests beside it. A page that hangs takes far longer."""

NAMES = [
    "your/app/name",
    "订单服务",
    "🛒 cart",
    "a%2Fb",
    "..",
    '<img src=x onerror="window.hit=1">',
    "{{ 7 }}",
    "x" * 300,
]


@pytest.mark.report("V28")
@pytest.mark.parametrize("name", NAMES)
def test_any_service_name_is_shown_as_it_is_and_leads_to_its_page(console: Console, name: str) -> None:
    span = Shop().trace(PLANS[2], settings.CLOCK.now_ns() - ONE_MINUTE)[0]
    console.reader.spans = [replace(span, service=name, name=name)]

    page = console.open("/services")
    page.click("tbody td a >> nth=0")
    page.wait_for_url("**/service?name=*")

    assert page.text_content("h1 .service span") == name
    page.click("tbody a >> nth=0")
    page.wait_for_url("**/explore?*")
    assert page.input_value("[name=service]") == name
    assert page.input_value("[name=operation]") == name
    assert page.locator(".results tbody tr").count() == 1
    assert page.evaluate("window.hit") is None


@pytest.mark.report("V28")
def test_names_and_values_that_are_code_do_nothing_on_the_trace_page(console: Console) -> None:
    code = '<img src=x onerror="window.hit=1"></script><script>window.hit=1</script>'
    span = Shop().trace(PLANS[2], settings.CLOCK.now_ns() - ONE_MINUTE)[0]
    event = replace(chain(1, 0)[0], name=code)
    console.reader.spans = [replace(span, service=code, name=event.name, attributes={code: code}, status_message=code)]

    page = console.open_trace(span.trace_id, f"?span={span.span_id.hex()}")
    page.wait_for_selector("[data-drawer] .attributes")

    assert page.text_content("[data-drawer] h2") == code
    assert page.evaluate("window.hit") is None


@pytest.mark.report("V21")
def test_a_chain_of_15_000_spans_opens_folds_and_jumps_to_its_end(console: Console) -> None:
    console.reader.spans = chain(15_000, settings.CLOCK.now_ns() - ONE_MINUTE)

    page = console.open_trace(console.reader.spans[0].trace_id)
    page.locator("[data-scroller]").focus()
    took = _timed(console, "End")
    page.click("[data-collapse]")

    assert "n14999" in console.said()
    assert took < STEP_MS_MAX
    assert console.rows() == 1


@pytest.mark.report("V21")
def test_a_flat_trace_of_100_000_spans_stays_quick(console: Console) -> None:
    console.page.context.set_default_timeout(60_000)
    console.reader.spans = flat(100_000, settings.CLOCK.now_ns() - ONE_MINUTE)

    page = console.open_trace(console.reader.spans[0].trace_id)
    page.locator("[data-scroller]").focus()
    steps = [_timed(console, key) for key in ("End", "Home", "PageDown", "ArrowDown")]
    page.fill("[data-find]", "item 39")
    found = _timed(console, "Enter")

    assert console.rows() == 100_001
    assert max(*steps, found) < STEP_MS_MAX
    assert page.inner_text("[data-find-count]").endswith("/ 2,500")


def _timed(console: Console, key: str) -> float:
    """ms from a key until the frame after it is drawn."""
    console.page.evaluate(
        """() => { window.drawn = new Promise(done => addEventListener('keydown', () => {
            const start = performance.now();
            requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
        }, {once: true, capture: true})) }"""
    )
    console.page.keyboard.press(key)
    return float(console.page.evaluate("window.drawn"))


class TestTheHourThatComesTwice:
    @pytest.fixture
    def context_options(self) -> dict[str, object]:
        return {"viewport": {"width": 1440, "height": 900}, "timezone_id": "America/New_York", "locale": "en-US"}

    @pytest.mark.report("V40")
    def test_both_are_told_apart_by_their_offset(self, console: Console) -> None:
        first = 1_793_511_000 * 10**9  # 2026-11-01T05:30:00Z, 01:30 -04:00; an hour later it is 01:30 -05:00
        console.reader.spans = [
            *Shop(1).trace(PLANS[1], first),
            *Shop(2).trace(PLANS[1], first + 3600 * 10**9),
        ]

        page = console.open("/explore?from=2026-11-01T05:00:00Z&to=2026-11-01T07:00:00Z")
        shown = page.locator(".results tbody time").all_inner_texts()

        assert shown == ["2026-11-01 01:30:00.000 -05:00", "2026-11-01 01:30:00.000 -04:00"]
