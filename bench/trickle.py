"""What a service that is sent next to nothing costs: `python -m bench trickle`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from tests.kit.server import RunningServer

from bench.load import Canary, post_all
from bench.printing import milliseconds, out, quantiles
from bench.processes import cpu_seconds
from spanhouse.runtime.demo.filler import bodies

SPANS_PER_REQUEST = 20
WARM_UP_SECONDS = 10
REST_SECONDS = 2
"""Before the first request, for what a start leaves behind."""


@dataclass(frozen=True)
class Trickle:
    """Shares of one core, by process; `idle` with nothing sent at all. `fresh` in seconds."""

    idle: dict[str, float]
    busy: dict[str, float]
    fresh: list[float]


def run(seconds: int) -> dict[str, object]:
    found = measure(seconds)
    table = Table("process", "with nothing sent", "with a trickle", title="Share of a core")
    for role, busy in found.busy.items():
        table.add_row(role, f"{found.idle[role]:.1%}", f"{busy:.1%}")
    out.print(table)
    out.print(f"found after acknowledgement, p50 / p99: {milliseconds(found.fresh)}")
    return {"idle": found.idle, "busy": found.busy, "fresh_ms": quantiles(found.fresh)}


def measure(seconds: int) -> Trickle:
    """One request a second for `seconds`, after as long with none; then freshness, whose own questions cost too."""
    with (
        tempfile.TemporaryDirectory(prefix="spanhouse-bench-") as directory,
        RunningServer(Path(directory) / "data") as server,
    ):
        _send(server, WARM_UP_SECONDS)
        time.sleep(REST_SECONDS)
        idle = _shares(server, seconds, lambda: time.sleep(seconds))
        busy = _shares(server, seconds, lambda: _send(server, seconds))
        with Canary(server.otlp_http, server.console) as canary:
            _send(server, seconds)
    return Trickle(idle, busy, canary.seconds)


def _send(server: RunningServer, seconds: int) -> None:
    made = list(bodies(SPANS_PER_REQUEST * seconds, newest_ns=time.time_ns(), spans_per_body=SPANS_PER_REQUEST))
    started = time.perf_counter()
    for number, body in enumerate(made):
        time.sleep(max(0.0, started + number - time.perf_counter()))
        post_all(server.otlp_http, [body], threads=1)
    time.sleep(max(0.0, started + seconds - time.perf_counter()))


def _shares(server: RunningServer, seconds: int, meanwhile: Callable[[], None]) -> dict[str, float]:
    roles = {role: server.children(role) for role in ("ingest", "console")}
    before = {role: cpu_seconds(pids) for role, pids in roles.items()}
    meanwhile()
    return {role: (cpu_seconds(pids) - before[role]) / seconds for role, pids in roles.items()}
