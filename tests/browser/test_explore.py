"""Searching: form, TraceQL, list, scatter, links to share."""

from __future__ import annotations

import pytest
from django.conf import settings

from tests.browser.conftest import Console
from tests.kit.shop import Shop

ONE_MINUTE = 60_000_000_000


@pytest.fixture(autouse=True)
def a_shop(console: Console) -> None:
    console.reader.spans = Shop().traces(45, first_start=settings.CLOCK.now_ns() - 46 * ONE_MINUTE, every=ONE_MINUTE)


def durations(console: Console) -> list[int]:
    cells = console.page.locator(".results tbody td:nth-child(3)").all()
    return [int((cell.get_attribute("title") or "").replace(",", "").removesuffix(" ns")) for cell in cells]


def search(console: Console) -> None:
    with console.page.expect_response(lambda answer: "/explore" in answer.url):
        console.page.click("text=Run query")
    console.page.wait_for_selector("[data-mount=explore]:not([aria-busy])")


def test_the_form_narrows_what_is_found_and_the_address_says_so(console: Console) -> None:
    page = console.open("/explore")
    everything = page.locator(".results tbody tr").count()

    page.select_option("[name=service]", "bank")
    search(console)

    assert 0 < page.locator(".results tbody tr").count() < everything == 45
    assert "service=bank" in page.url


def test_a_link_to_a_search_shows_the_same_form_and_results(console: Console) -> None:
    page = console.open("/explore?service=payment&status=error&min=1ms&order=slowest&limit=20&tags=retry%3Dfalse")

    assert page.input_value("[name=service]") == "payment"
    assert page.input_value("[name=order]") == "slowest"
    assert page.input_value("[name=limit]") == "20"
    assert page.input_value("[name=tags]") == "retry=false"
    assert durations(console) == sorted(durations(console), reverse=True)
    assert len(durations(console)) > 0


def test_slowest_first_orders_the_whole_range(console: Console) -> None:
    page = console.open("/explore")
    with page.expect_response(lambda answer: "order=slowest" in answer.url):
        page.select_option("[name=order]", "slowest")
    page.wait_for_selector("[data-mount=explore]:not([aria-busy])")

    assert durations(console) == sorted(durations(console), reverse=True)


def test_traceql_finds_and_its_errors_show_where(console: Console) -> None:
    page = console.open("/explore")
    page.fill("[name=q]", '{ resource.service.name = "bank" && status = error }')
    search(console)
    found = page.locator(".results tbody tr").count()

    page.fill("[name=q]", "{ duration > }")
    search(console)

    assert found > 0
    assert page.inner_text(".query-error").startswith("Line 1, column 14:")
    assert page.inner_text(".query-error mark") == "}"
    assert page.get_attribute("[name=q]", "aria-invalid") is not None


def test_enter_runs_the_query_and_shift_enter_breaks_the_line(console: Console) -> None:
    page = console.open("/explore")
    page.fill("[name=q]", "{ status =")

    page.press("[name=q]", "Shift+Enter")
    page.keyboard.type("error }")
    page.press("[name=q]", "Enter")
    page.wait_for_url("**/explore?q=*")

    assert page.input_value("[name=q]") == "{ status =\nerror }"


def test_a_query_error_is_said_in_chinese(console: Console) -> None:
    console.page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": console.url}])

    page = console.open("/explore?q=%7B+duration+%3E+%7D")

    said = page.inner_text(".query-error")
    assert "意外的 '}'" in said
    assert "expected" not in said


def test_the_start_time_is_on_view_on_a_narrow_screen(console: Console) -> None:
    console.page.set_viewport_size({"width": 800, "height": 900})

    page = console.open("/explore")

    box = page.locator(".results tbody time").first.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 800


def test_a_duration_without_a_unit_is_refused_beside_the_form(console: Console) -> None:
    page = console.open("/explore?min=100")

    assert "Minimum duration is not a duration such as 100ms" in page.inner_text(".query-error")


def test_no_match_says_what_to_try(console: Console) -> None:
    page = console.open("/explore?operation=nothing+has+this+name")

    assert "No traces match" in page.inner_text(".empty")
    assert "operation=nothing" in (page.get_attribute(".empty [data-preset='7d']", "href") or "")


def test_operations_are_offered_for_the_chosen_service(console: Console) -> None:
    page = console.open("/explore")
    with page.expect_response("**/operations.json*"):
        page.select_option("[name=service]", "fraud")
    page.locator("#operations option").nth(1).wait_for(state="attached")

    offered = page.eval_on_selector_all("#operations option", "options => options.map(o => o.value)")

    assert sorted(offered) == ["SELECT features", "score"]


def test_a_click_on_a_dot_opens_its_trace(console: Console) -> None:
    page = console.open("/explore")
    canvas = page.locator("[data-scatter] canvas")
    box = canvas.bounding_box()
    assert box
    points = page.evaluate("JSON.parse(document.getElementById('scatter-points').textContent)")

    _aim(console, box, points[0])
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("html[data-ready] .trace")

    assert page.url.startswith(console.url + points[0]["url"].split("?")[0])


def _aim(console: Console, box: dict, point: dict) -> None:  # type: ignore[type-arg]
    """Moves along the column of the point's time until the page says that the point is under the pointer."""
    page = console.page
    start, end = (float(page.get_attribute("[data-scatter]", f"data-{name}") or 0) for name in ("from", "to"))
    x = box["x"] + 64 + (point["at"] - start) / (end - start) * (box["width"] - 76)
    for y in range(10, 156, 3):
        page.mouse.move(x, box["y"] + y)
        if point["name"] in (page.get_attribute("[data-scatter]", "title") or ""):
            return
    raise AssertionError("the dot was not found")


def test_dragging_over_the_scatter_narrows_the_range(console: Console) -> None:
    page = console.open("/explore")
    box = page.locator("[data-scatter] canvas").bounding_box()
    assert box

    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url("**/explore?from=*")

    assert 0 < page.locator(".results tbody tr").count() < 45


def test_what_was_found_stays_while_a_query_fails(console: Console) -> None:
    console.expected = ("503",)
    page = console.open("/explore")
    page.route("**/explore?*service=bank*", lambda route: route.fulfill(status=503, body="the span store is starting"))

    page.select_option("[name=service]", "bank")
    search(console)

    assert "the span store is starting" in page.inner_text("[data-failed]")
    assert page.locator(".results tbody tr").count() == 45


@pytest.mark.report("V26")
def test_a_value_with_an_equals_sign_is_one_value(console: Console) -> None:
    from dataclasses import replace

    spans = console.reader.spans
    spans[0] = replace(spans[0], attributes={"http.url": "http://h/c?customer=567"})

    page = console.open("/explore?tags=http.url%3Dhttp%3A%2F%2Fh%2Fc%3Fcustomer%3D567")

    assert page.locator(".results tbody tr").count() == 1


def test_a_metric_is_drawn_and_its_series_are_listed(console: Console) -> None:
    page = console.open("/explore?range=1h")
    page.fill("[name=q]", "{ } | count_over_time() by (resource.service.name)")
    search(console)

    page.wait_for_selector("[data-chart=measures] canvas")
    services = {span.service for span in console.reader.spans}
    listed = page.locator(".results tbody td:first-child").all_inner_texts()
    assert {f"resource.service.name = {service}" for service in services} == set(listed)
    assert page.locator("[data-legend=measures] span").count() == len(services)


def test_a_metric_that_no_span_counts_for_says_so(console: Console) -> None:
    page = console.open('/explore?q={ name = "nothing" } | max_over_time(duration)')

    assert "No span counts for this metric" in page.inner_text("[data-results]")
