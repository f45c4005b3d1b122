"""What a person does with one trace."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from spanhouse.tracing.spans.model import Span, StatusCode
from tests.browser.conftest import Console
from tests.kit.shop import PLANS, Shop

ONE_MINUTE = 60_000_000_000


def checkout(console: Console, seed: int = 3) -> list[Span]:
    """One checkout of 14 spans in which something failed."""
    spans: list[Span] = []
    shop = Shop(seed)
    while not any(span.is_error for span in spans):
        spans = shop.trace(PLANS[0], settings.CLOCK.now_ns() - ONE_MINUTE)
    console.reader.spans = spans
    return spans


def focus(console: Console) -> None:
    console.page.locator("[data-scroller]").focus()


def test_opening_a_trace_shows_its_root_and_all_rows(console: Console) -> None:
    spans = checkout(console)

    page = console.open_trace(spans[0].trace_id)

    assert "POST /checkout" in page.inner_text("h1")
    assert console.rows() == len(spans)


def test_collapsing_and_expanding_by_keys(console: Console) -> None:
    spans = checkout(console)
    page = console.open_trace(spans[0].trace_id)
    focus(console)

    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    collapsed = console.rows()
    page.keyboard.press("ArrowRight")

    assert collapsed == 1
    assert console.rows() == len(spans)


@pytest.mark.parametrize("linked", [False, True])
def test_the_keys_work_at_once(console: Console, linked: bool) -> None:
    spans = checkout(console)
    page = console.open_trace(spans[0].trace_id, f"?span={spans[3].span_id.hex()}" if linked else "")

    page.keyboard.press("End")
    page.keyboard.press("Home")

    assert "POST /checkout" in console.said()
    assert f"span={spans[0].span_id.hex()}" in page.url


def test_collapse_all_leaves_the_root_and_expand_all_brings_everything_back(console: Console) -> None:
    spans = checkout(console)
    page = console.open_trace(spans[0].trace_id)

    page.click("[data-collapse]")
    collapsed = console.rows()
    page.click("[data-expand]")

    assert (collapsed, console.rows()) == (1, len(spans))


def test_a_click_on_the_twisty_folds_and_a_click_on_the_name_opens_the_drawer(console: Console) -> None:
    spans = checkout(console)
    page = console.open_trace(spans[0].trace_id)
    box = page.locator("[data-scroller]").bounding_box()
    assert box

    page.mouse.click(box["x"] + 14, box["y"] + 24 + 12)
    folded = console.rows()
    page.mouse.click(box["x"] + 80, box["y"] + 24 + 12)

    assert folded == 1
    assert page.inner_text("[data-drawer] h2") == "POST /checkout"


def test_the_drawer_shows_attributes_resource_exception_and_ids(console: Console) -> None:
    spans = checkout(console)
    failed = next(span for span in spans if span.is_error and span.events)

    page = console.open_trace(spans[0].trace_id, f"?span={failed.span_id.hex()}")
    page.wait_for_selector("[data-drawer] .exception")
    drawer = page.inner_text("[data-drawer]")

    assert "shop.payment.CardDeclined: insufficient funds" in drawer
    assert "raise CardDeclined(answer.reason)" in drawer
    assert "host.name" in drawer
    assert failed.span_id.hex() in drawer


def test_an_attribute_is_copied_exactly(console: Console) -> None:
    spans = checkout(console)
    page = console.open_trace(spans[0].trace_id, f"?span={spans[0].span_id.hex()}")
    row = page.locator("[data-drawer] dt", has_text="url.path").locator("+ dd")

    row.hover()
    row.locator("button.copy").click()

    assert page.evaluate("navigator.clipboard.readText()") == "/checkout"


def test_a_link_leads_to_the_other_trace(console: Console) -> None:
    spans = checkout(console)
    linking = next(span for span in spans if span.links)
    page = console.open_trace(spans[0].trace_id, f"?span={linking.span_id.hex()}")

    address = page.get_attribute("[data-drawer] .event-head a", "href")

    link = linking.links[0]
    assert address == f"/traces/{link.trace_id.hex()}?span={link.span_id.hex()}"


def test_finding_inside_the_trace_steps_through_matches_and_opens_what_hides_them(console: Console) -> None:
    spans = checkout(console)
    page = console.open_trace(spans[0].trace_id)
    page.click("[data-collapse]")

    page.fill("[data-find]", "order")
    page.keyboard.press("Enter")
    first = console.said()
    page.keyboard.press("Enter")

    assert first.startswith("POST /api/orders") or first.startswith("create order")
    assert console.said() != first
    assert page.inner_text("[data-find-count]").startswith("2 / ")


def test_errors_only_keeps_failing_spans_and_those_above_them(console: Console) -> None:
    spans = checkout(console)
    page = console.open_trace(spans[0].trace_id)

    page.check("[data-errors-only]")

    by_id = {span.span_id: span for span in spans}
    kept: set[bytes] = set()
    for span in spans:
        while span.is_error or span.span_id in kept:
            kept.add(span.span_id)
            if span.parent_span_id not in by_id:
                break
            span = by_id[span.parent_span_id]
            kept.add(span.span_id)
    assert console.rows() == len(kept) < len(spans)


def test_the_address_leads_back_to_the_span_the_search_and_the_filter(console: Console) -> None:
    spans = checkout(console)
    failed = next(span for span in spans if span.is_error)
    page = console.open_trace(spans[0].trace_id, f"?span={failed.span_id.hex()}")
    page.fill("[data-find]", "bank")
    page.check("[data-errors-only]")

    page.goto(page.url)
    page.wait_for_selector("html[data-ready] .trace")

    assert page.input_value("[data-find]") == "bank"
    assert page.is_checked("[data-errors-only]")
    assert console.said().startswith(failed.name)


def test_dragging_over_the_minimap_shows_that_piece_of_time(console: Console) -> None:
    spans = checkout(console)
    page = console.open_trace(spans[0].trace_id)
    box = page.locator("[data-minimap]").bounding_box()
    assert box

    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20, steps=4)
    page.mouse.up()

    start, end = map(float, (page.get_attribute("[data-waterfall]", "data-view") or "").split())
    length = max(span.end_time for span in spans) - spans[0].start_time
    assert start == pytest.approx(length * 0.25, rel=0.05)
    assert end == pytest.approx(length * 0.5, rel=0.05)


def test_the_name_column_is_made_wider_by_keys_and_stays_so(console: Console) -> None:
    spans = checkout(console)
    page = console.open_trace(spans[0].trace_id)
    before = int(page.get_attribute("[data-splitter]", "aria-valuenow") or 0)

    page.locator("[data-splitter]").focus()
    page.keyboard.press("ArrowRight")
    console.open_trace(spans[0].trace_id)

    assert int(page.get_attribute("[data-splitter]", "aria-valuenow") or 0) == before + 16


def test_the_span_list_has_every_span_as_a_table(console: Console) -> None:
    spans = checkout(console)

    page = console.open(f"/traces/{spans[0].trace_id.hex()}?view=list")

    assert page.locator("tbody tr").count() == len(spans)
    assert spans[-1].name in page.inner_text("tbody")


def test_the_trace_downloads_as_otlp(console: Console, tmp_path: Path) -> None:
    spans = checkout(console)
    page = console.open_trace(spans[0].trace_id)

    with page.expect_download() as download:
        page.click("text=Download OTLP")
    download.value.save_as(tmp_path / "trace.json")

    sent = json.loads((tmp_path / "trace.json").read_text())
    ids = {s["spanId"] for r in sent["resourceSpans"] for scope in r["scopeSpans"] for s in scope["spans"]}
    assert ids == {span.span_id.hex() for span in spans}


@pytest.mark.report("V22")
def test_absurd_times_do_not_squeeze_the_others(console: Console) -> None:
    spans = checkout(console)
    length = max(span.end_time for span in spans) - spans[0].start_time
    console.reader.spans = [
        *spans[:-2],
        replace(spans[-2], start_time=0, end_time=0),
        replace(spans[-1], start_time=2**63, end_time=2**63 + 1),
    ]

    page = console.open_trace(spans[0].trace_id)

    columns = page.evaluate(
        "async () => (await (await fetch(document.querySelector('.trace').dataset.payload)).json())"
    )
    assert columns["duration"] == pytest.approx(length, rel=0.2)
    assert "2 spans have times far from their receipt" in page.inner_text(".trace-head")


@pytest.mark.report("V17")
def test_a_circle_of_parents_is_drawn_once_with_a_notice(console: Console) -> None:
    one, two = checkout(console)[:2]
    console.reader.spans = [
        replace(one, parent_span_id=two.span_id),
        replace(two, parent_span_id=one.span_id),
    ]

    page = console.open_trace(one.trace_id)

    assert console.rows() == 2
    assert "the circle is cut" in page.inner_text(".trace-head")


@pytest.mark.report("V06")
def test_a_missing_parent_and_several_roots_are_said(console: Console) -> None:
    spans = checkout(console)
    console.reader.spans = [
        *spans,
        replace(spans[1], span_id=b"\x01" * 8, parent_span_id=b"\x99" * 8),
        replace(spans[1], span_id=b"\x02" * 8, parent_span_id=b""),
    ]

    notices = console.open_trace(spans[0].trace_id).inner_text(".trace-head")

    assert "1 span names a parent that has not arrived" in notices
    assert "The trace has 2 roots" in notices


@pytest.mark.report("V15")
def test_two_spans_with_one_id_open_their_own_details(console: Console) -> None:
    root = checkout(console)[0]
    twins = [
        replace(root, span_id=b"\x05" * 8, parent_span_id=root.span_id, status_message=text, attributes={"which": text})
        for text in ("first", "second")
    ]
    console.reader.spans = [root, *(replace(twin, status_code=int(StatusCode.ERROR)) for twin in twins)]
    page = console.open_trace(root.trace_id)
    focus(console)

    shown = []
    for key in ("ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
        page.wait_for_selector("[data-drawer] .attributes")
        page.wait_for_load_state("networkidle")
        shown.append(page.inner_text("[data-drawer] .raised-error") if page.query_selector(".raised-error") else "")

    assert sorted(shown[1:]) == ["first", "second"]


@pytest.mark.report("V16")
def test_an_unknown_trace_says_so(console: Console) -> None:
    console.expected = ("404",)

    page = console.open("/traces/ABC1")

    assert page.url.endswith("/traces/0000000000000000000000000000abc1")
    assert "Trace not found" in page.inner_text("main")
