"""Parameters as Jaeger's APIs have them: Go's durations and booleans, times in RFC 3339 to the ns."""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Mapping
from typing import Final

from spanhouse.api import parameters
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import Malformed

_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
_FALSE: Final = ("", "0", "f", "F", "FALSE", "false", "False")
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+ -])(\d\d):(\d\d))", re.ASCII
)
_LATEST: Final = 2**64 - 1


def duration(sent: Mapping[str, str], name: str) -> int | None:
    """ns of a Go duration, which may be a bare 0; None when absent."""
    return 0 if sent.get(name, "").strip() == "0" else parameters.duration(sent, name)


def flag(sent: Mapping[str, str], name: str) -> bool:
    text = sent.get(name, "").strip()
    if text not in (*_TRUE, *_FALSE):
        raise Malformed(f"{name} is true or false, not {text[:40]!r}")
    return text in _TRUE


def moment(sent: Mapping[str, str], name: str) -> int | None:
    """ns since the epoch of a time in RFC 3339; None when absent. Times before 1970 are 1970."""
    text = sent.get(name, "").strip()
    if not text:
        return None
    at = _nanos(text)
    if at is None:
        raise Malformed(f"{name} is a time such as 2026-01-31T12:00:00.5Z, not {text[:40]!r}")
    return min(max(at, 0), _LATEST)


def tags(text: str, name: str) -> list[tuple[str, str]]:
    """The pairs of a JSON object of strings."""
    if not text.strip():
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Malformed(f'{name} is a JSON object of strings such as {{"http.status_code":"200"}}')
    return list(found.items())


def _nanos(text: str) -> int | None:
    """Some clients send the `+` of a zone's offset as it is, and it arrives as a blank."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[number]) for number in range(1, 7))
    in_range = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(max(year, 1), month)[1]
    if not in_range or hour > 23 or minute > 59 or second > 60:
        return None
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    if found[8]:
        offset = int(found[9]) * 3600 + int(found[10]) * 60
        seconds -= -offset if found[8] == "-" else offset
    return seconds * NANOS_PER_SECOND + int((found[7] or "").ljust(9, "0") or 0)
