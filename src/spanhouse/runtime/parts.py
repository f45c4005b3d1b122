"""Threads that a process stands on: when one fails, the process ends, to be started afresh."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from spanhouse.base.errors import SpanhouseError
from spanhouse.runtime import readiness

JOIN_SECONDS_MAX = 10.0

_log = structlog.get_logger(__name__)


class Parts:
    """`on_failure` is called in the thread that failed."""

    def __init__(self, on_failure: Callable[[], object]) -> None:
        self._stop = threading.Event()
        self._on_failure = on_failure
        self._threads: list[threading.Thread] = []
        self._failure: tuple[str, BaseException] | None = None

    def start(self, name: str, run: Callable[[threading.Event], object]) -> None:
        """Run `run(stop)` in a thread; it returns once `stop` is set."""

        def guarded() -> None:
            try:
                run(self._stop)
            except BaseException as error:
                _log.exception("a part of this process failed", part=name)
                readiness.not_ready(name, str(error))
                self._failure = (name, error)
                self._on_failure()

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Ask all to end and wait for them. Raises SpanhouseError if one had failed or does not end."""
        self._stop.set()
        for thread in self._threads:
            thread.join(JOIN_SECONDS_MAX)
        late = [thread.name for thread in self._threads if thread.is_alive()]
        if late:
            raise SpanhouseError(f"did not end in time: {', '.join(late)}")
        if self._failure is not None:
            raise SpanhouseError(f"{self._failure[0]} failed: {self._failure[1]}") from self._failure[1]
