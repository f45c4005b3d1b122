"""A store of many traces (SOAK_TRACES, a million unless told otherwise) of which only the oldest matches gives it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanhouse.tracing.plan.requests import Order, TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.traceql import to_spanset
from tests.kit.spans import BASE, DAY
from tests.kit.store import Store

pytestmark = pytest.mark.soak

TRACES = int(os.environ.get("SOAK_TRACES", "1000000"))
ONE_BY_ONE_NS = DAY // TRACES
QUERIES = (
    '{ name = "oldest" }',
    '{ span.mark = "this" }',
    '{ name = "oldest" } > { kind = client }',
    '{ kind = server } >> { span.mark = "this" }',
    '{ span.mark = "this" } << { kind = server } | count() = 1',
    "{ } | by(name) | max(duration) > 1s",
)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(Path(tmp_path_factory.mktemp("many")))
    for first in range(0, TRACES, 100_000):
        store.engine.command(_filling(first, min(TRACES, first + 100_000)))
    yield store
    store.close()


def _filling(first: int, last: int) -> str:
    """Traces of a server's span and a client's below it, one after the other through a day."""
    return f"""
        INSERT INTO arrivals (instance, received_at, trace_id, span_id, parent_span_id, service, name, kind, start_time,
            length, attributes_string, span_names)
        SELECT 'i-many', {BASE + DAY}, toFixedString(unhex(hex(MD5(toString(intDiv(number, 2))))), 16),
            reinterpretAsFixedString(number + 1),
            if(number % 2, reinterpretAsFixedString(number), toFixedString('', 8)), 'web',
            multiIf(number = 0, 'oldest', number % 2, 'call', 'serve'), if(number % 2, 3, 2),
            {BASE} + intDiv(number, 2) * {ONE_BY_ONE_NS},
            if(number = 1, 2000000000, 1000000), map('mark', if(number = 1, 'this', 'that')),
            ['smark']
        FROM numbers({2 * first}, {2 * (last - first)})
    """


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("query", QUERIES)
def test_the_oldest_is_found(many: Store, query: str, order: Order) -> None:
    request = TraceSearch(Scope("i-many"), TimeRange(BASE, BASE + DAY), to_spanset(query), order)

    started = time.monotonic()
    answer = many.reader.search(request)
    print(f"{query} {order.value}: {time.monotonic() - started:.2f} s, {answer.cost.rows:,} rows")

    assert [found.summary.start for found in answer.traces] == [BASE]
