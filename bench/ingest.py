"""Ingest, freshness, disk, memory and plain queries against a real `spanhouse serve`, in one run."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.table import Table
from tests.kit.server import RunningServer

from bench.load import Canary, post_all
from bench.printing import milliseconds, out, quantiles
from bench.processes import cpu_seconds, resident_bytes
from bench.queries import compare, disk_by_column
from spanhouse.runtime.demo.filler import bodies

SPANS_PER_BODY = 1000
SETTLE_SECONDS = 20.0
SEARCHES = ("{}", "{ status = error }", "{ span.http.response.status_code >= 500 && duration > 100ms }")


def run(spans: int, stored: int) -> dict[str, object]:
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-") as directory:
        data = Path(directory) / "data"
        with RunningServer(data) as server:
            figures |= _measure_ingest(server, spans)
            figures |= _measure_freshness(server, rate=10_000, seconds=15)
            _fill(server, stored - _stored(server))
            figures["http_ms"] = _measure_api(server, f"Answers over HTTP with {stored:,} spans stored")
        dsn = f"chdb://{data / 'store'}"
        figures |= _measure_queries(dsn)
        figures |= _measure_disk(dsn)
    return figures


def _measure_ingest(server: RunningServer, spans: int) -> dict[str, object]:
    out.print(f"making {spans:,} spans that never repeat …")
    made = list(bodies(spans, newest_ns=time.time_ns(), spans_per_body=SPANS_PER_BODY))
    parse = _parse_seconds(made)
    pids = server.children()
    before = cpu_seconds(pids)
    started = time.perf_counter()
    with Canary(server.otlp_http, server.console) as canary:
        posted = post_all(server.otlp_http, made)
        _wait_until_stored(server, spans)
        stored_seconds = time.perf_counter() - started
    time.sleep(max(0.0, SETTLE_SECONDS - (time.perf_counter() - started - posted.seconds)))
    cpu = (cpu_seconds(pids) - before) / spans * 1e6
    parse_per_million = parse / spans * 1e6
    size = sum(map(len, made)) / spans
    memory = {role: resident_bytes(server.children(role)[0], "VmHWM") for role in ("ingest", "console")}
    table = Table(title=f"Ingest: {spans:,} spans, {size:.0f} B each on the wire", show_header=False)
    table.add_row("accepted", f"{spans / posted.seconds:,.0f} spans/s")
    table.add_row("stored", f"{spans / stored_seconds:,.0f} spans/s")
    table.add_row("batch latency p50 / p99", milliseconds(posted.latencies))
    table.add_row("refused and retried", f"{posted.refused:,} of {posted.batches:,} batches")
    table.add_row("CPU per million spans, all processes", f"{cpu:.1f} s")
    table.add_row("… ÷ parsing alone", f"{cpu / parse_per_million:.1f} × ({parse_per_million:.2f} s)")
    table.add_row("found after acknowledgement p50 / p99", milliseconds(canary.seconds))
    for role, most in memory.items():
        table.add_row(f"memory of {role}, at most", f"{most / 2**20:,.0f} MiB")
    out.print(table)
    return {
        "accepted_per_second": spans / posted.seconds,
        "stored_per_second": spans / stored_seconds,
        "cpu_seconds_per_million": cpu,
        "cpu_to_parse": cpu / parse_per_million,
        "fresh_ms": quantiles(canary.seconds),
        "memory_bytes": memory,
    }


def _measure_freshness(server: RunningServer, rate: int, seconds: int) -> dict[str, object]:
    """How soon a span is found while spans arrive steadily, at a rate the loader keeps up with."""
    made = list(bodies(rate * seconds, newest_ns=time.time_ns(), range_seconds=seconds, spans_per_body=SPANS_PER_BODY))
    before = _stored(server)
    arriving = threading.Thread(target=post_all, args=(server.otlp_http, _paced(made, rate / SPANS_PER_BODY)))
    with Canary(server.otlp_http, server.console) as canary:
        arriving.start()
        meanwhile = _measure_api(server, f"Answers over HTTP while {rate:,} spans/s arrive")
        arriving.join()
    _wait_until_stored(server, before + rate * seconds)
    out.print(f"found after acknowledgement at {rate:,} spans/s, p50 / p99: {milliseconds(canary.seconds)}")
    return {"fresh_steady_ms": quantiles(canary.seconds), "http_ms_during_ingest": meanwhile}


def _paced(made: Sequence[bytes], per_second: float) -> Iterator[bytes]:
    started = time.perf_counter()
    for number, body in enumerate(made):
        time.sleep(max(0.0, started + number / per_second - time.perf_counter()))
        yield body


def _parse_seconds(made: Sequence[bytes]) -> float:
    started = time.process_time()
    for body in made:
        ExportTraceServiceRequest.FromString(body)
    return time.process_time() - started


def _fill(server: RunningServer, spans: int) -> None:
    if spans <= 0:
        return
    out.print(f"filling the store with {spans:,} more …")
    total = _stored(server)
    post_all(server.otlp_http, bodies(spans, newest_ns=time.time_ns(), spans_per_body=SPANS_PER_BODY))
    _wait_until_stored(server, total + spans)


def _stored(server: RunningServer) -> int:
    """Spans the store holds, canaries left out."""
    answer = httpx.get(f"{server.console}/api/v1/usage", timeout=60)
    answer.raise_for_status()
    return sum(row["spans"] for row in answer.json()["services"] if row["service"] != "canary")


def _wait_until_stored(server: RunningServer, spans: int) -> None:
    """Every acknowledged span is counted in the store."""
    deadline = time.monotonic() + 600
    while (stored := _stored(server)) != spans:
        assert stored < spans, f"{stored:,} stored of {spans:,} sent"
        assert time.monotonic() < deadline, f"{stored:,} of {spans:,} stored in time"
        time.sleep(0.5)


def _measure_api(server: RunningServer, title: str) -> dict[str, object]:
    """Searches of the last two hours and one trace by id, one after the other."""
    table = Table("through the Tempo API", "p50 / p99", title=title)
    figures: dict[str, object] = {}
    now = time.time_ns() // 10**9
    window = {"start": now - 7200, "end": now}
    with httpx.Client(base_url=server.console, timeout=60) as client:
        newest = client.get("/tempo/api/search", params={"q": "{}", **window}).json()["traces"]
        asked = {query: ("/tempo/api/search", {"q": query, **window}) for query in SEARCHES}
        asked["trace by id"] = (f"/tempo/api/traces/{newest[-1]['traceID']}", {})
        for name, (address, parameters) in asked.items():
            seconds = []
            for _ in range(20):
                started = time.perf_counter()
                client.get(address, params=parameters).raise_for_status()
                seconds.append(time.perf_counter() - started)
            table.add_row(name, milliseconds(seconds))
            figures[name] = quantiles(seconds)
    out.print(table)
    return figures


def _measure_queries(dsn: str) -> dict[str, object]:
    table = Table("question", "ours p50 / p99", "plain SQL p50 / p99", "ratio of p50", title="Queries in process")
    figures = {}
    for timed in compare(dsn):
        ratio = statistics.median(timed.ours) / statistics.median(timed.raw)
        table.add_row(timed.name, milliseconds(timed.ours, 1), milliseconds(timed.raw, 1), f"{ratio:.2f}")
        figures[timed.name] = {"ours_ms": statistics.median(timed.ours), "ratio": ratio}
    out.print(table)
    return {"queries": figures}


def _measure_disk(dsn: str) -> dict[str, object]:
    total, columns = disk_by_column(dsn)
    table = Table("column", "B per span", title=f"Disk: {total:.1f} B per span in the spans table")
    for column, each in columns:
        table.add_row(column, f"{each:.2f}")
    out.print(table)
    return {"bytes_per_span": total, "bytes_by_column": dict(columns)}
