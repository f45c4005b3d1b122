"""A client that posts bodies as fast as they are taken, and a canary that measures how soon a span is found."""

from __future__ import annotations

import http.client
import os
import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HEADERS = {"Content-Type": "application/x-protobuf"}
FOUND_SECONDS_MAX = 30.0


@dataclass
class Posted:
    """What a run of `post_all` saw. Seconds."""

    batches: int = 0
    refused: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)


def post_all(endpoint: str, bodies: Iterable[bytes], threads: int = 4) -> Posted:
    """Post every body once; a 429 or 503 is tried again as its Retry-After says."""
    waiting: queue.Queue[bytes | None] = queue.Queue(maxsize=threads * 4)
    posted = Posted()
    lock = threading.Lock()
    workers = [threading.Thread(target=_post, args=(endpoint, waiting, posted, lock)) for _ in range(threads)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for body in bodies:
        waiting.put(body)
    for _ in workers:
        waiting.put(None)
    for worker in workers:
        worker.join()
    posted.seconds = time.perf_counter() - started
    return posted


def _post(endpoint: str, waiting: queue.Queue[bytes | None], posted: Posted, lock: threading.Lock) -> None:
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
    while (body := waiting.get()) is not None:
        started = time.perf_counter()
        refused = 0
        while (wait := _post_once(connection, body)) is not None:
            refused += 1
            time.sleep(wait)
        with lock:
            posted.batches += 1
            posted.refused += refused
            posted.latencies.append(time.perf_counter() - started)
    connection.close()


def _post_once(connection: http.client.HTTPConnection, body: bytes) -> float | None:
    """None when taken, else seconds to wait."""
    connection.request("POST", "/v1/traces", body, HEADERS)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status == 200:
        return None
    if answer.status in (429, 503):
        return float(answer.headers.get("Retry-After", "1"))
    raise AssertionError(f"{answer.status}: {content!r}")


class Canary:
    """Posts one span after another and looks for it by trace id; `seconds` holds how long each took to be found."""

    def __init__(self, otlp: str, console: str) -> None:
        self._otlp, self._console = otlp, console
        self.seconds: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Canary:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        otlp = http.client.HTTPConnection(urlsplit(self._otlp).netloc, timeout=60)
        console = http.client.HTTPConnection(urlsplit(self._console).netloc, timeout=60)
        while not self._stop.wait(0.5):
            trace_id = os.urandom(16)
            while (wait := _post_once(otlp, _one_span(trace_id))) is not None:
                time.sleep(wait)
            self.seconds.append(_seconds_until_found(console, trace_id))


def _seconds_until_found(console: http.client.HTTPConnection, trace_id: bytes) -> float:
    acknowledged = time.perf_counter()
    while time.perf_counter() - acknowledged < FOUND_SECONDS_MAX:
        console.request("GET", f"/tempo/api/traces/{trace_id.hex()}")
        answer = console.getresponse()
        answer.read()
        if answer.status == 200:
            return time.perf_counter() - acknowledged
        time.sleep(0.1)
    raise AssertionError(f"{trace_id.hex()} was acknowledged and not found in {FOUND_SECONDS_MAX} s")


def _one_span(trace_id: bytes) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    name = resource.resource.attributes.add()
    name.key, name.value.string_value = "service.name", "canary"
    span = resource.scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = trace_id, os.urandom(8), "canary"
    span.start_time_unix_nano = time.time_ns()
    span.end_time_unix_nano = span.start_time_unix_nano + 1_000_000
    return request.SerializeToString()
