"""The process that takes spans in: journal, grants and the OTLP listeners. Knows neither Django nor the store."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
import uvloop

from spanhouse.base.clock import Clock, SystemClock
from spanhouse.base.errors import ConfigurationError, SpanhouseError
from spanhouse.base.limits import BODY_TIMEOUT_SECONDS, JOURNAL_BYTES_MAX
from spanhouse.contracts.refused import refused_file
from spanhouse.contracts.use import use_file
from spanhouse.runtime.http_server import GRACE_SECONDS, serve_app
from spanhouse.runtime.logs import log_loop_failures, set_up_logs
from spanhouse.runtime.settings import Settings, load
from spanhouse.tracing.ingest import grpc_service
from spanhouse.tracing.ingest.grants import GrantsFile
from spanhouse.tracing.ingest.http import OtlpHttp
from spanhouse.tracing.ingest.intake import Intake
from spanhouse.tracing.ingest.limiter import Limiter
from spanhouse.tracing.ingest.pressure import IN_FLIGHT_BYTES_MAX, InFlight
from spanhouse.tracing.ingest.refused import RefusedFile
from spanhouse.tracing.ingest.uses import UseFile
from spanhouse.tracing.journal import Journal

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """`index` tells the ingest processes of a node apart; with `processes` over 1 they share the ports. Port None
    turns a listener off, 0 picks a free one."""

    data: Path
    host: str = "127.0.0.1"
    otlp_http_port: int | None = 4318
    otlp_grpc_port: int | None = 4317
    index: int = 0
    processes: int = 1
    journal_bytes_max: int = JOURNAL_BYTES_MAX
    in_flight_bytes_max: int = IN_FLIGHT_BYTES_MAX
    body_seconds_max: float = BODY_TIMEOUT_SECONDS
    clock: Clock = field(default_factory=SystemClock)

    @property
    def journal_path(self) -> Path:
        return self.data / "journal"

    @property
    def grants_path(self) -> Path:
        return self.data / "grants" / "snapshot.json"

    @property
    def uses_path(self) -> Path:
        return self.grants_path.with_name(use_file(self.index))

    @property
    def refused_path(self) -> Path:
        return self.grants_path.with_name(refused_file(self.index))

    @property
    def limits_path(self) -> Path:
        """Of all ingest processes of the node."""
        return self.data / "limits"


@dataclass(frozen=True, slots=True)
class Ports:
    """What is listened on; None = off."""

    otlp_http: int | None
    otlp_grpc: int | None


async def run(options: IngestOptions, ready: Callable[[Ports], None] = lambda ports: None) -> None:
    """Take spans in until this task is cancelled; then finish what is under way and close the journal.

    `ready` is called once all listeners are bound. Raises ConfigurationError when one cannot be, SpanhouseError when
    the journal stops by itself: the process then has to be started afresh.
    """
    journal = Journal.open(
        options.journal_path, options.clock, writer=str(options.index), bytes_max=options.journal_bytes_max
    )
    uses, refused = UseFile(options.uses_path), RefusedFile(options.refused_path)
    in_flight, limiter = InFlight(options.in_flight_bytes_max), Limiter.open(options.limits_path, refused)
    intake = Intake(journal, GrantsFile(options.grants_path), options.clock, in_flight, uses, limiter)
    tasks = [
        asyncio.ensure_future(part)
        for part in (listen(intake, options, ready), uses.keep_writing(), refused.keep_writing(), journal.failed())
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await journal.close()
        uses.write()
        refused.write()
    for task in tasks:
        if not task.cancelled():
            task.result()


async def listen(intake: Intake, options: IngestOptions, ready: Callable[[Ports], None]) -> None:
    """The listeners alone, until this task is cancelled."""
    async with _grpc_listener(intake, options) as grpc_port, _http_listener(intake, options) as (http_port, http):
        log.info("taking spans", host=options.host, otlp_http_port=http_port, otlp_grpc_port=grpc_port)
        ready(Ports(http_port, grpc_port))
        await asyncio.shield(http)  # so that a stop reaches the listeners in their order


@contextlib.asynccontextmanager
async def _grpc_listener(intake: Intake, options: IngestOptions) -> AsyncIterator[int | None]:
    if options.otlp_grpc_port is None:
        yield None
        return
    shared = options.processes > 1
    server, port = await grpc_service.start(intake, options.host, options.otlp_grpc_port, shared=shared)
    try:
        yield port
    finally:
        await server.stop(GRACE_SECONDS)


@contextlib.asynccontextmanager
async def _http_listener(
    intake: Intake, options: IngestOptions
) -> AsyncIterator[tuple[int | None, asyncio.Future[None]]]:
    """The bound port, and what ends only if the listener fails."""
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    if options.otlp_http_port is None:
        yield None, asyncio.get_running_loop().create_future()
        return
    app = OtlpHttp(intake, body_seconds_max=options.body_seconds_max)
    serving = asyncio.ensure_future(
        serve_app(
            app,
            interface="rsgi",
            host=options.host,
            port=options.otlp_http_port,
            ready=bound.set_result,
            shared=options.processes > 1,
        )
    )
    try:
        await asyncio.wait((bound, serving), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        yield bound.result(), serving
    finally:
        app.reads.stop()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


async def _run_until_told(options: IngestOptions, ready: Callable[[Ports], None]) -> None:
    running = asyncio.ensure_future(run(options, ready))
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_failures)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    log.info("stopped")


def main(options: IngestOptions, ready: Callable[[Ports], None] = lambda ports: None) -> None:
    """Run this process until SIGTERM or SIGINT. Raises ConfigurationError when a listener cannot be bound."""
    uvloop.run(_run_until_told(options, ready))


def options_from(settings: Settings, index: int) -> IngestOptions:
    """What the settings say for process `index`; a port of 0 turns a listener off there."""
    return IngestOptions(
        data=settings.data,
        host=settings.host,
        otlp_http_port=settings.otlp_http_port or None,
        otlp_grpc_port=settings.otlp_grpc_port or None,
        index=index,
        processes=settings.ingest_processes,
        journal_bytes_max=settings.journal_bytes_max,
        clock=settings.make_clock(),
    )


def _main_from_settings() -> int:
    try:
        index = int(sys.argv[1]) if len(sys.argv) > 1 else 0
        settings = load()
        set_up_logs(settings, f"ingest-{index}")
        settings.prepare_data_directory()
        main(options_from(settings, index))
    except ConfigurationError as error:
        print(f"spanhouse ingest: {error}", file=sys.stderr)
        return 2
    except SpanhouseError as error:
        print(f"spanhouse ingest: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main_from_settings())
