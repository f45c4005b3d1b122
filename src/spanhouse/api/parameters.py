"""Query parameters of the APIs: read, bounded, refused with their name when they make no sense."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from django.http import HttpRequest

from spanhouse.base import limits
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.search.find import parse_duration_text

ALL_TIME: Final = TimeRange(0, 2**64 - 1)
_TIME_DIGITS_MAX: Final = 30


def whole_number(parameters: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = parameters.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20) or not least <= int(text) <= most:
        raise Malformed(f"{name} is a whole number from {least} to {most}, not {text[:40]!r}")
    return int(text)


def search_limit(parameters: Mapping[str, str], default: int = limits.SEARCH_LIMIT_DEFAULT) -> int:
    return whole_number(parameters, "limit", default, 1, limits.SEARCH_LIMIT_MAX)


def duration(parameters: Mapping[str, str], name: str) -> int | None:
    """ns of a Go duration"""
    return parse_duration_text(parameters.get(name, ""), name)


def time_range(parameters: Mapping[str, str], unit_ns: int) -> TimeRange:
    """From `start` to `end`, given in units of `unit_ns`; both included, the last unit whole. Absent: no bound."""
    start = _moment(parameters, "start", unit_ns)
    end = _moment(parameters, "end", unit_ns)
    first = ALL_TIME.start if start is None else int(start)
    last = ALL_TIME.end if end is None else int(end) + (unit_ns - 1 if end == int(end) and end % unit_ns == 0 else 0)
    if first > last:
        raise Malformed("end lies before start")
    return TimeRange(min(first, ALL_TIME.end), min(last, ALL_TIME.end))


def _moment(parameters: Mapping[str, str], name: str, unit_ns: int) -> Decimal | None:
    """ns; None when absent or 0, which clients send for it."""
    text = parameters.get(name, "").strip()
    if not text:
        return None
    try:
        value = Decimal(text) if len(text) <= _TIME_DIGITS_MAX else Decimal("NaN")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value * unit_ns <= ALL_TIME.end:
        raise Malformed(f"{name} is a time since 1970 in {'s' if unit_ns == 10**9 else 'µs'}, not {text[:40]!r}")
    return value * unit_ns or None


def accepts_protobuf(request: HttpRequest) -> bool:
    accept = request.headers.get("Accept", "").lower()
    return "application/protobuf" in accept or "application/x-protobuf" in accept
