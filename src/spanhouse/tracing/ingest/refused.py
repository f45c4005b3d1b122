"""What was refused of each instance, by reason and hour: kept in memory, written now and then for the control plane."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from spanhouse.base.ids import new_id
from spanhouse.contracts.refused import NANOS_PER_HOUR, Amount, Refused, RefusedIn
from spanhouse.tracing.ingest.kept_file import KeptFile

KEPT_HOURS = 48
"""So long the console may be down without anything going uncounted."""


class RefusedFile(KeptFile):
    """What this process refused, and those before it with the same file. `note` is for the event loop."""

    WHAT: ClassVar[str] = "what was refused"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        before = self._before(Refused.from_json) or Refused(new_id("r"))
        self._source = before.source
        self._amounts = dict(before.amounts)
        self._pruned_hour = -1

    def note(self, instance: str, reason: str, amount: Amount, now_ns: int) -> None:
        """Add to what was refused in this hour."""
        hour = now_ns // NANOS_PER_HOUR
        if hour != self._pruned_hour:
            self._prune(hour)
        at = RefusedIn(instance, reason, hour)
        before = self._amounts.get(at, Amount())
        self._amounts[at] = Amount(*(old + new for old, new in zip(before, amount, strict=True)))
        self._changed = True

    def _prune(self, hour: int) -> None:
        self._amounts = {at: amount for at, amount in self._amounts.items() if at.hour > hour - KEPT_HOURS}
        self._pruned_hour = hour

    def _content(self) -> bytes:
        return Refused(self._source, self._amounts.copy()).to_json()
