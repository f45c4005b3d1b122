# ruff: noqa: S608 (ALTER takes no parameters: what is written into it are numbers and quoted instance ids of ours)
"""The `Eraser` on ClickHouse. Explicit cut-offs, never the engine's TTL: that runs by the machine's clock, cannot stand
still and cannot change afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from spanhouse.base.clock import NANOS_PER_DAY
from spanhouse.tracing.store.clickhouse.engine import Engine, quote

log = structlog.get_logger(__name__)

DAILY_ROLLUPS: Final = ("trace_summaries", "red_minutes", "attribute_name_sets", "edges")
"""Tables whose rows carry the day of receipt; they follow when the instance's whole day is gone."""

_EXPIRED: Final = "received_at < {cutoffs:Array(UInt64)}[indexOf({instances:Array(String)}, toString(instance))]"
_FIND: Final = f"""
SELECT toUInt32(intDiv(received_at, {NANOS_PER_DAY})) AS day, toString(instance), countIf({_EXPIRED}), count()
FROM spans WHERE received_at < {{latest:UInt64}} GROUP BY day, instance
"""


@dataclass(frozen=True, slots=True)
class _DayOfInstance:
    day: int
    instance: str
    expired: int
    spans: int

    @property
    def whole(self) -> bool:
        return self.expired == self.spans


class ClickHouseEraser:
    """Deletes by partition where a whole day is gone, by one mutation per day otherwise."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def expire(self, cutoffs: Mapping[str, int]) -> int:
        if not cutoffs:
            return 0
        by_day: dict[int, list[_DayOfInstance]] = defaultdict(list)
        for part in self._find(cutoffs):
            by_day[part.day].append(part)
        gone = 0
        for day, parts in sorted(by_day.items()):
            expired = [part for part in parts if part.expired]
            if not expired:
                continue
            gone += sum(part.expired for part in expired)
            if all(part.whole for part in parts) and self._day_is_over(day, cutoffs):
                self._drop_day(day)
            else:
                self._delete_from_day(day, expired, cutoffs)
        if gone:
            log.info("spans expired", spans=gone)
        return gone

    def _find(self, cutoffs: Mapping[str, int]) -> Sequence[_DayOfInstance]:
        # The whole of the last day touched is counted, so that `whole` is not said of a day that still has spans.
        latest = (max(cutoffs.values()) // NANOS_PER_DAY + 1) * NANOS_PER_DAY
        rows = self._engine.query(
            _FIND, {"instances": list(cutoffs), "cutoffs": list(cutoffs.values()), "latest": latest}, {}
        ).rows()
        return [_DayOfInstance(int(day), str(name), int(expired), int(spans)) for day, name, expired, spans in rows]

    @staticmethod
    def _day_is_over(day: int, cutoffs: Mapping[str, int]) -> bool:
        """A day that could still receive spans of anyone who keeps them is never dropped whole."""
        return (day + 1) * NANOS_PER_DAY <= min(cutoffs.values())

    def _drop_day(self, day: int) -> None:
        for table in ("spans", *DAILY_ROLLUPS):
            self._engine.command(f"ALTER TABLE {table} DROP PARTITION {int(day)}")

    def _delete_from_day(self, day: int, expired: Sequence[_DayOfInstance], cutoffs: Mapping[str, int]) -> None:
        conditions = [
            f"(instance = {quote(part.instance)} AND received_at < {int(cutoffs[part.instance])})" for part in expired
        ]
        self._mutate("spans", day, " OR ".join(conditions))
        for part in expired:
            instance = f"instance = {quote(part.instance)}"
            if part.whole:
                for table in DAILY_ROLLUPS:
                    self._mutate(table, day, instance)
            else:
                left = f"SELECT trace_id FROM spans WHERE {instance}"
                self._mutate("trace_summaries", day, f"{instance} AND trace_id NOT IN ({left})")

    def _mutate(self, table: str, day: int, where: str) -> None:
        self._engine.command(
            f"ALTER TABLE {table} DELETE IN PARTITION {int(day)} WHERE {where}", settings={"mutations_sync": 1}
        )
