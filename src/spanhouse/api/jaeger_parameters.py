"""Parameters as Jaeger's APIs have them: Go's durations and booleans, times in RFC 3339 to the ns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from spanhouse.api import parameters
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.scope import ALL_TIME

_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
_FALSE: Final = ("", "0", "f", "F", "FALSE", "false", "False")


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
    at = parameters.rfc3339(text)
    if at is None:
        raise Malformed(f"{name} is a time such as 2026-01-31T12:00:00.5Z, not {text[:40]!r}")
    return min(max(at, 0), ALL_TIME.end)


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
