"""The process of console and keeper: the only one that opens the embedded engine."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from typing import Any

import django
import uvloop
from django.urls import get_resolver

from spanhouse.base.clock import Clock, to_datetime
from spanhouse.runtime import readiness
from spanhouse.runtime.lifeline import Lifeline
from spanhouse.runtime.logs import log_loop_failures
from spanhouse.runtime.parts import Parts
from spanhouse.runtime.secret_key import ensure_secret_key
from spanhouse.runtime.settings import Settings


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
    readiness.on_ready(lambda: lifeline.report(ready=True, **facts))
    uvloop.run(_serve(settings, clock, console=console and settings.console_port > 0, keeper=keeper))


def prepare_django(settings: Settings) -> None:
    """Make what Django needs to exist and set it up in this process."""
    settings.prepare_data_directory()
    ensure_secret_key(settings)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spanhouse.runtime.django_settings")
    django.setup()


def _facts(settings: Settings, clock: Clock, login_link: bool) -> dict[str, Any]:
    """What the supervisor tells the person who started it."""
    from spanhouse.customers.accounts import selectors
    from spanhouse.runtime import first_minute

    if not settings.console_port:
        return {}
    facts: dict[str, Any] = {"console": settings.console_url}
    if settings.jaeger_query_port:
        facts["jaeger_query"] = f"http://{settings.reachable_host}:{settings.jaeger_query_port}"
    operator = selectors.first_operator()
    if login_link and operator is not None:
        link = first_minute.make_login_link(operator, settings.console_url, to_datetime(clock.now_ns()))
        facts |= {"login_link": link.url, "login_link_minutes": link.minutes}
    return facts


async def _serve(settings: Settings, clock: Clock, *, console: bool, keeper: bool) -> None:
    from spanhouse.runtime import keeping

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_failures)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    waits: list[asyncio.Task[object]] = [asyncio.create_task(stopping.wait())]
    parts = Parts(on_failure=lambda: loop.call_soon_threadsafe(stopping.set))
    query_grpc = console and settings.jaeger_query_port > 0
    readiness.expect(["store", *(["console"] if console else []), *(["jaeger_query"] if query_grpc else [])])
    keeping.start(parts, settings, clock, keeper=keeper)
    if console:
        waits.append(asyncio.create_task(_serve_console(settings)))
    if query_grpc:
        waits.append(asyncio.create_task(_serve_query_grpc(settings)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
        await asyncio.wait(waits)
        await asyncio.to_thread(parts.stop)
    for task in waits:
        if not task.cancelled():
            task.result()


async def _serve_console(settings: Settings) -> None:
    from spanhouse.runtime.asgi import application
    from spanhouse.runtime.http_server import serve_app

    get_resolver().check()  # loads every address now: what is broken shows at start, not at the first request
    _collect_garbage_rarely()
    await serve_app(
        application,
        interface="asgi",
        host=settings.host,
        port=settings.console_port,
        ready=lambda port: readiness.ready("console"),
    )


async def _serve_query_grpc(settings: Settings) -> None:
    from spanhouse.runtime import query_grpc

    await query_grpc.serve(
        settings.host, settings.jaeger_query_port, ready=lambda port: readiness.ready("jaeger_query")
    )


def _collect_garbage_rarely() -> None:
    """A large trace makes millions of objects and no cycles; looking through them for some is a third of its cost."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
