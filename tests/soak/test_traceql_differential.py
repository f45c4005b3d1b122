"""Ten thousand generated queries, each about one of many crowds of traces: the store answers as the reference does.

SOAK_QUERIES says how many, SOAK_SEED where to begin.
"""

from __future__ import annotations

import os
import random
import time

import pytest
from hypothesis import given, note, seed

from spanhouse.tracing.traceql import to_text
from spanhouse.tracing.traceql.syntax import Query
from tests.kit import traceql_queries as queries
from tests.kit.store import Store
from tests.kit.traceql_reference import Steps
from tests.kit.traceql_trial import Asked, Trial, asked, steps, tried

pytestmark = pytest.mark.soak

QUERIES = int(os.environ.get("SOAK_QUERIES", "10000"))
FIRST = int(os.environ.get("SOAK_SEED", random.randrange(10**6)))
CROWDS = 20
TRACES = 60


@pytest.mark.parametrize("number", range(CROWDS))
def test_the_store_answers_as_the_reference_does(store: Store, number: int) -> None:
    began, trial = time.monotonic(), Trial(store, TRACES, FIRST + number)
    count = QUERIES // CROWDS

    @seed(FIRST + number)
    @tried(count * 2 // 3, shrink=False)
    @given(queries.searches, asked)
    def searches(query: Query, how: Asked) -> None:
        note(to_text(query))
        found, expected = trial.search(query, how)
        assert found == expected

    @seed(FIRST + number)
    @tried(count - count * 2 // 3, shrink=False)
    @given(queries.metrics_queries, steps)
    def metrics(query: Query, how: Steps) -> None:
        note(to_text(query))
        counted, expected = trial.measure(query, how)
        assert counted == expected

    searches()
    metrics()
    print(f"SOAK_SEED={FIRST} crowd {number}: {count} queries in {time.monotonic() - began:.0f} s")
