"""What a span store can do. Read this first; `clickhouse/` is the one that does it.

Reader's methods block and may be called from several threads at once. Each raises `QueryLimitReached` when it runs
into a limit. All times and durations in ns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from spanhouse.tracing.plan.calls import CallsPoint, CallsRequest
from spanhouse.tracing.plan.metrics import MetricsAnswer, MetricsRequest
from spanhouse.tracing.plan.predicates import AttributeScope, Field, Predicate
from spanhouse.tracing.plan.requests import (
    EVERY_SPAN,
    Edge,
    RedPoint,
    RedRow,
    SearchAnswer,
    StoredTrace,
    TraceSearch,
    UsageRow,
)
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.values import FieldValues

OPERATIONS_DEFAULT: Final = 1_000
OPERATION_NAMES_MAX: Final = 200_000
"""A service that puts ids into its names has no end of them; more than these no list can show."""


class Refusal(Exception):
    """The engine's reader does not accept these bytes; another try will not help."""


class Writer(Protocol):
    """One load at a time. To survive a crash the caller keeps the `position` from before a load durably, and until that
    load has ended begins no other."""

    def position(self, received_at: int) -> str:
        """What the store holds now of the day of `received_at` (ns), in a form of its own."""
        ...

    def load(self, segment: Path, token: str) -> None:
        """Store a file of length-delimited envelopes, all received on one day (UTC), durably. `token` is never reused.

        Raises `Refusal` when the engine cannot read the bytes; then nothing of it is stored.
        """
        ...

    def resume(self, segment: Path, token: str, position: str) -> None:
        """Store what a load begun at `position` has left out, however it ended; nothing if it had stored all."""
        ...


class Reader(Protocol):
    def trace(self, scope: Scope, trace_id: bytes, span_limit: int) -> StoredTrace: ...

    def traces(self, scope: Scope, trace_ids: Sequence[bytes], span_limit: int) -> Mapping[bytes, StoredTrace]:
        """Those of these traces that exist, each of at most `span_limit` spans."""
        ...

    def search(self, request: TraceSearch) -> SearchAnswer: ...

    def metrics(self, request: MetricsRequest) -> MetricsAnswer: ...

    def services(self, scope: Scope, time_range: TimeRange) -> Sequence[RedRow]:
        """One row per service, by name. Counts entry spans (server, consumer) or, where a service has none, all."""
        ...

    def operations(
        self, scope: Scope, time_range: TimeRange, service: str | None = None, *, limit: int = OPERATIONS_DEFAULT
    ) -> Sequence[RedRow]:
        """One row per service, operation and kind; the `limit` with the most calls, most first."""
        ...

    def service_names(self, scope: Scope, time_range: TimeRange) -> Sequence[str]:
        """Distinct services, in order: cheaper than `services`."""
        ...

    def operation_names(
        self, scope: Scope, time_range: TimeRange, service: str | None = None, *, limit: int = OPERATION_NAMES_MAX
    ) -> Sequence[tuple[str, str, int]]:
        """Distinct (service, operation, kind), the first `limit` in order: cheaper than `operations`."""
        ...

    def red_series(
        self, scope: Scope, time_range: TimeRange, step: int, service: str | None = None, operation: str | None = None
    ) -> Sequence[RedPoint]:
        """Points every `step` ns (a multiple of a minute); steps without calls are left out."""
        ...

    def edges(self, scope: Scope, time_range: TimeRange) -> Sequence[Edge]: ...

    def attribute_names(
        self, scope: Scope, time_range: TimeRange, of: AttributeScope = "any", where: Predicate = EVERY_SPAN
    ) -> Sequence[tuple[AttributeScope, str]]:
        """(scope, name), in order; with a condition those of the newest spans that satisfy it."""
        ...

    def field_values(
        self, scope: Scope, time_range: TimeRange, field: Field, limit: int, where: Predicate = EVERY_SPAN
    ) -> FieldValues:
        """At most `limit` values that the field has on the newest spans that satisfy `where`.

        Looks at ever older spans of the range until there are enough values, until half a million spans had the field,
        or, once one has it, until two million were looked at. Fields that have as many values as there are spans
        (times, durations, ids) list none.
        """
        ...

    def first_attribute_values(
        self,
        scope: Scope,
        time_range: TimeRange,
        service: str,
        names: Sequence[str],
        kinds: Collection[int],
        limit: int,
    ) -> Sequence[str]:
        """Distinct texts, in order: of each span of these kinds the first of these attributes that holds one."""
        ...

    def orphans(self, scope: Scope, trace_ids: Sequence[bytes]) -> Mapping[bytes, int]:
        """Of each of these traces, how many spans have a parent that is not among its spans."""
        ...

    def calls(self, request: CallsRequest) -> Sequence[CallsPoint]:
        """By service, operation and time."""
        ...

    def usage(self, scope: Scope, received: TimeRange) -> Sequence[UsageRow]:
        """What was taken in, by service and each hour of receipt that overlaps `received`. Deletions change nothing."""
        ...


class Deriver(Protocol):
    """Recomputes the rollups that a view over one load cannot make, for the minutes a load touched."""

    def touched(self, first: int, last: int) -> Collection[tuple[str, int]]:
        """(instance, minute since the epoch) of the spans received between `first` and `last`, both included."""
        ...

    def recompute(self, instance: str, minutes: Collection[int], version: int) -> None:
        """Replace what is derived of these minutes; a higher `version` replaces a lower one."""
        ...


class Eraser(Protocol):
    def expire(self, cutoffs: Mapping[str, int]) -> int:
        """Delete what each instance received before its cut-off (ns), from spans and rollups; never anything later.

        Usage stays. Returns how many spans went. Instances not named are not touched.
        """
        ...
