"""Envelopes and segments as the journal leaves them, without a journal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from spanhouse.tracing.journal.envelope import Envelope, Portion, encode
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.traces.otlp import to_otlp
from spanhouse.tracing.wire.otlp import read_protobuf
from tests.kit.spans import BASE, make_span


def envelope(body: bytes, *, instance: str = "i-shop", received_at: int = BASE) -> Envelope:
    """As intake makes it of a body."""
    checked = read_protobuf(body)
    digest = hashlib.blake2b(body, digest_size=16).digest()
    return Envelope(
        instance, received_at, digest, tuple(Portion(*portion) for portion in checked.portions), checked.body
    )


def of_spans(spans: Iterable[Span], *, instance: str = "i-shop", received_at: int = BASE) -> Envelope:
    return envelope(to_otlp(spans).SerializeToString(), instance=instance, received_at=received_at)


def batch(number: int, *, instance: str = "i-shop", received_at: int = BASE) -> Envelope:
    """One span of that number."""
    return of_spans([make_span(number)], instance=instance, received_at=received_at)


def write_segment(journal: Path, name: str, *envelopes: Envelope) -> Path:
    journal.mkdir(parents=True, exist_ok=True)
    path = journal / f"{name}.seg"
    path.write_bytes(b"".join(part for each in envelopes for part in encode(each)))
    return path
