"""Which times of spans count for their trace's start, end and duration.

A span's time is implausible when it starts before 2000 (unset clocks say 1970) or more than a day after its receipt,
which no honest clock does. A plausible span that ends more than a day after its receipt ends, for its trace, where it
starts; one that ends before it starts likewise. A trace's start and end are those of its plausible spans; only a trace
without any has the raw ones. Nothing stored is changed, and each span keeps the times it was sent with.

The store says the same in SQL: `schema/0005_trace_summaries.sql` as spans arrive, `statements.py` over stored spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spanhouse.base.clock import NANOS_PER_DAY
from spanhouse.tracing.spans.model import Span

EARLIEST_PLAUSIBLE: Final = 946_684_800_000_000_000
"""2000-01-01, ns since the epoch."""
LATEST_PLAUSIBLE: Final = 4_102_444_800_000_000_000
"""2100-01-01: the bound where a span's time of receipt is not known, as of the stubs of hidden spans."""
CLOCK_AHEAD_MAX: Final = NANOS_PER_DAY
"""How far ahead of its receipt a span's time may be."""


def plausible(span: Span) -> bool:
    """Whether a span's start may be believed."""
    return EARLIEST_PLAUSIBLE <= span.start_time <= _latest(span)


def extent(spans: Sequence[Span]) -> tuple[int, int]:
    """Start and end of a trace of these spans, at least one; ns since the epoch."""
    believed = [span for span in spans if plausible(span)]
    if believed:
        return min(span.start_time for span in believed), max(map(_believed_end, believed))
    return min(span.start_time for span in spans), max(max(span.start_time, span.end_time) for span in spans)


def _believed_end(span: Span) -> int:
    return max(span.start_time, span.end_time) if span.end_time <= _latest(span) else span.start_time


def _latest(span: Span) -> int:
    return span.received_at + CLOCK_AHEAD_MAX if span.received_at else LATEST_PLAUSIBLE
