"""A real store in a directory of its own, filled the way the loader fills it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from pathlib import Path

from spanhouse.base.clock import FixedClock
from spanhouse.tracing.journal.envelope import Envelope, Portion, encode
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.store.clickhouse.engine import Engine
from spanhouse.tracing.store.clickhouse.migrate import migrate
from spanhouse.tracing.store.clickhouse.read import ClickHouseReader
from spanhouse.tracing.store.clickhouse.write import ClickHouseWriter
from spanhouse.tracing.traces.otlp import to_otlp
from tests.kit.spans import BASE


class Store:
    """One engine per process: the embedded one opens one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.engine = Engine.open(f"chdb://{directory / 'store'}", connections=2)
        migrate(self.engine, FixedClock(BASE))
        self.writer = ClickHouseWriter(self.engine)
        self.reader = ClickHouseReader(self.engine)
        self._numbers = itertools.count()

    def put(self, instance: str, spans: Iterable[Span], received_at: int = BASE) -> None:
        """Store these spans as one batch received at that time."""
        body = to_otlp(spans).SerializeToString()
        envelope = Envelope(
            instance, received_at, hashlib.blake2b(body, digest_size=16).digest(), _portions(body), body
        )
        token = f"test-{next(self._numbers)}"
        segment = self.directory / token
        segment.write_bytes(b"".join(encode(envelope)))
        self.writer.load(segment, token)
        segment.unlink()

    def new_instance(self) -> str:
        """The id of an instance that has no spans yet."""
        return f"i-test{next(self._numbers)}"

    def close(self) -> None:
        self.engine.close()


def _portions(body: bytes) -> tuple[Portion, ...]:
    return (Portion("any", 1, len(body)),)
