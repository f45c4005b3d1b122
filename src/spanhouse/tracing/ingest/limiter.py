"""The limits of an instance's Grant, applied to what it sends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from spanhouse.base.clock import NANOS_PER_DAY
from spanhouse.base.errors import SpanhouseError
from spanhouse.contracts.limits import Limits
from spanhouse.contracts.refused import Amount
from spanhouse.tracing.ingest import counters
from spanhouse.tracing.ingest.attribute_keys import AttributeKeys
from spanhouse.tracing.ingest.rates import Batch, OverLimit, Rates
from spanhouse.tracing.ingest.refused import RefusedFile
from spanhouse.tracing.wire.otlp import CheckedBody
from spanhouse.tracing.wire.span_limits import SpanLimits

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Limiter:
    """Shared by the listeners of a process. An instance without limits costs it one look at each of two flags."""

    rates: Rates
    keys: AttributeKeys
    refused: RefusedFile

    @classmethod
    def open(cls, directory: Path, refused: RefusedFile) -> Limiter:
        """`directory` is for all ingest processes of a node."""
        return cls(Rates(directory), AttributeKeys(directory), refused)

    def on_spans(self, instance: str, limits: Limits, now_ns: int) -> SpanLimits | None:
        """What judges single spans of one request; None where nothing limits them."""
        if not limits.on_spans:
            return None
        return SpanLimits(limits, self.keys.of(instance, limits.attribute_keys_per_day, now_ns // NANOS_PER_DAY))

    def charge(self, limits: Limits, batch: Batch, now_ns: int) -> None:
        """Raises OverLimit, and has counted what it refuses."""
        if not limits.on_rate:
            return
        try:
            self.rates.charge(limits, batch, now_ns)
        except OverLimit as over:
            counters.SPANS_REFUSED.labels(batch.instance, over.limit).inc(batch.spans)
            counters.BYTES_REFUSED.labels(batch.instance, over.limit).inc(batch.bytes)
            self.refused.note(batch.instance, over.limit, Amount(1, batch.spans, batch.bytes), now_ns)
            raise

    def give_back(self, limits: Limits, batch: Batch) -> None:
        if limits.on_rate:
            self.rates.give_back(batch)

    def count_spans(self, instance: str, checked: CheckedBody, now_ns: int) -> None:
        """Count the spans that were refused alone, of a body whose others were taken."""
        for rule, spans in checked.rules.items():
            size = checked.refused_bytes[rule]
            counters.SPANS_REFUSED.labels(instance, rule).inc(spans)
            counters.BYTES_REFUSED.labels(instance, rule).inc(size)
            self.refused.note(instance, rule, Amount(0, spans, size), now_ns)

    def count_request(self, instance: str, error: SpanhouseError, now_ns: int) -> None:
        """Count a request that was refused whole; `instance` "" where nobody knows whose it is."""
        name = type(error).__name__
        counters.REQUESTS_REFUSED.labels(instance, name).inc()
        if instance and not isinstance(error, OverLimit):  # which was counted when it was refused
            self.refused.note(instance, _WORD.sub("_", name).lower(), Amount(1), now_ns)
