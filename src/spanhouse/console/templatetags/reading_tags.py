"""Filters and tags of the pages: numbers in the reader's language, moments, colours of services."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from spanhouse.base.clock import to_datetime
from spanhouse.console import reading

register = template.Library()

_DATETIME_NS_MAX = 253_402_300_799 * 1_000_000_000
"""The end of year 9999: datetimes end there, span times do not."""


def _chinese() -> bool:
    return (get_language() or "").startswith("zh")


_FRACTION = SafeString(" data-fraction")


@register.filter
def duration(ns: float | None) -> str:
    return "–" if ns is None else reading.duration(ns, chinese=_chinese())


@register.filter
def count(value: float | None) -> str:
    return "–" if value is None else reading.count(value, chinese=_chinese())


@register.filter
def exact(value: float | None) -> str:
    return "" if value is None else reading.exact(round(value))


@register.filter
def rate(per_second: float | None) -> str:
    return "–" if per_second is None else reading.rate(per_second, chinese=_chinese())


@register.filter
def figure(value: float | None) -> str:
    return "–" if value is None else reading.figure(value)


@register.filter
def percent(share: float | None) -> str:
    return "–" if share is None else reading.percent(share)


@register.filter
def hue(service: str) -> int:
    return reading.hue(service)


@register.simple_tag
def moment(at: int | datetime | None, fraction: bool = False) -> str | SafeString:
    """A time as `<time>`, in UTC; scripts turn it into the reader's zone. `at` is ns since the epoch or a datetime."""
    if at is None:
        return "–"
    if isinstance(at, int):
        if at > _DATETIME_NS_MAX:
            return f"{at} ns"
        at = to_datetime(at)
    shown = at.strftime("%Y-%m-%d %H:%M:%S")
    return format_html('<time datetime="{}"{}>{} UTC</time>', at.isoformat(), _FRACTION if fraction else "", shown)


@register.inclusion_tag("console/part/service.html")
def service(name: str) -> dict[str, object]:
    """A service's name with its colour beside it."""
    return {"name": name, "hue": reading.hue(name)}
