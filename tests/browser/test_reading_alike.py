"""Numbers read alike in templates and in scripts."""

from __future__ import annotations

import pytest

from spanhouse.console import reading
from tests.browser.conftest import Console

DURATIONS = [
    *(0, 1, 850, 999, 999.4, 999.6, 1000, 9_994, 9_995, 12_400, 999_499, 999_500, 3_070_000, 1.25e9, 59.94e9, 59.96e9),
    *(125e9, 3_599.4e9, 3_599.6e9, 3_601e9, 86_399e9, 90_000e9, -12_400),
]
COUNTS = [
    0,
    1,
    999,
    1000,
    1200,
    1234,
    9_999,
    10_000,
    12_345,
    999_499,
    999_500,
    1_234_567,
    99_994_000,
    123_456_789,
    1.2e10,
]
RATES = [0, 0.001, 0.0049, 0.01, 0.46, 3.07, 12.34, 120, 999.4, 1200, 123_456]
FIGURES = [
    0,
    1,
    -2.5,
    0.00001234,
    0.0001,
    0.12345,
    0.99996,
    3.14159,
    99.995,
    999.94,
    999.96,
    1234.5,
    1.5e9,
    2e15,
    -1e-7,
]
SHARES = [0, 0.00001, 0.0123, 0.0676, 0.5, 0.995, 1]
NAMES = ["web-shop", "订单服务", "🛒 cart", "", "a%2Fb"]


@pytest.mark.parametrize("chinese", [False, True])
def test_scripts_and_templates_agree(console: Console, chinese: bool) -> None:
    page = console.open("/keys")
    read = page.evaluate(
        """async ({values, lang}) => {
            document.documentElement.lang = lang;
            const at = document.querySelector('script[type=module]').src;
            const format = await import(new URL('format.js', at).href);
            const palette = await import(new URL('palette.js', at).href);
            const all = {...format, hueOf: palette.hueOf};
            const read = ([name, list]) => [name, list.map(value => all[name](value))];
            return Object.fromEntries(Object.entries(values).map(read));
        }""",
        {
            "lang": "zh-CN" if chinese else "en",
            "values": {
                "duration": DURATIONS,
                "count": COUNTS,
                "rate": RATES,
                "percent": SHARES,
                "figure": FIGURES,
                "hueOf": NAMES,
            },
        },
    )

    assert read["duration"] == [reading.duration(value, chinese=chinese) for value in DURATIONS]
    assert read["count"] == [reading.count(value, chinese=chinese) for value in COUNTS]
    assert read["rate"] == [reading.rate(value, chinese=chinese) for value in RATES]
    assert read["percent"] == [reading.percent(value) for value in SHARES]
    assert read["figure"] == [reading.figure(value) for value in FIGURES]
    assert read["hueOf"] == [reading.hue(name) for name in NAMES]
