"""Numbers as people read them: three significant digits and the unit that fits. Durations are ns.

static/console/js/format.js follows the same rules; tests/browser hold the two together.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

_SMALL = ((1e3, "µs", 999.5), (1e6, "ms", 999.5), (1e9, "s", 59.95))
_LARGE = (
    (86_400, 3_600, ("d", "h"), ("天", "小时")),
    (3_600, 60, ("h", "m"), ("小时", "分")),
    (60, 1, ("m", "s"), ("分", "秒")),
)
_HUES = 12
_GROUPED_MAX = 1e15
_PLAIN_MIN = 1e-4


def three_digits(value: float) -> str:
    """A positive number with three significant digits, zeros kept."""
    places = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return _rounded(value, places)


def duration(ns: float, *, chinese: bool = False) -> str:
    """`850 ns`, `12.4 µs`, `3.07 ms`, `1.25 s`, `2 m 05 s`; words in Chinese from a minute up."""
    if ns < 0:
        return f"−{duration(-ns, chinese=chinese)}"
    if ns < 999.5:
        return f"{_rounded(ns, 0)} ns"
    for unit, name, limit in _SMALL:
        if ns / unit < limit:
            return f"{three_digits(ns / unit)} {name}"
    return _long_duration(ns / 1e9, chinese)


def _long_duration(seconds: float, chinese: bool) -> str:
    for large, small, english_names, chinese_names in _LARGE:
        smalls = int(_rounded(seconds / small, 0))
        if smalls * small < large:
            continue
        whole, rest = smalls * small // large, smalls % (large // small)
        if chinese:
            return f"{whole} {chinese_names[0]} {rest} {chinese_names[1]}"
        return f"{whole} {english_names[0]} {rest:02d} {english_names[1]}"
    return f"{three_digits(seconds)} s"


def exact(value: int) -> str:
    return f"{value:,}"


def count(value: float, *, chinese: bool = False) -> str:
    """`999`, `1.2 k`, `3.4 M`; in Chinese plain below ten thousand, then 万 and 亿."""
    if chinese:
        if value < 1e4:
            return exact(int(_rounded(value, 0)))
        unit, name = (1e4, "万") if value < 99_995_000 else (1e8, "亿")
        return f"{_trimmed(_rounded(value / unit, 1))} {name}"
    if value < 999.5:
        return _rounded(value, 0)
    for unit, name in ((1e3, "k"), (1e6, "M")):
        if value / unit < 999.5:
            return f"{_trimmed(three_digits(value / unit))} {name}"
    return f"{_trimmed(three_digits(value / 1e9))} B"


def rate(per_second: float, *, chinese: bool = False) -> str:
    text = count(per_second, chinese=chinese) if per_second >= 999.5 else _trimmed(three_digits(per_second))
    if text == "0" and per_second > 0:
        text = "<0.01"
    return f"{text} 次/秒" if chinese else f"{text}/s"


def figure(value: float) -> str:
    """A number without a unit: four significant digits, whole and grouped from a thousand up."""
    size, sign = abs(value), "−" if value < 0 else ""
    if size >= 999.95:
        return sign + exact(int(_rounded(size, 0))) if size < _GROUPED_MAX else sign + _scientific(size)
    if size < _PLAIN_MIN:
        return sign + _scientific(size) if size else "0"
    return sign + _trimmed(_rounded(size, 3 - math.floor(math.log10(size))))


def _scientific(size: float) -> str:
    mantissa, exponent = f"{size:.2e}".split("e")
    return f"{_trimmed(mantissa)}e{int(exponent)}"


def percent(share: float) -> str:
    """A share of 1 as `1.23%`."""
    value = share * 100
    if 0 < value < 0.005:
        return "<0.01%"
    return f"{_trimmed(three_digits(value))}%"


def hue(service: str) -> int:
    """Which of the 12 hues a service has: FNV-1a over UTF-8, the same on every page and in every script."""
    digest = 0x811C9DC5
    for byte in service.encode("utf-8", "surrogatepass"):
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return digest % _HUES


def _rounded(value: float, places: int) -> str:
    """Half up, as browsers round."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
