"""The Reader of this process, so that pages and APIs ask the store without knowing which it is."""

from __future__ import annotations

from spanhouse.base.errors import Unavailable
from spanhouse.tracing.store.protocols import Reader

_reader: Reader | None = None


def set_reader(reader: Reader | None) -> None:
    """Called by whoever opens the store, once it is ready; None when it is closed."""
    global _reader
    _reader = reader


def reader() -> Reader:
    """Raises Unavailable while the store is not open."""
    if _reader is None:
        raise Unavailable("the span store is starting", retry_after_seconds=2)
    return _reader
