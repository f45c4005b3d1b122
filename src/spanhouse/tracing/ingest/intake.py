"""The use case: a body that was admitted → checked, journalled, acknowledged. Knows no sockets and no store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from spanhouse.base.clock import Clock
from spanhouse.base.errors import SpanhouseError
from spanhouse.contracts.grant import Grants
from spanhouse.tracing.ingest import counters
from spanhouse.tracing.ingest.admission import Admitted, Caller, admit
from spanhouse.tracing.ingest.limiter import Limiter
from spanhouse.tracing.ingest.pressure import InFlight
from spanhouse.tracing.ingest.rates import Batch
from spanhouse.tracing.journal import Envelope, Portion
from spanhouse.tracing.wire.otlp import CheckedBody, read_protobuf
from spanhouse.tracing.wire.otlp_json import read_json
from spanhouse.tracing.wire.span_limits import SpanLimits

Encoding: TypeAlias = Literal["protobuf", "json"]

HASH_BYTES = 16
LARGE_BODY_BYTES_MIN = 1024 * 1024

_READERS: Mapping[Encoding, Callable[[bytes, SpanLimits | None], CheckedBody]] = {
    "protobuf": read_protobuf,
    "json": read_json,
}


class Appends(Protocol):
    """The journal, as seen from here."""

    async def append(self, envelope: Envelope) -> None: ...


class GrantsSource(Protocol):
    def current(self) -> Grants: ...


class NotesUse(Protocol):
    def note(self, key_id: str, now_ns: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Durable now: all spans but the `rejected` ones, and `reason` says why those."""

    rejected: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Intake:
    """Shared by the listeners of a process."""

    journal: Appends
    grants: GrantsSource
    clock: Clock
    in_flight: InFlight
    uses: NotesUse
    limiter: Limiter
    large: asyncio.Lock = field(default_factory=asyncio.Lock)

    def admit(self, caller: Caller) -> Admitted:
        """Raises what `admission.admit` does, and Unavailable until the keys are known."""
        now_ns = self.clock.now_ns()
        admitted = admit(self.grants.current(), caller, now_ns)
        self.uses.note(admitted.key_id, now_ns)
        return admitted

    async def take(self, admitted: Admitted, body: bytes, encoding: Encoding) -> Acknowledgement:
        """Return once the spans of an inflated body are durable.

        Raises Malformed, RateLimited when they are more than the instance may send now, or Unavailable.
        """
        limits = self.limiter.on_spans(admitted.instance, admitted.limits, self.clock.now_ns())
        checked = await self._check(body, encoding, limits)
        if checked.spans:
            await self._keep(admitted, body, checked)
        counters.SPANS_ACCEPTED.labels(admitted.instance).inc(checked.spans)
        counters.BYTES_ACCEPTED.labels(admitted.instance).inc(len(checked.body) if checked.spans else 0)
        if checked.rejected:
            self.limiter.count_spans(admitted.instance, checked, self.clock.now_ns())
        return Acknowledgement(checked.rejected, checked.reason)

    def count_refused(self, admitted: Admitted | None, error: SpanhouseError) -> None:
        """Count a request that is answered with an error."""
        self.limiter.count_request(admitted.instance if admitted else "", error, self.clock.now_ns())

    async def _keep(self, admitted: Admitted, body: bytes, checked: CheckedBody) -> None:
        batch = Batch(admitted.instance, admitted.key_id, checked.spans, len(checked.body))
        self.limiter.charge(admitted.limits, batch, self.clock.now_ns())
        try:
            await self.journal.append(self._envelope(admitted.instance, body, checked))
        except SpanhouseError:
            self.limiter.give_back(admitted.limits, batch)
            raise

    async def _check(self, body: bytes, encoding: Encoding, limits: SpanLimits | None) -> CheckedBody:
        """Small bodies at once; a large one apart, so that other senders do not wait for it, and one at a time, because
        parsed messages take many times their bytes."""
        read = _READERS[encoding]
        if len(body) <= LARGE_BODY_BYTES_MIN:
            return read(body, limits)
        async with self.large:
            return await asyncio.to_thread(read, body, limits)

    def _envelope(self, instance: str, body: bytes, checked: CheckedBody) -> Envelope:
        return Envelope(
            instance=instance,
            received_at=self.clock.now_ns(),
            content_hash=hashlib.blake2b(body, digest_size=HASH_BYTES).digest(),
            portions=tuple(Portion(*portion) for portion in checked.portions),
            body=checked.body,
        )
