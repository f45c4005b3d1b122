"""The piece of time that a page looks at, as its address says it: `range=1h`, or `from` and `to`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from spanhouse.base.clock import NANOS_PER_SECOND, to_datetime
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.scope import TimeRange

MINUTE_NS = 60 * NANOS_PER_SECOND
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
PRESETS = ("15m", "1h", "6h", "24h", "7d", "15d")
DEFAULT = "1h"
_RELATIVE = re.compile(r"([1-9]\d{0,3})([mhd])")
_STEP_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200, 525600)
_POINTS_MAX = 120
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Chosen:
    """`relative` is the preset's name, or `""` when both ends were given."""

    range: TimeRange
    relative: str

    @property
    def seconds(self) -> float:
        return max(1, self.range.end - self.range.start) / NANOS_PER_SECOND

    @property
    def query(self) -> str:
        """What an address needs to mean the same; nothing for the default."""
        if self.relative:
            return "" if self.relative == DEFAULT else urlencode({"range": self.relative})
        return urlencode({"from": iso(self.range.start), "to": iso(self.range.end)})

    @property
    def step(self) -> int:
        """ns between points of a series, a multiple of a minute."""
        minutes = self.seconds / 60
        return next((m for m in _STEP_MINUTES if minutes / m <= _POINTS_MAX), _STEP_MINUTES[-1]) * MINUTE_NS


def parse(params: Mapping[str, str], now_ns: int) -> Chosen:
    """Raises Malformed when the address names no piece of time."""
    if params.get("from") or params.get("to"):
        start = _moment(params.get("from", ""), now_ns)
        end = _moment(params.get("to") or "now", now_ns)
        if end < start:
            raise Malformed(_("The end time must be later than the start time."))
        return Chosen(TimeRange(start, end), "")
    relative = params.get("range") or DEFAULT
    length = _RELATIVE.fullmatch(relative)
    if not length:
        raise Malformed(_("“%(text)s” is not a time range; write for example 15m, 6h or 7d.") % {"text": relative})
    seconds = int(length[1]) * _UNITS[length[2]]
    return Chosen(TimeRange(max(0, now_ns - seconds * NANOS_PER_SECOND), now_ns), relative)


def iso(at_ns: int) -> str:
    """RFC 3339 in UTC, to the µs when there is a fraction."""
    return to_datetime(at_ns).isoformat().replace("+00:00", "Z")


def _moment(text: str, now_ns: int) -> int:
    """ns of an RFC 3339 time (UTC unless it says another offset), of an epoch in s, ms, µs or ns, or of `now`."""
    text = text.strip()
    if text == "now":
        return now_ns
    if text.isascii() and text.isdigit():
        return _epoch(text)
    try:
        # A plus sign that was not escaped in an address arrives as a blank.
        at = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text) if "T" in text else text)
    except ValueError as error:
        raise Malformed(
            _("“%(text)s” is not a time; write for example 2026-11-24T14:03:07+08:00.") % {"text": text}
        ) from error
    delta = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH
    if delta.days < 0:
        raise Malformed(_("A time range starts in 1970 or later."))
    return (delta.days * 86_400 + delta.seconds) * NANOS_PER_SECOND + delta.microseconds * 1000


def _epoch(digits: str) -> int:
    """The number of digits says the unit: 10 for seconds today, 13 ms, 16 µs, 19 ns."""
    for length, unit in ((11, NANOS_PER_SECOND), (14, 1_000_000), (17, 1_000)):
        if len(digits) <= length:
            return int(digits) * unit
    return min(int(digits[:20]), 2**63 - 1)
