"""The newest traces without looking at all of them: slices of time, newest first, until no other can be newer.

What is known of a trace before it is looked up is a bound: its first span within a slice that may match starts no
earlier than the trace. So traces are looked up in order of that bound, and the search ends when the last one wanted is
newer than the bound of all that were not looked up. A span of implausible time (plan/plausible.py) is no such bound:
its trace may start later. The few traces that match by one are looked up beside the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from spanhouse.tracing.plan.requests import Place
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.store.clickhouse.statements import BUCKET_NS

GROWTH: Final = 4


class Hit(Protocol):
    """A trace that was found."""

    @property
    def trace_id(self) -> bytes: ...

    @property
    def start(self) -> int: ...


Found = TypeVar("Found", bound=Hit)


@dataclass(frozen=True, slots=True)
class Looked(Generic[Found]):
    """What came of looking up some of a slice's traces."""

    found: Sequence[Found]
    """those that match"""
    traces: int
    """how many were looked up"""
    bound: int
    """the last one's: the slice's other traces start at this or before"""
    complete: bool
    """the slice has no others"""
    implausible: bool = False
    """some trace may match by a span of implausible time"""


class Look(Protocol[Found]):
    def __call__(self, part: TimeRange, size: int, offset: int) -> Looked[Found]:
        """Look up at most `size` traces that have a span in `part` which may match, latest bound first, ties by id,
        after the first `offset`."""
        ...


def newest(
    time_range: TimeRange,
    limit: int,
    look: Look[Found],
    implausible: Callable[[], Sequence[Found]],
    after: Place | None = None,
) -> list[Found]:
    """The `limit` traces with the latest start, latest first, ties by id; only those `after` a place in that order.

    `time_range` holds all spans of plausible time that may match. `implausible` gives, of the traces that match by a
    span of implausible time, those with the latest start.
    """
    best: list[Found] = []
    asked = False
    size = 2 * limit + 20
    for part in slices(time_range):
        offset = 0
        while True:
            looked = look(part, size, offset)
            found = [*best, *looked.found]
            if looked.implausible and not asked:
                found += implausible()
                asked = True
            best = _best(found, limit, after)
            # Those not seen of this slice start at the last bound or before, those of older slices before this one.
            unseen = part.start - 1 if looked.complete else looked.bound
            if len(best) == limit and best[-1].start > unseen:
                return best
            if looked.complete:
                break
            offset, size = offset + looked.traces, size * GROWTH
    return best


def _best(found: Sequence[Found], limit: int, after: Place | None) -> list[Found]:
    each = {hit.trace_id: hit for hit in found}.values()
    eligible = [hit for hit in each if after is None or _place(hit) > (-after.start, after.trace_id)]
    return sorted(eligible, key=_place)[:limit]


def _place(hit: Hit) -> tuple[int, bytes]:
    return -hit.start, hit.trace_id


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
