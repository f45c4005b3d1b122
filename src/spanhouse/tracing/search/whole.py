"""Whole traces, many at once: read a few at a time, so that no more of them is in memory than an answer needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from spanhouse.base import limits
from spanhouse.tracing.plan.requests import StoredTrace, TraceSummary
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search import find

SPANS_AT_ONCE: Final = 20_000
"""Spans read together, unless one trace alone has more."""
TRACES_AT_ONCE: Final = 50


def whole_traces(scope: Scope, found: Iterable[TraceSummary]) -> Iterator[StoredTrace]:
    """The traces of these summaries in their order, each of at most `TRACE_SPANS_MAX` spans."""
    for group in _groups(found):
        yield from find.traces(scope, group).values()


def within(found: Sequence[TraceSummary]) -> Sequence[TraceSummary]:
    """The first of these whose spans together fit into one answer (`ANSWER_SPANS_MAX`); always one."""
    total = 0
    for number, summary in enumerate(found):
        total += min(summary.spans, limits.TRACE_SPANS_MAX)
        if number and total > limits.ANSWER_SPANS_MAX:
            return found[:number]
    return found


def _groups(found: Iterable[TraceSummary]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    spans = 0
    for summary in found:
        if group and (spans + summary.spans > SPANS_AT_ONCE or len(group) == TRACES_AT_ONCE):
            yield group
            group, spans = [], 0
        group.append(summary.trace_id)
        spans += summary.spans
    if group:
        yield group
