"""What goes on beside the pages: the store is opened, the journal is loaded, what is due is done."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from spanhouse.base.clock import NANOS_PER_SECOND, Clock
from spanhouse.runtime import readiness
from spanhouse.runtime.parts import Parts
from spanhouse.runtime.settings import Settings

RECONCILE_SECONDS = 30
EXPIRE_SECONDS = 3600
LOOK_SECONDS = 1.0

_log = structlog.get_logger(__name__)


def start(parts: Parts, settings: Settings, clock: Clock, *, keeper: bool) -> None:
    """Open the store and, as `keeper`, start what loads and deletes."""
    parts.start("grants", lambda stop: every(RECONCILE_SECONDS, clock, stop, _reconcile))
    parts.start("store", lambda stop: readiness.ready("store"))


def every(seconds: int, clock: Clock, stop: threading.Event, job: Callable[[], None]) -> None:
    """Do `job` now and then every `seconds` of the clock, which a trial may move, until `stop`.

    A job that fails is logged and tried again at its next turn.
    """
    due = clock.now_ns()
    while not stop.is_set():
        if clock.now_ns() >= due:
            try:
                job()
            except Exception:
                _log.exception("a job of the keeper failed, trying again at its next turn", job=job.__name__)
            due = clock.now_ns() + seconds * NANOS_PER_SECOND
        stop.wait(LOOK_SECONDS)


def _reconcile() -> None:
    """Publish again what could not be published when it changed, such as while the disk was full."""
    from django.db import close_old_connections

    from spanhouse.customers.instances import publishing

    close_old_connections()
    publishing.reconcile()
