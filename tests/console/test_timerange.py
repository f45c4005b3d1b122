"""The piece of time that an address names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.base.errors import Malformed
from spanhouse.console import timerange

NOW = 1_795_579_200 * 10**9
AT = 1_795_500_187 * 10**9  # 2026-11-24T06:03:07Z


def test_without_a_word_it_is_the_last_hour() -> None:
    chosen = timerange.parse({}, NOW)

    assert (chosen.range.start, chosen.range.end) == (NOW - 3600 * 10**9, NOW)
    assert chosen.query == ""


@pytest.mark.report("V40")
@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T06:03:07Z",
        "2026-11-24T14:03:07+08:00",
        "2026-11-24T14:03:07 08:00",
        "2026-11-24T11:48:07.000+05:45",
        "2026-11-24T06:03:07",
        "1795500187",
        "1795500187000",
        "1795500187000000",
        "1795500187000000000",
    ],
)
def test_one_moment_in_any_spelling(text: str) -> None:
    assert timerange.parse({"from": text, "to": "now"}, NOW).range.start == AT


@pytest.mark.report("V40")
def test_the_end_is_not_rounded_down() -> None:
    chosen = timerange.parse({"from": "2026-11-24T06:00:00Z", "to": "2026-11-24T06:03:07.123456Z"}, NOW)

    assert chosen.range.end == AT + 123_456_000


def test_an_absolute_range_reads_back_from_its_own_address() -> None:
    chosen = timerange.parse({"from": str(AT), "to": str(AT + 10**9)}, NOW)

    assert chosen.query == "from=2026-11-24T06%3A03%3A07Z&to=2026-11-24T06%3A03%3A08Z"


@pytest.mark.parametrize(
    "params",
    [
        {"range": "soon"},
        {"range": "0h"},
        {"range": "-1h"},
        {"from": "yesterday"},
        {"to": "2026-11-24T06:03:07Z"},
        {"from": "2026-11-24T06:03:07Z", "to": "2026-11-24T06:03:06Z"},
        {"from": "1969-12-31T23:59:59Z"},
        {"from": "9" * 40, "to": "1"},
    ],
)
def test_what_names_no_piece_of_time_is_refused(params: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        timerange.parse(params, NOW)


@given(st.dictionaries(st.sampled_from(["range", "from", "to"]), st.text(max_size=40)))
def test_any_text_is_a_range_or_refused(params: dict[str, str]) -> None:
    try:
        chosen = timerange.parse(params, NOW)
    except Malformed:
        return

    assert 0 <= chosen.range.start <= chosen.range.end


@given(st.integers(min_value=0, max_value=20 * 365 * 86_400))
def test_a_series_has_at_most_121_points_and_whole_minutes(seconds: int) -> None:
    chosen = timerange.parse({"from": str(AT - seconds * 10**9), "to": str(AT)}, NOW) if seconds < 1.7e9 else None
    if chosen is None:
        return

    assert chosen.step % timerange.MINUTE_NS == 0
    assert (chosen.range.end - chosen.range.start) / chosen.step <= 120
