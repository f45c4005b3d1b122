"""A client that goes away takes its question along: the engine is free for others at once."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest

from spanhouse.runtime.demo.filler import bodies
from tests.kit.server import RunningServer, wait_until

SPANS = 60_000
CONNECTIONS = 6
"""of the engine's pool"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("cancelling") / "data") as server:
        for body in bodies(SPANS, newest_ns=time.time_ns(), range_seconds=200):
            answer = httpx.post(
                f"{server.otlp_http}/v1/traces", content=body, headers={"content-type": "application/x-protobuf"}
            )
            assert answer.status_code == 200, answer.text
        wait_until(lambda: stored(server) == SPANS, 60)
        yield server


def stored(server: RunningServer) -> int:
    return int(httpx.get(f"{server.console}/api/v1/usage", timeout=30).json()["total"]["spans"])


def heavy(number: int) -> str:
    """A condition that no span satisfies and that takes long to see: every attribute's name is looked up for each."""
    tests = " || ".join(f".nothing{number}x{n} =~ `a{n}.*b`" for n in range(120))
    return f"{{ {tests} }}"


def ask(server: RunningServer, query: str) -> socket.socket:
    """A question whose answer is not read."""
    host, _, port = server.console.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)))
    target = f"/tempo/api/search?{urlencode({'q': query, 'limit': '20'})}"
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    return connection


def under_way(server: RunningServer) -> int:
    """Requests besides the one that asks."""
    text = httpx.get(f"{server.console}/metrics", timeout=60).text
    (line,) = (line for line in text.splitlines() if line.startswith("spanhouse_http_requests_running"))
    return int(float(line.split()[1])) - 1


def seconds_to_answer(server: RunningServer) -> float:
    started = time.perf_counter()
    answer = httpx.get(f"{server.console}/tempo/api/search", params={"q": "{ }", "limit": "1"}, timeout=60)
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - started


def test_questions_that_nobody_waits_for_hold_no_connection_of_the_engine(server: RunningServer) -> None:
    """As many at once as the engine's pool holds would let no other in until the first had ended."""
    started = time.perf_counter()
    httpx.get(f"{server.console}/tempo/api/search", params={"q": heavy(0), "limit": "20"}, timeout=60)
    alone = time.perf_counter() - started
    asking = [ask(server, heavy(number)) for number in range(1, CONNECTIONS + 1)]
    wait_until(lambda: under_way(server) >= CONNECTIONS)

    for connection in asking:
        connection.close()

    assert seconds_to_answer(server) < alone
    assert under_way(server) == 0
