"""Questions through the reader beside the same questions as plain SQL, in one process and on one store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from spanhouse.tracing.plan.predicates import Attribute, Compare, Constant, Intrinsic, Predicate
from spanhouse.tracing.plan.requests import Order, TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.clickhouse.engine import Engine
from spanhouse.tracing.store.clickhouse.read import ClickHouseReader
from spanhouse.tracing.store.clickhouse.rows import SPAN_COLUMNS

ROUNDS = 20
SCOPE = Scope("local")


@dataclass(frozen=True)
class Timed:
    """Milliseconds."""

    name: str
    ours: list[float]
    raw: list[float]


def compare(dsn: str) -> list[Timed]:
    """Open the store at `dsn` (nobody else may have it open) and time each question."""
    engine = Engine.open(dsn, connections=2)
    reader = ClickHouseReader(engine)
    try:
        return [_time(name, ours, raw) for name, ours, raw in _questions(engine, reader)]
    finally:
        engine.close()


def _questions(
    engine: Engine, reader: ClickHouseReader
) -> list[tuple[str, Callable[[], object], Callable[[], object]]]:
    ids = [bytes.fromhex(row[0]) for row in _run(engine, "SELECT hex(trace_id) FROM spans ORDER BY rand() LIMIT 50")]
    ((first, last),) = _run(engine, "SELECT min(start_time), max(start_time) FROM spans WHERE service != 'canary'")
    times = TimeRange(int(first), int(last))
    ((service,),) = _run(engine, "SELECT service FROM spans GROUP BY service ORDER BY count() DESC LIMIT 1")
    turn = iter(range(10**9))

    def trace() -> object:
        return reader.trace(SCOPE, ids[next(turn) % len(ids)], 10_000)

    def raw_trace() -> object:
        wanted = ids[next(turn) % len(ids)].hex()
        return _run(
            engine,
            f"SELECT {', '.join(SPAN_COLUMNS)} FROM spans WHERE instance = 'local' AND trace_id = unhex('{wanted}')",
        )

    def search(where: Predicate, order: Order = Order.NEWEST) -> Callable[[], object]:
        return lambda: reader.search(TraceSearch(SCOPE, times, where, order, limit=20))

    def raw(condition: str, order: str = "min(start)") -> Callable[[], object]:
        """Traces with a span that satisfies `condition`, by a figure of the whole trace, as the reader has it."""
        found = (
            f"SELECT trace_id FROM spans WHERE instance = 'local' AND start_time BETWEEN {times.start} AND {times.end} "
            f"AND {condition}"
        )
        sql = (
            "SELECT hex(trace_id), min(start), max(end), sum(spans), sum(errors) FROM trace_summaries "
            f"WHERE instance = 'local' AND trace_id IN ({found}) GROUP BY trace_id ORDER BY {order} DESC LIMIT 20"
        )
        return lambda: _run(engine, sql)

    failed = Compare(Intrinsic.STATUS, "=", 2)
    of_service = Compare(Intrinsic.SERVICE, "=", service)
    code = Compare(Attribute("span", "http.response.status_code"), ">=", 500)
    in_service = f"service = '{service}'"
    return [
        ("trace by id", trace, raw_trace),
        ("newest 20", search(Constant(True)), raw("1")),
        ("newest 20 with an error", search(failed), raw("status_code = 2")),
        ("newest 20 of a service", search(of_service), raw(in_service)),
        ("newest 20, status code >= 500", search(code), raw("attributes_int['http.response.status_code'] >= 500")),
        (
            "slowest 20 of a service",
            search(of_service, Order.SLOWEST),
            raw(in_service, "max(end) - min(start)"),
        ),
    ]


def _run(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in engine.query(sql, {}, {}).rows()]


def _time(name: str, ours: Callable[[], object], raw: Callable[[], object]) -> Timed:
    """In turns, so that whatever else the machine does meets both; the first of each only warms up."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS + 1):
        for ask, seen in zip((ours, raw), times, strict=True):
            started = time.perf_counter()
            ask()
            if turn:
                seen.append((time.perf_counter() - started) * 1000)
    return Timed(name, *times)


def disk_by_column(dsn: str) -> tuple[float, list[tuple[str, float]]]:
    """(bytes per span of the spans table, [(column, bytes per span)] largest first)."""
    engine = Engine.open(dsn, connections=1)
    try:
        engine.command("OPTIMIZE TABLE spans FINAL")
        table = "active AND database = 'spanhouse' AND table = 'spans'"
        ((total,),) = _run(engine, f"SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE {table}")
        columns = _run(
            engine,
            "SELECT column, sum(column_data_compressed_bytes) / sum(rows) AS each "
            f"FROM system.parts_columns WHERE {table} GROUP BY column ORDER BY each DESC LIMIT 12",
        )
    finally:
        engine.close()
    return float(str(total)), [(str(column), float(str(each))) for column, each in columns]
