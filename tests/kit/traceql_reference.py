"""TraceQL said slowly: what a query finds and counts, on `Span` objects, straight from the language's definition.

It knows the syntax tree, the model of a span and the rule which times are believed, and nothing of plan and store, so
that those can be held against it. The parts: `traceql_values` (one span), `traceql_family` (a trace's tree),
`traceql_spansets` (filters, operators, pipelines), `traceql_metrics` and `traceql_comparison` (series).

What is not obvious, and held by recorded answers of a peer where those exist (tests/contracts/test_traceql_peers.py):

- A missing value is equal to nothing and different from nothing; only `= nil` is true of it. `!` of such a comparison
  is true. An array compares if one of its elements does; but it differs (`!=`, `!~`) only if all do that can be
  compared.
- `A op B` yields spans of B. Spans not reached from a root stand in no relation: `A > B` never has them, `A !> B`
  always. `A !> B` needs no A in the trace. Roots of one trace are siblings. `A &> B` has also the A that a B stands to.
- An operator makes one spanset of its sides' spansets; `&&` needs spans on both sides.
- `by()` parts each spanset by value and type; spans without the value are a group. Later stages see one spanset at a
  time and keep or drop it as a whole (comparison of figures) or keep some of its spans (filters, operators).
- Figures are of the spans that have a number; of none there is no figure, and no comparison with it holds.
- Of all this nothing depends on the time range. It says at the end which of the resulting spans are shown and counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spanhouse.tracing.plan.requests import Order
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.traceql.syntax import (
    Compare,
    Metrics,
    MetricsBinary,
    Query,
    Ranked,
    Series,
    Spanset,
    Threshold,
)
from tests.kit.traceql_family import Family
from tests.kit.traceql_metrics import Line, Point, Steps, lines, order
from tests.kit.traceql_spansets import Set, shown, spansets, typed
from tests.kit.traceql_values import first_value

ALWAYS = TimeRange(0, 2**64 - 1)


def families(spans: Iterable[Span]) -> list[Family]:
    by_trace: dict[bytes, list[Span]] = defaultdict(list)
    for span in spans:
        by_trace[span.trace_id].append(span)
    return [Family(members) for members in by_trace.values()]


# -- search


@dataclass
class Found:
    family: Family
    sets: list[Set]


def search(query: Spanset, traces: Sequence[Family], within: TimeRange = ALWAYS) -> dict[bytes, list[Set]]:
    """The spansets of each trace that has one."""
    return {found.family.spans[0].trace_id: found.sets for found in _found(query, traces, within)}


def ranked(query: Spanset, traces: Sequence[Family], within: TimeRange, order: Order) -> list[Found]:
    """All of them, the newest (slowest) first."""

    def rank(found: Found) -> tuple[Any, ...]:
        family, trace_id = found.family, found.family.spans[0].trace_id
        newest = (-family.start, trace_id)
        return newest if order is Order.NEWEST else (-family.duration, *newest)

    return sorted(_found(query, traces, within), key=rank)


def _found(query: Spanset, traces: Sequence[Family], within: TimeRange) -> Iterable[Found]:
    for family in traces:
        sets = []
        for one in spansets(query, family, family.spans):
            shown = [span for span in one.spans if within.start <= span.start_time <= within.end]
            if shown:
                sets.append(Set(shown, one.groups))
        if sets:
            yield Found(family, sets)


# -- metrics


def metrics(query: Metrics, traces: Sequence[Family], steps: Steps) -> dict[Any, Sequence[Point]]:
    """The points of each series, by its labels: (name, (type, value)) of each."""
    found: dict[Any, Sequence[Point]] = {}
    for line in lines(query, traces, steps):
        assert line.key not in found
        found[line.key] = line.points
    return found


def answer(query: Query, traces: Sequence[Family], within: TimeRange = ALWAYS) -> dict[str, list[list[str]]]:
    """Of a search: ids as text, for a person or a recorded answer to compare with."""
    root = query.root
    assert not isinstance(root, Series | Compare | Ranked | Threshold | MetricsBinary)
    return {
        trace_id.hex(): [[span.span_id.hex() for span in one.spans] for one in sets]
        for trace_id, sets in search(root, traces, within).items()
    }


__all__ = [
    "ALWAYS",
    "Family",
    "Found",
    "Line",
    "Set",
    "Steps",
    "answer",
    "families",
    "first_value",
    "lines",
    "metrics",
    "order",
    "ranked",
    "search",
    "shown",
    "typed",
]
