"""Query parameters of the APIs: read, bounded, refused with their name when they make no sense."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from django.http import HttpRequest

from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.scope import ALL_TIME, TimeRange
from spanhouse.tracing.search.find import parse_duration_text

_TIME_DIGITS_MAX: Final = 30
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+ -])(\d\d):(\d\d))", re.ASCII
)


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


def rfc3339(text: str) -> int | None:
    """ns since 1970, negative before; None where it is no such time, or has no offset. Digits past the ns are dropped.

    Some clients send the `+` of an offset as it is, and it arrives as a blank.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[number]) for number in range(1, 7))
    ahead_hours, ahead_minutes = int(found[9] or 0), int(found[10] or 0)
    try:
        written = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
    if second > 60 or ahead_hours > 23 or ahead_minutes > 59:
        return None
    ahead = (ahead_hours * 60 + ahead_minutes) * (-1 if found[8] == "-" else 1)
    seconds = calendar.timegm(written.timetuple()) + second - ahead * 60
    return seconds * NANOS_PER_SECOND + int((found[7] or "").ljust(9, "0"))


def accepts_protobuf(request: HttpRequest) -> bool:
    accept = request.headers.get("Accept", "").lower()
    return "application/protobuf" in accept or "application/x-protobuf" in accept
