"""`spanhouse demo` as a person types it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.demo.stub import Answer, receiver, refusing
from tests.kit.server import RunningServer, alive, wait_until

DEMO = [sys.executable, "-m", "spanhouse", "demo"]
READY_SECONDS_MAX = 40.0


def fill(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *options], capture_output=True, text=True, timeout=60, check=False)


def test_filling_counts_every_acknowledged_span() -> None:
    with receiver() as server:
        done = fill("--spans", "5500", "--endpoint", server.endpoint)

    assert done.returncode == 0, done.stderr
    assert "5,500 of 5,500 spans acknowledged" in done.stdout
    assert len(server.taken) == 6


def test_filling_fails_when_a_span_is_refused() -> None:
    with receiver(refusing(2)) as server:
        done = fill("--spans", "1000", "--endpoint", server.endpoint)

    assert done.returncode == 1
    assert "998 of 1,000 spans acknowledged" in done.stdout
    assert "2 spans were refused" in done.stderr


def test_a_filled_store_holds_every_acknowledged_span(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        done = server.cli("demo", "--spans", "4321", "--services", "5")
        held: dict[str, Any] = {}

        def loaded() -> bool:
            held.update(httpx.get(f"{server.console}/api/v1/usage").json())
            return bool(held["total"]["spans"] >= 4321)

        wait_until(loaded, 20)

    assert "4,321 of 4,321 spans acknowledged" in done.stdout
    assert held["total"]["spans"] == 4321
    assert len(held["services"]) == 5


def test_a_wrong_key_is_said_in_one_line() -> None:
    with receiver(*[Answer(401)] * 8) as server:
        done = fill("--spans", "10", "--endpoint", server.endpoint, "--key", "wrong")

    assert done.returncode == 2
    assert "401" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [("--spans", "0"), ("--spans", "10", "--over", "soon"), ("--rate", "-1")])
def test_options_that_make_no_sense_are_refused(options: tuple[str, ...]) -> None:
    done = fill(*options)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def processes_below(pid: int) -> list[int]:
    """Process ids of all descendants."""
    tasks = Path(f"/proc/{pid}/task")
    found = [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    return found + [grandchild for child in found for grandchild in processes_below(child)]


def accepted_spans(server: RunningServer) -> float:
    metrics = httpx.get(f"{server.otlp_http}/metrics").text
    return sum(
        float(line.split()[-1])
        for line in metrics.splitlines()
        if line.startswith("spanhouse_ingest_spans_accepted_total")
    )


def test_the_shop_sends_and_ctrl_c_ends_everything(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data")
    errors = (tmp_path / "errors").open("w+")
    process = subprocess.Popen(
        DEMO, env=server.environment(), stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
    )
    watchdog = threading.Timer(READY_SECONDS_MAX, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        printed = ""
        while "first traces" not in printed:
            line = process.stdout.readline()
            assert line, (tmp_path / "errors").read_text()
            printed += line
        wait_until(lambda: accepted_spans(server) > 500, 20)
        family = processes_below(process.pid)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does

        assert process.wait(20) == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
        errors.close()

    assert server.console in printed
    assert server.otlp_http in printed
    assert server.otlp_grpc in printed
    assert "/login/link/" in printed
    assert len(family) >= 3
    wait_until(lambda: not any(alive(pid) for pid in family), 5)
    said = (tmp_path / "errors").read_text()
    assert "Traceback" not in said
    assert "Transient error" not in said
