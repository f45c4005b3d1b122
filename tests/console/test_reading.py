"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.console import reading


@pytest.mark.parametrize(
    ("ns", "english", "chinese"),
    [
        (0, "0 ns", "0 ns"),
        (850, "850 ns", "850 ns"),
        (999.6, "1.00 µs", "1.00 µs"),
        (12_400, "12.4 µs", "12.4 µs"),
        (3_070_000, "3.07 ms", "3.07 ms"),
        (999_600_000, "1.00 s", "1.00 s"),
        (1_250_000_000, "1.25 s", "1.25 s"),
        (59_960_000_000, "1 m 00 s", "1 分 0 秒"),
        (125_000_000_000, "2 m 05 s", "2 分 5 秒"),
        (3_599_600_000_000, "1 h 00 m", "1 小时 0 分"),
        (90_000_000_000_000, "1 d 01 h", "1 天 1 小时"),
        (-3_070_000, "−3.07 ms", "−3.07 ms"),
    ],
)
def test_durations_have_three_digits_and_the_unit_that_fits(ns: float, english: str, chinese: str) -> None:
    assert reading.duration(ns) == english
    assert reading.duration(ns, chinese=True) == chinese


@pytest.mark.parametrize(
    ("value", "english", "chinese"),
    [
        (999, "999", "999"),
        (1_200, "1.2 k", "1,200"),
        (9_999, "10 k", "9,999"),
        (12_345, "12.3 k", "1.2 万"),
        (3_400_000, "3.4 M", "340 万"),
        (123_456_789, "123 M", "1.2 亿"),
    ],
)
def test_counts_shorten_as_each_language_does(value: int, english: str, chinese: str) -> None:
    assert reading.count(value) == english
    assert reading.count(value, chinese=True) == chinese


@pytest.mark.parametrize(("value", "text"), [(0, "0/s"), (0.001, "<0.01/s"), (0.46, "0.46/s"), (1_610, "1.61 k/s")])
def test_rates(value: float, text: str) -> None:
    assert reading.rate(value) == text


@pytest.mark.parametrize(("share", "text"), [(0, "0%"), (0.00001, "<0.01%"), (0.0676, "6.76%"), (1, "100%")])
def test_shares(share: float, text: str) -> None:
    assert reading.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.75949, "0.7595"),
        (12, "12"),
        (-2.5, "−2.5"),
        (999.96, "1,000"),
        (1_234_567.8, "1,234,568"),
        (1e-7, "1e-7"),
    ],
)
def test_figures_without_a_unit(value: float, text: str) -> None:
    assert reading.figure(value) == text


@given(st.integers(min_value=1, max_value=10**17))
def test_a_duration_never_shows_more_than_three_digits_below_a_minute(ns: int) -> None:
    number, unit = reading.duration(ns).split(" ")[:2]

    if unit in ("ns", "µs", "ms", "s"):
        assert len(number.replace(".", "")) <= 3


@given(st.text())
def test_any_name_has_one_of_twelve_hues(name: str) -> None:
    assert 0 <= reading.hue(name) < 12
