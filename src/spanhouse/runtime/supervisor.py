"""`spanhouse serve`: starts the processes, restarts what ends, ends with all of them.

It holds no data and imports neither Django nor an engine, so that nothing of that can bring it down. Intake never
waits for the console: only on the very first start, when there are no Grants yet, does it start second.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import structlog

from spanhouse.base.errors import ConfigurationError
from spanhouse.runtime.lifeline import FD_VARIABLE
from spanhouse.runtime.logs import log_loop_failures
from spanhouse.runtime.settings import Settings

BACKOFF_SECONDS_MIN = 0.2
BACKOFF_SECONDS_MAX = 10.0
STEADY_SECONDS = 10.0  # a process that lived this long has its back-off forgotten
STOP_SECONDS_MAX = 20.0
TAKEOVER_SECONDS_MAX = 10.0  # time that the processes of a killed supervisor have to end
CONFIGURATION_EXIT = 2

_log = structlog.get_logger(__name__)

Facts = Mapping[str, Any]


@dataclass
class Child:
    """One supervised process, through all its restarts."""

    role: Literal["ingest", "console"]
    index: int = 0
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    prepared: asyncio.Event = field(default_factory=asyncio.Event)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.role}-{self.index}"

    def command(self) -> list[str]:
        first = ["--first"] if self.starts == 0 else []
        return [sys.executable, "-m", "spanhouse.runtime.child", self.role, str(self.index), *first]


class Supervisor:
    def __init__(
        self, settings: Settings, on_ready: Callable[[Facts], None], on_stop: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._on_ready = on_ready
        self._on_stop = on_stop
        self._stopping = asyncio.Event()
        self._exit_code = 0
        self._console = Child("console")
        self._ingest = [Child("ingest", index) for index in range(settings.ingest_processes)]
        # Settings that make a very first start impossible end it; later on intake goes on whatever the console says.
        self._first_start = not settings.grants_path.exists()

    @property
    def children(self) -> list[Child]:
        return [self._console, *self._ingest]

    async def run(self) -> int:
        """Supervise until told to stop; the exit code. Raises ConfigurationError when it cannot start."""
        with await _lock(self._settings.data / "serve.lock") as lock_fd:
            await _require_free_ports(self._settings)
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(log_loop_failures)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stopping.set)
            keeping = [asyncio.create_task(self._keep(child, lock_fd)) for child in self.children]
            announcing = asyncio.create_task(self._announce())
            try:
                await self._stopping.wait()
            finally:
                announcing.cancel()
                await asyncio.to_thread(self._on_stop)
                await self._stop(keeping)
        return self._exit_code

    async def _keep(self, child: Child, lock_fd: int) -> None:
        """Start `child`, and again whenever it ends, later each time it ends early."""
        if child.role == "ingest" and self._first_start:
            await self._console.prepared.wait()
        backoff = BACKOFF_SECONDS_MIN
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once(child, lock_fd)
            if self._stopping.is_set():
                return
            if code == CONFIGURATION_EXIT and self._first_start:
                self._exit_code = code
                self._stopping.set()
                return
            if time.monotonic() - started >= STEADY_SECONDS:
                backoff = BACKOFF_SECONDS_MIN
            _log.warning("process ended, starting it again", child=child.name, exit_code=code, in_seconds=backoff)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), backoff)
            backoff = min(backoff * 2, BACKOFF_SECONDS_MAX)

    async def _run_once(self, child: Child, lock_fd: int) -> int:
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C reaches the supervisor alone, which then tells each process once.
            # The lock is inherited, so that the directory is taken until the last process has ended.
            child.process = await asyncio.create_subprocess_exec(
                *child.command(),
                env={**os.environ, FD_VARIABLE: str(theirs.fileno())},
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), lock_fd),
                start_new_session=True,
            )
        child.starts += 1
        listening = asyncio.create_task(_listen(child, ours))
        try:
            if self._stopping.is_set():
                child.process.terminate()
            return await child.process.wait()
        finally:
            child.ready.clear()
            listening.cancel()
            await asyncio.wait([listening])

    async def _announce(self) -> None:
        for child in self.children:
            await child.ready.wait()
        self._first_start = False
        self._on_ready({key: value for child in self.children for key, value in child.facts.items()})

    async def _stop(self, keeping: list[asyncio.Task[None]]) -> None:
        """End all processes: politely, and after STOP_SECONDS_MAX by force."""
        self._stopping.set()
        self._console.prepared.set()
        _signal_all(self.children, signal.SIGTERM)
        _, late = await asyncio.wait(keeping, timeout=STOP_SECONDS_MAX)
        if late:
            _log.warning("processes did not end in time, killing them")
            _signal_all(self.children, signal.SIGKILL)
        for result in await asyncio.gather(*keeping, return_exceptions=True):
            if isinstance(result, Exception):
                _log.error("supervision failed", exc_info=result)
                self._exit_code = 1


def _signal_all(children: list[Child], number: signal.Signals) -> None:
    for child in children:
        if child.process is not None and child.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(number)


async def _listen(child: Child, line: socket.socket) -> None:
    """Take in what the process reports about itself."""
    reader, writer = await asyncio.open_connection(sock=line)
    try:
        while report := await reader.readline():
            facts = json.loads(report)
            if facts.pop("prepared", False):
                child.prepared.set()
            if facts.pop("ready", False):
                child.facts = facts
                child.ready.set()
    finally:
        writer.close()


@contextlib.contextmanager
def _held(fd: int) -> Any:
    try:
        yield fd
    finally:
        os.close(fd)


async def _lock(path: Path) -> contextlib.AbstractContextManager[int]:
    """One `serve` per data directory. Waits a little for the processes of one that was killed."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + TAKEOVER_SECONDS_MAX
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return _held(fd)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                os.close(fd)
                raise ConfigurationError(f"another spanhouse runs on {path.parent}") from error
            await asyncio.sleep(0.1)


async def _require_free_ports(settings: Settings) -> None:
    """Several of our processes share a port, so binding it would succeed beside a stranger: ask exclusively first."""
    for name, port in settings.listeners().items():
        if not port:
            continue
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError as error:
                raise ConfigurationError(
                    f"{settings.host}:{port} is not free ({error.strerror}); "
                    f"choose another with SPANHOUSE_{name.upper()}_PORT"
                ) from error


def supervise(settings: Settings, on_ready: Callable[[Facts], None], on_stop: Callable[[], None] = lambda: None) -> int:
    """Run until SIGTERM or SIGINT; the exit code. `on_stop` runs while the processes still work."""

    async def main() -> int:
        return await Supervisor(settings, on_ready, on_stop).run()

    return asyncio.run(main())
