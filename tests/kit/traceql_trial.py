"""The store's answer and the reference's to one query about the same spans, in a form in which they can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from spanhouse.tracing.plan.metrics import MetricsRequest
from spanhouse.tracing.plan.requests import FoundSpanset, Order, TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.traceql import to_metrics, to_spanset, to_text
from spanhouse.tracing.traceql.syntax import Query
from tests.kit import traceql_reference as reference
from tests.kit.spans import BASE, MS
from tests.kit.store import Store
from tests.kit.traceql_spans import SECONDS, a_crowd

S = 1_000 * MS
EVERYTHING = 10_000
"""traces: more than any crowd has"""
LOADS = 3
"""in which the spans come, so that traces lie in several"""


ALL_OF_THEM = TimeRange(BASE, BASE + SECONDS * S)


@dataclass(frozen=True)
class Asked:
    """How a search is put, beside its query."""

    within: TimeRange = ALL_OF_THEM
    order: Order = Order.NEWEST
    limit: int = EVERYTHING
    shown: int = 0
    """spans of each spanset; 0: all"""


asked = st.builds(
    Asked,
    st.sampled_from(
        [
            ALL_OF_THEM,
            ALL_OF_THEM,
            TimeRange(BASE - 3_600 * S, BASE + SECONDS * S),
            TimeRange(BASE + 5 * S, BASE + 12 * S),
            TimeRange(BASE + 9 * S + 1, BASE + 9 * S + MS),
        ]
    ),
    st.sampled_from(Order),
    st.sampled_from([EVERYTHING, 1, 5]),
    st.sampled_from([0, 0, 1, 3]),
)
steps = st.builds(
    lambda start, length, step: reference.Steps(BASE + start, BASE + start + length, step),
    st.sampled_from([0, 5 * S, 9 * S + 1]),
    st.sampled_from([S, 10 * S, SECONDS * S]),
    st.sampled_from([None, None, S, 7 * S, 60 * S]),
)


def tried(cases: int, *, shrink: bool = True) -> settings:
    """So many, without a clock. Making a failing case small takes minutes."""
    return settings(
        max_examples=max(1, cases),
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
    )


class Trial:
    """A crowd in the store and in the reference's hands. No dataclass, lest a failure prints all of its spans."""

    def __init__(self, store: Store, traces: int, seed: int) -> None:
        self.store, self.seed = store, seed
        self.scope = Scope(store.new_instance())
        spans = a_crowd(traces, seed)
        for load in range(LOADS):
            store.put(self.scope.instance, spans[load::LOADS])
        self.families = reference.families(spans)

    def search(self, query: Query, how: Asked) -> tuple[list[Any], list[Any]]:
        """What the store finds, and what the reference does."""
        found = reference.ranked(query.root, self.families, how.within, how.order)  # type: ignore[arg-type]
        where = to_spanset(to_text(query))
        request = TraceSearch(self.scope, how.within, where, how.order, how.limit, how.shown)

        answer = self.store.reader.search(request)

        return [
            (
                trace.summary.trace_id.hex(),
                _unordered(
                    (one.matched, [span.span_id.hex() for span in one.spans], _groups(one)) for one in trace.spansets
                ),
            )
            for trace in answer.traces
        ], [
            (one.family.spans[0].trace_id.hex(), _unordered(_first(each, how.shown) for each in one.sets))
            for one in found[: how.limit]
        ]

    def measure(self, query: Query, how: reference.Steps) -> tuple[Any, Any]:
        """What the store counts, and what the reference does."""
        counted = reference.metrics(query.root, self.families, how)  # type: ignore[arg-type]
        request = MetricsRequest(self.scope, TimeRange(how.start, how.end), to_metrics(to_text(query)), how.length)

        answer = self.store.reader.metrics(request)

        found = {
            tuple((name, reference.typed(value)) for name, value in series.labels): series.points
            for series in answer.series
        }
        return (answer.times, _rounded(found)), (tuple(how.times), _rounded(counted))


def _unordered(sets: Iterable[Any]) -> list[Any]:
    """The spansets of a trace have no order among themselves."""
    return sorted(sets, key=repr)


def _first(one: reference.Set, count: int) -> tuple[int, list[str], list[Any]]:
    shown = one.spans[: count or None]
    return len(one.spans), [span.span_id.hex() for span in shown], [reference.typed(value) for _, value in one.groups]


def _groups(one: FoundSpanset) -> list[Any]:
    """The values that parted it from others, without the figures that were compared."""
    return [reference.typed(value) for name, value in one.attributes if name.startswith("by(")]


def _rounded(series: Mapping[Any, Sequence[float | None]]) -> dict[Any, list[float | None]]:
    """To twelve digits: sums come in another order."""
    return {
        labels: [None if point is None else _digits(point) for point in points] for labels, points in series.items()
    }


def _digits(point: float) -> float:
    return point if point == 0 or not math.isfinite(point) else float(f"{point:.12g}")
