"""A token bucket in whole numbers: exact at any rate, over any time, on any clock."""

from __future__ import annotations

from typing import NamedTuple

from spanhouse.base.clock import NANOS_PER_SECOND


class Bucket(NamedTuple):
    """How full it was at a moment: what was poured in and has not run out yet, in billionths of a unit."""

    level: int = 0
    at_ns: int = 0


EMPTY = Bucket()


def pour(bucket: Bucket, amount: int, *, rate: int, burst: int, now_ns: int) -> tuple[Bucket, int]:
    """Pour `amount` in, if it fits: the bucket after it, and 0; else the bucket as it is, and ns until it would fit.

    `rate` units run out in a second, `burst` units fit. More than `burst` at once fits an empty bucket and overfills
    it, so that a large batch is let in and the rate holds all the same. A clock that was set back takes nothing away.
    """
    level = max(0, bucket.level - max(0, now_ns - bucket.at_ns) * rate)
    poured = amount * NANOS_PER_SECOND
    room_at = max(0, burst * NANOS_PER_SECOND - poured)
    if level <= room_at:
        return Bucket(level + poured, now_ns), 0
    return Bucket(level, now_ns), -((room_at - level) // rate)


def take_back(bucket: Bucket, amount: int) -> Bucket:
    """As if `amount` had not been poured in."""
    return bucket._replace(level=max(0, bucket.level - amount * NANOS_PER_SECOND))
