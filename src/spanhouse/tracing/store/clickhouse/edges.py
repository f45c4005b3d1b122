# ruff: noqa: S608 (the text is ours; values are parameters)
"""The `Deriver` on ClickHouse: service edges, which need a call's both ends and so cannot come from one load."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from spanhouse.base.clock import NANOS_PER_DAY
from spanhouse.tracing.store.clickhouse.engine import Engine

_MINUTE_NS: Final = 60_000_000_000
_BUCKETS_BEFORE: Final = 12
"""A caller's span may have started up to an hour before the called one."""

_LATE_NS: Final = 10_000_000_000
"""A span that enters a service so soon after a minute's start may answer a call of the minute before."""

# Spans whose own clock is far from ours are left out: each would be a minute of its own.
_TOUCHED: Final = f"""
SELECT instance, arrayJoin(range(
    toUInt32(intDiv(start_time - if(kind IN (2, 5), {_LATE_NS}, 0), {_MINUTE_NS})),
    toUInt32(intDiv(start_time, {_MINUTE_NS}) + 1))) AS minute
FROM spans
WHERE start_time >= {_MINUTE_NS} AND received_at BETWEEN {{first:UInt64}} AND {{last:UInt64}}
    AND start_time + {7 * NANOS_PER_DAY} >= received_at AND start_time <= received_at + {NANOS_PER_DAY}
GROUP BY instance, minute
"""

_NAMED: Final = ", ".join(
    f"attributes_string['{name}']" for name in ("peer.service", "db.system.name", "db.system", "messaging.system")
)
"""What a caller says it calls, the most exact first."""

# An edge is a call that crosses from one service to another, or a loop-back call of a service to itself. Where no span
# answers a call (a database, a broker, a service that is not traced), what is called has the name its caller gives it.
# Each (instance, minute) also gets a row without names, so that a minute whose calls are gone is replaced too.
_RECOMPUTE: Final = f"""
INSERT INTO edges
WITH
    here AS (
        SELECT trace_id, span_id, parent_span_id, service, kind, status_code, attributes_string,
            toUInt32(intDiv(start_time, {_MINUTE_NS})) AS minute,
            toUInt32(intDiv(received_at, {NANOS_PER_DAY})) AS received_day
        FROM spans
        WHERE instance = {{instance:String}}
            AND start_bucket IN (SELECT arrayJoin({{buckets:Array(UInt32)}}))
            AND minute IN (SELECT arrayJoin({{minutes:Array(UInt32)}}))
    ),
    children AS (
        SELECT trace_id, parent_span_id, service, status_code, minute, received_day FROM here WHERE kind IN (2, 5)
    ),
    parents AS (
        SELECT trace_id, span_id, any(service) AS service, any(kind) AS kind
        FROM spans
        WHERE instance = {{instance:String}}
            AND start_bucket BETWEEN {{first_bucket:UInt32}} AND {{last_bucket:UInt32}}
            AND (trace_id, span_id) IN (SELECT trace_id, parent_span_id FROM children)
        GROUP BY trace_id, span_id
    ),
    clients AS (
        SELECT trace_id, span_id, service, status_code, minute, received_day,
            arrayFirst(name -> name != '', [{_NAMED}]) AS called
        FROM here
        WHERE kind IN (3, 4) AND called != ''
    ),
    answers AS (
        SELECT trace_id, parent_span_id
        FROM spans
        WHERE instance = {{instance:String}} AND kind IN (2, 5)
            AND start_bucket BETWEEN {{first_bucket:UInt32}} AND {{last_bucket:UInt32}}
            AND (trace_id, parent_span_id) IN (SELECT trace_id, span_id FROM clients)
    )
SELECT {{instance:String}}, children.received_day, children.minute, {{version:UInt64}},
    parents.service, children.service, count(), countIf(children.status_code = 2)
FROM children INNER JOIN parents
    ON children.trace_id = parents.trace_id AND children.parent_span_id = parents.span_id
WHERE parents.service != children.service OR parents.kind IN (3, 4)
GROUP BY children.received_day, children.minute, parents.service, children.service
UNION ALL
SELECT {{instance:String}}, received_day, minute, {{version:UInt64}}, service, called, count(), countIf(status_code = 2)
FROM clients
WHERE (trace_id, span_id) NOT IN (SELECT trace_id, parent_span_id FROM answers)
GROUP BY received_day, minute, service, called
UNION ALL
SELECT {{instance:String}}, received_day, minute, {{version:UInt64}}, '', '', 0, 0
FROM here GROUP BY received_day, minute
"""

_FORGET: Final = """
ALTER TABLE edges DELETE WHERE (instance, minute, version) NOT IN (
    SELECT instance, minute, max(version) FROM edges GROUP BY instance, minute)
"""


class ClickHouseDeriver:
    """Service edges by minute."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def touched(self, first: int, last: int) -> Collection[tuple[str, int]]:
        rows = self._engine.query(_TOUCHED, {"first": first, "last": last}, {"max_threads": 1}).rows()
        return [(str(instance), int(minute)) for instance, minute in rows]

    def recompute(self, instance: str, minutes: Collection[int], version: int) -> None:
        buckets = sorted({minute // 5 for minute in minutes})
        self._engine.command(
            _RECOMPUTE,
            {
                "instance": instance,
                "minutes": sorted(minutes),
                "buckets": buckets,
                "first_bucket": max(0, buckets[0] - _BUCKETS_BEFORE),
                "last_bucket": buckets[-1] + 1,
                "version": version,
            },
            {"max_threads": 1, "insert_deduplicate": 0, "async_insert": 0},
        )

    def forget_replaced(self) -> None:
        """Remove the rows that later versions have replaced."""
        self._engine.command(_FORGET, settings={"mutations_sync": 1})
