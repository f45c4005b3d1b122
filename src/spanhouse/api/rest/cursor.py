"""Cursors: where the next page of a search begins, opaque to whoever sends them back.

A cursor holds the place of the last trace shown and the time range of the first page, so that neither traces of equal
start nor spans that arrive meanwhile shift what follows. It is good for the same question only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.requests import Place
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.spans.model import TRACE_ID_BYTES


@dataclass(frozen=True, slots=True)
class Cursor:
    question: str
    """`fingerprint` of what is asked"""
    range: TimeRange
    after: Place

    def text(self) -> str:
        after = self.after
        parts = [
            self.question,
            self.range.start,
            self.range.end,
            after.start,
            after.duration,
            after.trace_id.hex(),
        ]
        return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def fingerprint(*asked: object) -> str:
    return hashlib.blake2b(repr(asked).encode(), digest_size=8).hexdigest()


def read(text: str, question: str) -> Cursor:
    """Raises Malformed for what is no cursor of ours, or one of another question."""
    try:
        padded = text + "=" * (-len(text) % 4)
        cursor = _of(json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)))
    except (ValueError, binascii.Error, TypeError, RecursionError) as error:
        raise Malformed("cursor is not one that this API gave") from error
    if cursor.question != question:
        raise Malformed("cursor belongs to another question: send it with the parameters of the first page")
    return cursor


def _of(parts: Any) -> Cursor:
    question, start, end, after_start, after_duration, trace_id = parts
    numbers = (start, end, after_start, after_duration)
    if not isinstance(question, str) or any(type(number) is not int or not 0 <= number < 2**64 for number in numbers):
        raise ValueError("not the parts of a cursor")
    place = Place(after_start, bytes.fromhex(trace_id), after_duration)
    if len(place.trace_id) != TRACE_ID_BYTES:
        raise ValueError("no trace id")
    return Cursor(question, TimeRange(start, end), place)
