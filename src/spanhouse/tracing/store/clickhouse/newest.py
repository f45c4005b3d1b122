"""The newest traces without looking at all of them: slices of time, newest first, until no other can be newer.

What is known of a trace before it is looked up is a bound: its first matching span within a slice starts no earlier
than the trace. So traces are looked up in order of that bound, and the search ends when the last one wanted is newer
than the bound of all that were not looked up. A span of implausible time (plan/plausible.py) is no such bound: its
trace may start later. The few traces that match by one are given beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from spanhouse.tracing.plan.requests import TraceSummary
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.store.clickhouse.statements import BUCKET_NS

GROWTH: Final = 4
Candidates = Callable[[TimeRange, int], Sequence[tuple[bytes, int]]]
"""Of a slice at most so many traces with their first matching start, latest first."""
Summaries = Callable[[Sequence[bytes]], Mapping[bytes, TraceSummary]]


def newest(
    time_range: TimeRange, limit: int, unbounded: Sequence[bytes], candidates: Candidates, summaries: Summaries
) -> list[TraceSummary]:
    """The `limit` traces with the latest start, latest first, ties by id.

    `unbounded` are, of the traces that match by a span of implausible time, the `limit` with the latest start.
    """
    found = dict(summaries(unbounded))
    best: list[TraceSummary] = []
    for part in slices(time_range):
        size = 2 * limit + 20
        while True:
            rows = candidates(part, size)
            found.update(summaries([trace_id for trace_id, _ in rows if trace_id not in found]))
            best = sorted(found.values(), key=lambda summary: (-summary.start, summary.trace_id))[:limit]
            all_seen = len(rows) < size
            # Those not seen of this slice start at the last bound or before, those of older slices before this one.
            unseen = part.start - 1 if all_seen else rows[-1][1]
            if len(best) == limit and best[-1].start > unseen:
                return best
            if all_seen:
                break
            size *= GROWTH
    return best


def slices(time_range: TimeRange) -> Iterator[TimeRange]:
    """Adjoining parts of the range, newest first and ever longer, each from the start of a bucket.

    Only the last may start within one: it is then that bucket alone.
    """
    first_whole = -(-time_range.start // BUCKET_NS) * BUCKET_NS
    end, buckets = time_range.end, 1
    while end >= first_whole:
        start = max(first_whole, (end // BUCKET_NS - buckets + 1) * BUCKET_NS)
        yield TimeRange(start, end)
        end, buckets = start - 1, buckets * GROWTH
    if end >= time_range.start:
        yield TimeRange(time_range.start, end)
