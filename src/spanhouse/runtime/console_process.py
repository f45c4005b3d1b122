"""The process of console and keeper: the only one that opens the embedded engine."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import django
import structlog
import uvloop
from django.urls import get_resolver

from spanhouse.base.clock import Clock, to_datetime
from spanhouse.base.errors import SpanhouseError
from spanhouse.runtime import readiness
from spanhouse.runtime.lifeline import Lifeline
from spanhouse.runtime.secret_key import ensure_secret_key
from spanhouse.runtime.settings import Settings

RECONCILE_SECONDS = 30.0
JOIN_SECONDS_MAX = 10.0

_log = structlog.get_logger(__name__)


def main(
    settings: Settings, lifeline: Lifeline, *, login_link: bool = False, console: bool = True, keeper: bool = True
) -> None:
    """Serve pages and APIs (`console`) and do what is due (`keeper`) until SIGTERM.

    Raises ConfigurationError when a setting makes that impossible, SpanhouseError when a part ends by itself.
    """
    prepare_django(settings)
    from spanhouse.runtime import first_minute

    clock = settings.make_clock()
    first_minute.prepare(to_datetime(clock.now_ns()), settings.retention_days)
    lifeline.report(prepared=True)
    facts = _facts(settings, clock, login_link)
    uvloop.run(_serve(settings, clock, facts, lifeline, console=console, keeper=keeper))


def prepare_django(settings: Settings) -> None:
    """Make what Django needs to exist and set it up in this process."""
    settings.prepare_data_directory()
    ensure_secret_key(settings)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spanhouse.runtime.django_settings")
    django.setup()


def _facts(settings: Settings, clock: Clock, login_link: bool) -> dict[str, Any]:
    from spanhouse.customers.accounts import selectors
    from spanhouse.runtime import first_minute

    facts: dict[str, Any] = {"console": settings.console_url}
    operator = selectors.first_operator()
    if login_link and operator is not None:
        link = first_minute.make_login_link(operator, settings.console_url, to_datetime(clock.now_ns()))
        facts |= {"login_link": link.url, "login_link_minutes": link.minutes}
    return facts


async def _serve(
    settings: Settings, clock: Clock, facts: dict[str, Any], lifeline: Lifeline, *, console: bool, keeper: bool
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    parts = Parts(on_failure=lambda: loop.call_soon_threadsafe(stopping.set))
    parts.start("grants", _reconcile_until)
    serving = asyncio.create_task(_serve_console(settings, facts, lifeline)) if console else None
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([task for task in (serving, waiting) if task], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        if serving is not None:
            serving.cancel()
            await asyncio.wait([serving])
        await asyncio.to_thread(parts.stop)
    if serving is not None and not serving.cancelled():
        serving.result()


async def _serve_console(settings: Settings, facts: dict[str, Any], lifeline: Lifeline) -> None:
    from spanhouse.runtime.asgi import application
    from spanhouse.runtime.http_server import serve_app

    get_resolver().check()  # loads every address now: what is broken shows at start, not at the first request
    await serve_app(
        application,
        interface="asgi",
        host=settings.host,
        port=settings.console_port,
        ready=lambda port: lifeline.report(ready=True, **facts),
    )


class Parts:
    """The threads of the keeper. When one fails the process ends, to be started afresh."""

    def __init__(self, on_failure: Callable[[], object]) -> None:
        self._stop = threading.Event()
        self._on_failure = on_failure
        self._threads: list[threading.Thread] = []
        self.failure: tuple[str, BaseException] | None = None

    def start(self, name: str, run: Callable[[threading.Event], None]) -> None:
        """Run `run(stop)` in a thread; it returns once `stop` is set."""

        def guarded() -> None:
            try:
                run(self._stop)
            except BaseException as error:
                _log.exception("a part of the keeper failed", part=name)
                readiness.not_ready(name, str(error))
                self.failure = (name, error)
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
        if self.failure is not None:
            raise SpanhouseError(f"{self.failure[0]} failed: {self.failure[1]}") from self.failure[1]


def _reconcile_until(stop: threading.Event) -> None:
    """Publish again what could not be published when it changed, such as while the disk was full."""
    from django.db import close_old_connections

    from spanhouse.customers.instances import publishing

    while not stop.wait(RECONCILE_SECONDS):
        close_old_connections()
        try:
            publishing.reconcile()
        except OSError:
            _log.exception("cannot publish the Grants, trying again later")
    close_old_connections()
