"""What goes on beside the pages: the store is opened, the journal is loaded, what is due is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from spanhouse.base.clock import NANOS_PER_DAY, NANOS_PER_SECOND, Clock
from spanhouse.contracts.refused import NANOS_PER_HOUR
from spanhouse.runtime import readiness
from spanhouse.runtime.parts import Parts
from spanhouse.runtime.settings import Settings
from spanhouse.tracing.loading.derive import Derivation
from spanhouse.tracing.loading.loader import Loader
from spanhouse.tracing.search.bounded import bounded
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.store.clickhouse.edges import ClickHouseDeriver
from spanhouse.tracing.store.clickhouse.engine import Engine
from spanhouse.tracing.store.clickhouse.expire import ClickHouseEraser
from spanhouse.tracing.store.clickhouse.migrate import migrate
from spanhouse.tracing.store.clickhouse.read import ClickHouseReader
from spanhouse.tracing.store.clickhouse.write import ClickHouseWriter
from spanhouse.tracing.wire.mend import mend

RECONCILE_SECONDS = 30
EXPIRE_SECONDS = 3600
USES_SECONDS = 10
LOOK_SECONDS = 1.0

_log = structlog.get_logger(__name__)


def start(parts: Parts, settings: Settings, clock: Clock, *, keeper: bool) -> None:
    """Open the store and, as `keeper`, start what loads and deletes."""
    parts.start("grants", lambda stop: every(RECONCILE_SECONDS, clock, stop, _reconcile))
    if keeper:
        directory = settings.grants_path.parent
        parts.start("uses", lambda stop: every(USES_SECONDS, clock, stop, lambda: _take_up_uses(directory, clock)))
        parts.start(
            "refused", lambda stop: every(USES_SECONDS, clock, stop, lambda: _take_up_refused(directory, clock))
        )
    parts.start("store", lambda stop: _keep_store(parts, settings, clock, stop, keeper=keeper))


def _keep_store(parts: Parts, settings: Settings, clock: Clock, stop: threading.Event, *, keeper: bool) -> None:
    """Open the store for this process's pages and, as keeper, load the journal into it until `stop`."""
    engine = Engine.open(settings.store_dsn)
    migrate(engine, clock)
    set_reader(bounded(ClickHouseReader(engine)))
    readiness.ready("store")
    if keeper:
        deriver = ClickHouseDeriver(engine)
        derivation = Derivation(deriver, clock)
        eraser = ClickHouseEraser(engine)
        parts.start("edges", derivation.run)
        parts.start("retention", lambda stop: every(EXPIRE_SECONDS, clock, stop, lambda: _expire(eraser, clock)))
        parts.start("replaced", lambda stop: every(EXPIRE_SECONDS, clock, stop, deriver.forget_replaced))
        Loader(settings.journal_path, ClickHouseWriter(engine), clock, mend, derivation.report).run(stop)
    stop.wait()
    set_reader(None)


def _expire(eraser: ClickHouseEraser, clock: Clock) -> None:
    """Delete what has been kept for as long as its instance keeps spans."""
    from django.db import close_old_connections

    from spanhouse.customers.instances import selectors

    close_old_connections()
    now = clock.now_ns()
    grants = selectors.current_grants().instances.values()
    eraser.expire({grant.instance: max(0, now - grant.retention_days * NANOS_PER_DAY) for grant in grants})


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
                part = threading.current_thread().name
                _log.exception("a job of the keeper failed, trying again at its next turn", part=part)
            due = clock.now_ns() + seconds * NANOS_PER_SECOND
        stop.wait(LOOK_SECONDS)


def _reconcile() -> None:
    """Publish again what could not be published when it changed, such as while the disk was full."""
    from django.db import close_old_connections

    from spanhouse.customers.instances import publishing

    close_old_connections()
    publishing.reconcile()


def _take_up_uses(directory: Path, clock: Clock) -> None:
    """Note when keys were used to send."""
    from django.db import close_old_connections

    from spanhouse.customers.instances import uses

    close_old_connections()
    uses.take_up(directory, now_ns=clock.now_ns())


def _take_up_refused(directory: Path, clock: Clock) -> None:
    """Note what intake refused."""
    from django.db import close_old_connections

    from spanhouse.customers.instances import refused

    close_old_connections()
    refused.take_up(directory, now_hour=clock.now_ns() // NANOS_PER_HOUR)
