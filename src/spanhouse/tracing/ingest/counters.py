"""What was taken in and what was refused, for the process's own metrics. Labels hold instance ids, never keys."""

from __future__ import annotations

from prometheus_client import Counter

SPANS_ACCEPTED = Counter("spanhouse_ingest_spans_accepted", "Spans written to the journal", ["instance"])
BYTES_ACCEPTED = Counter("spanhouse_ingest_bytes_accepted", "Encoded bytes written to the journal", ["instance"])
SPANS_REFUSED = Counter(
    "spanhouse_ingest_spans_refused", "Spans refused, by the rule they break or the limit", ["instance", "reason"]
)
BYTES_REFUSED = Counter("spanhouse_ingest_bytes_refused", "Encoded bytes of the spans refused", ["instance", "reason"])
REQUESTS_REFUSED = Counter(
    "spanhouse_ingest_requests_refused", "Requests refused whole, by the kind of error", ["instance", "reason"]
)
