"""Generated queries about generated traces: the store answers as the slow reference does.

`SPANHOUSE_DIFFERENTIAL` says how many (300); `make soak` tries 10 000.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import given, note

from spanhouse.tracing.traceql import to_text
from spanhouse.tracing.traceql.syntax import Query
from tests.kit import traceql_queries as queries
from tests.kit.store import Store
from tests.kit.traceql_reference import Steps
from tests.kit.traceql_trial import Asked, Trial, asked, steps, tried

CASES = int(os.environ.get("SPANHOUSE_DIFFERENTIAL", "300"))
PARTS = 6
"""In which the cases are tried, lest one test takes minutes on a busy machine."""
TRACES = 30
SEED = 1


@pytest.fixture(scope="module")
def trial(store: Store) -> Trial:
    return Trial(store, TRACES, SEED)


@pytest.mark.parametrize("part", range(PARTS))
@tried(CASES * 2 // 3 // PARTS)
@given(queries.searches, asked)
def test_a_search_finds_what_the_reference_finds(trial: Trial, part: int, query: Query, how: Asked) -> None:
    note(to_text(query))

    found, expected = trial.search(query, how)

    assert found == expected


@pytest.mark.parametrize("part", range(PARTS))
@tried(CASES // 3 // PARTS)
@given(queries.metrics_queries, steps)
def test_a_metric_counts_what_the_reference_counts(trial: Trial, part: int, query: Query, how: Steps) -> None:
    note(to_text(query))

    counted, expected = trial.measure(query, how)

    assert counted == expected
