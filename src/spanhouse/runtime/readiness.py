"""Whether this process can do its work now: each part says so by name, `/readyz` adds up."""

from __future__ import annotations

import threading

_lock = threading.Lock()
_waiting: dict[str, str] = {}


def not_ready(part: str, why: str) -> None:
    with _lock:
        _waiting[part] = why


def ready(part: str) -> None:
    with _lock:
        _waiting.pop(part, None)


def waiting() -> dict[str, str]:
    """Parts that are not ready, and why."""
    with _lock:
        return dict(_waiting)
