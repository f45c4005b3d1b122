"""Questions that nobody waits for any more: cancelling ends the statement that runs and lets no other begin.

cancellation = Cancellation()
with cancellation:  # in the thread that asks
    reader.search(request)
cancellation.cancel()  # from any other
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

from spanhouse.base.errors import QueryCancelled


class Cancellation:
    """Of what is asked within it, in this thread (and in threads that copy its context). It cannot be taken back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._running: set[Callable[[], None]] = set()
        self._tokens: list[Token[Cancellation | None]] = []

    def cancel(self) -> None:
        """End what runs. Returns when the engine was told, which may be before it has ended."""
        with self._lock:
            self._cancelled = True
            running = list(self._running)
        for kill in running:
            kill()

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    @contextmanager
    def running(self, kill: Callable[[], None]) -> Iterator[None]:
        """A statement runs, which `kill` ends. `QueryCancelled` when it must not begin."""
        with self._lock:
            if self._cancelled:
                raise QueryCancelled("the query was cancelled")
            self._running.add(kill)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(kill)

    def __enter__(self) -> Cancellation:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._tokens.pop())


_current: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


def current() -> Cancellation | None:
    """The innermost one that the caller is within."""
    return _current.get()
