"""A real `spanhouse serve` for tests: free ports, a directory of its own, gone without a trace when stopped."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now; held together, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [int(free.getsockname()[1]) for free in sockets]


class RunningServer:
    """`with RunningServer(tmp_path) as server:` starts all processes, waits until ready, and ends them all."""

    def __init__(self, data: Path, **settings: str | int | bool) -> None:
        self.data = data
        console, otlp_http, otlp_grpc, jaeger_query = free_ports(4)
        self.settings: dict[str, str | int | bool] = {
            "console_port": console,
            "otlp_http_port": otlp_http,
            "otlp_grpc_port": otlp_grpc,
            "jaeger_query_port": jaeger_query,
            **settings,
        }
        self.facts: Mapping[str, Any] = {}
        self.log = data.parent / f"{data.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    # ── life ──

    def start(self) -> Self:
        self.launch()
        self.facts = json.loads(self._first_line())
        return self

    def launch(self) -> None:
        """Start without waiting until it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "spanhouse", "serve", "--json"],
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.data.parent,
            )

    def environment(self) -> dict[str, str]:
        """What a `spanhouse` command needs to meet this server."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SPANHOUSE_")}
        ours = {f"SPANHOUSE_{name.upper()}": str(value) for name, value in self.settings.items()}
        return {**clean, "SPANHOUSE_DATA": str(self.data), **ours}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell the supervisor to end and see that every process does; the supervisor's exit code."""
        assert self._process is not None
        children = self.children()
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(STOP_SECONDS_MAX)
        assert self._process.stdout is not None
        self._process.stdout.close()
        wait_until(lambda: not any(alive(child) for child in children), STOP_SECONDS_MAX)
        return code

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is not None:
            print(self.log.read_text(errors="replace")[-8000:], file=sys.stderr)
        self.stop()

    # ── addresses ──

    @property
    def console(self) -> str:
        return f"http://127.0.0.1:{self.settings['console_port']}"

    @property
    def otlp_http(self) -> str:
        return f"http://127.0.0.1:{self.settings['otlp_http_port']}"

    @property
    def otlp_grpc(self) -> str:
        return f"http://127.0.0.1:{self.settings['otlp_grpc_port']}"

    @property
    def jaeger_query(self) -> str:
        """A gRPC target."""
        return f"127.0.0.1:{self.settings['jaeger_query_port']}"

    @property
    def login_link(self) -> str:
        return str(self.facts["login_link"])

    # ── processes ──

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def children(self, role: str = "") -> list[int]:
        """Process ids of the supervisor's children now, of one role (`ingest`, `console`) or all."""
        found = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        pids = [int(pid) for pid in found.read_text().split()] if found.exists() else []
        return [pid for pid in pids if role in _command(pid)]

    # ── what a person does ──

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a `spanhouse` command against this server's data directory."""
        command = [sys.executable, "-m", "spanhouse", *arguments]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=60, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    def cli_json(self, *arguments: str) -> Any:
        return json.loads(self.cli(*arguments, "--json").stdout)

    def log_in(self, user: str = "") -> httpx.Client:
        """A browser's session of `user` (the operator if empty), logged in by a fresh one-time link."""
        whose = ("--user", user) if user else ()
        link = self.cli_json("login-link", *whose)["login_link"]
        client = httpx.Client(base_url=self.console, follow_redirects=False, timeout=30)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(link).text)
        assert token is not None
        answer = client.post(link, data={"csrfmiddlewaretoken": token[1]}, headers={"Origin": self.console})
        assert answer.status_code == 302, answer.text
        return client

    def _first_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        line = b""
        deadline = time.monotonic() + START_SECONDS_MAX
        while not line.endswith(b"\n"):
            line += self._process.stdout.read() or b""
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                self._process.stdout.close()
                raise AssertionError(f"did not become ready\n{self.log.read_text(errors='replace')[-8000:]}")
            time.sleep(0.02)
        return line.decode()


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def wait_until(holds: Any, seconds_max: float = 10.0) -> None:
    """Look until `holds()`; fails when it does not in time."""
    deadline = time.monotonic() + seconds_max
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""


@contextlib.contextmanager
def running_server(data: Path, **settings: str | int | bool) -> Iterator[RunningServer]:
    with RunningServer(data, **settings) as server:
        yield server
