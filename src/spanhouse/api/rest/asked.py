"""Parameters that several questions of the REST API share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Schema

from spanhouse.api import parameters
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.search.find import parse_duration_text

LAST_TIME: Final = 2**63 - 1
"""ns; in 2262"""
_DEFAULT_LENGTH: Final = 3600 * NANOS_PER_SECOND
_UNITS: Final = ((11, NANOS_PER_SECOND), (14, 1_000_000), (17, 1_000), (20, 1))
"""(fewer digits than this, ns): 10 digits are seconds today, 13 ms, 16 µs, 19 ns."""
_TEXT_MAX: Final = 64
_MOMENT_PATTERN: Final = (
    "^([0-9]{1,19}|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    "([.][0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2}))$"
)

Moment = Annotated[
    str | None,
    Field(
        pattern=_MOMENT_PATTERN,
        max_length=_TEXT_MAX,
        description="RFC 3339 with an offset, or the time since 1970 in s (up to 10 digits), ms (13), µs (16), ns (19)",
        examples=["2026-11-24T23:12:00Z", "1795561920"],
    ),
]
Text = Annotated[str | None, Field(max_length=2_000)]
Query = Annotated[str, Field(max_length=32_768, description="TraceQL", examples=["{ status = error }"])]
Duration = Annotated[
    str | None,
    Field(
        pattern="^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$",
        max_length=_TEXT_MAX,
        description="such as 100ms or 1.5s",
        examples=["100ms"],
    ),
]


class Asking(HttpRequest):
    """A request of someone who may read: `app.QueryToken` has said what."""

    auth: Scope


class Within(Schema):
    """The piece of time that is looked at: the start times of spans, both ends included."""

    start: Moment = Field(None, description="where left out, an hour before the end")
    end: Moment = Field(None, description="where left out, now")

    def range(self) -> TimeRange:
        """Raises Malformed for an end before the start and for a day that no calendar has."""
        end = settings.CLOCK.now_ns() if self.end is None else moment(self.end, "end")
        start = max(0, end - _DEFAULT_LENGTH) if self.start is None else moment(self.start, "start")
        if end < start:
            raise Malformed("end lies before start")
        return TimeRange(start, end)


def moment(text: str, name: str) -> int:
    """ns since 1970. Raises Malformed."""
    at = _since_epoch(text) if text.isdigit() else parameters.rfc3339(text)
    if at is None or not 0 <= at <= LAST_TIME:
        raise Malformed(f"{name} is no time from 1970 to 2262: {text[:40]!r}")
    return at


def duration(text: str | None, name: str) -> int | None:
    """ns. Raises Malformed."""
    return parse_duration_text(text or "", name)


def rfc3339(at_ns: int) -> str:
    """In UTC and to the ns, so that texts sort as the times do."""
    seconds, nanos = divmod(at_ns, NANOS_PER_SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


def _since_epoch(digits: str) -> int | None:
    return next((int(digits) * unit for fewer, unit in _UNITS if len(digits) < fewer), None)
