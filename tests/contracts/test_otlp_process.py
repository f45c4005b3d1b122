"""The ingest process as the supervisor runs it: a real process, a real journal, real signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse.tracing.journal.envelope import Frame, scan, split_body
from spanhouse.tracing.journal.segments import closed_segments
from tests.kit.ingest import grants, write_grants
from tests.kit.otlp import make_request, make_span

PROTOBUF = {"content-type": "application/x-protobuf"}
SECONDS_MAX = 30


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    write_grants(tmp_path, grants())
    ours = {"DATA": str(tmp_path), "OTLP_HTTP_PORT": str(free_port()), "OTLP_GRPC_PORT": str(free_port())}
    return {**os.environ, **{f"SPANHOUSE_{name}": value for name, value in ours.items()}}


@contextmanager
def ingest_process(environment: Mapping[str, str], index: int = 0) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "spanhouse.runtime.ingest_process", str(index)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def ready_client(environment: Mapping[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{environment['SPANHOUSE_OTLP_HTTP_PORT']}", timeout=10) as client:
        _wait_for_health(client)
        yield client


def _wait_for_health(client: httpx.Client) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            client.get("/healthz").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the process never answered")


def journalled_spans(directory: Path) -> list[str]:
    """Names of all spans in closed segments."""
    names = []
    for segment in closed_segments(directory / "journal"):
        view = memoryview(segment.read_bytes())
        for frame in scan(view):
            assert isinstance(frame, Frame)
            request = ExportTraceServiceRequest.FromString(split_body(view, frame)[1])
            names += [span.name for r in request.resource_spans for s in r.scope_spans for span in s.spans]
    return names


def test_a_stop_under_load_keeps_all_that_was_acknowledged(environment: Mapping[str, str], tmp_path: Path) -> None:
    acknowledged: list[str] = []

    def send(sender: int, client: httpx.Client) -> None:
        for number in range(1, 10_000):
            name = f"sender {sender} span {number}"
            body = make_request(make_span(number, name=name)).SerializeToString()
            try:
                if client.post("/v1/traces", content=body, headers=PROTOBUF).status_code == 200:
                    acknowledged.append(name)
            except httpx.TransportError:
                return

    with ingest_process(environment) as process, ready_client(environment) as client:
        senders = [threading.Thread(target=send, args=(sender, client)) for sender in range(4)]
        for sender in senders:
            sender.start()
        while len(acknowledged) < 50:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS_MAX) == 0
        for sender in senders:
            sender.join(SECONDS_MAX)

    found = journalled_spans(tmp_path)
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))


def test_a_taken_port_ends_the_process_with_a_reason(environment: Mapping[str, str]) -> None:
    with ingest_process(environment), ready_client(environment), ingest_process(environment, 1) as second:
        assert second.wait(SECONDS_MAX) == 2
        assert second.stderr is not None
        assert "cannot listen on 127.0.0.1" in second.stderr.read()


def test_several_processes_share_the_ports(environment: Mapping[str, str], tmp_path: Path) -> None:
    shared = {**environment, "SPANHOUSE_INGEST_PROCESSES": "2"}
    with ExitStack() as stack:
        processes = [stack.enter_context(ingest_process(shared, index)) for index in range(2)]
        stack.enter_context(ready_client(shared))
        for number in range(1, 41):
            body = make_request(make_span(number)).SerializeToString()
            url = f"http://127.0.0.1:{shared['SPANHOUSE_OTLP_HTTP_PORT']}/v1/traces"
            assert httpx.post(url, content=body, headers=PROTOBUF).status_code == 200
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(SECONDS_MAX) for process in processes] == [0, 0]

    assert sorted(journalled_spans(tmp_path)) == sorted(f"span {number}" for number in range(1, 41))


def test_a_stop_does_not_wait_for_idle_connections(environment: Mapping[str, str]) -> None:
    with ingest_process(environment) as process, ready_client(environment):
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()

        assert process.wait(SECONDS_MAX) == 0
        assert time.monotonic() - started < 5


def test_a_stop_does_not_wait_for_a_body_that_stalls(environment: Mapping[str, str], tmp_path: Path) -> None:
    with ingest_process(environment) as process, ready_client(environment) as client:
        address = ("127.0.0.1", int(environment["SPANHOUSE_OTLP_HTTP_PORT"]))
        with socket.create_connection(address, timeout=SECONDS_MAX) as stalled:
            head = (
                "POST /v1/traces HTTP/1.1",
                "Host: localhost",
                "Content-Type: application/json",
                "Content-Length: 99",
            )
            stalled.sendall("\r\n".join((*head, "", "{")).encode())
            client.get("/healthz")
            process.send_signal(signal.SIGTERM)
            answer = stalled.recv(4096)
        started = time.monotonic()

        assert process.wait(SECONDS_MAX) == 0
        assert time.monotonic() - started < 5
    assert answer == b"" or answer.startswith(b"HTTP/1.1 503")
    assert journalled_spans(tmp_path) == []
