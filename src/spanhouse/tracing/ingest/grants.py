"""The Grants in force, read from the snapshot that the control plane writes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from spanhouse.base.errors import Unavailable
from spanhouse.contracts.grant import Grants

LOOK_SECONDS = 0.25
"""How stale an answer may be: with the control plane's write a revocation takes effect within a second."""

log = structlog.get_logger(__name__)


class GrantsFile:
    """The snapshot at `path`, looked at again at most every LOOK_SECONDS and read when it has changed.

    A snapshot that cannot be read leaves the one before it in force, so that intake outlives a console in trouble.
    """

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._looked_at = -LOOK_SECONDS
        self._stamp: tuple[int, int, int] | None = None
        self._grants: Grants | None = None

    def current(self) -> Grants:
        """Raises Unavailable until there has been a first snapshot."""
        now = self._monotonic()
        if self._grants is None or now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._look()
        if self._grants is None:
            raise Unavailable("the keys are not known here yet")
        return self._grants

    def _look(self) -> None:
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if stamp != self._stamp:
                self._grants = Grants.from_json(self._path.read_bytes())
                self._stamp = stamp
        except (OSError, ValueError, KeyError, TypeError) as error:
            if not (self._grants is None and isinstance(error, FileNotFoundError)):
                log.error("grants snapshot cannot be read", path=str(self._path), error=str(error))
