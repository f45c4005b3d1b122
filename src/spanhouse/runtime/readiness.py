"""Whether this process can do its work now: each part says so by name, `/readyz` adds up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

_lock = threading.Lock()
_waiting: dict[str, str] = {}
_on_ready: Callable[[], None] | None = None


def on_ready(call: Callable[[], None]) -> None:
    """`call` once, when the last part has become ready."""
    global _on_ready
    _on_ready = call


def expect(parts: Sequence[str]) -> None:
    """Name the parts that must become ready, before any of them can."""
    with _lock:
        _waiting.update(dict.fromkeys(parts, "starting"))


def not_ready(part: str, why: str) -> None:
    with _lock:
        _waiting[part] = why


def ready(part: str) -> None:
    global _on_ready
    with _lock:
        _waiting.pop(part, None)
        call, _on_ready = (None, _on_ready) if _waiting else (_on_ready, None)
    if call is not None:
        call()


def waiting() -> dict[str, str]:
    """Parts that are not ready, and why."""
    with _lock:
        return dict(_waiting)
