"""One machine's way of a body, without sockets: intake's reading, a journal's segment, the loader, the real store."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse.base.clock import FixedClock
from spanhouse.tracing.loading.loader import Loader
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.traces.otlp import to_otlp
from spanhouse.tracing.wire.mend import mend
from tests.kit.batches import envelope, write_segment
from tests.kit.meaning import meaning
from tests.kit.spans import BASE
from tests.kit.store import Store


class Node:
    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._directory = directory
        self._loader = Loader(directory / "journal", store.writer, FixedClock(BASE), mend)
        self._numbers = itertools.count()

    def send(self, *bodies: bytes) -> list[str]:
        """Load these in one segment, each of an instance of its own; returns those."""
        instances = [self._store.new_instance() for _ in bodies]
        envelopes = [envelope(body, instance=instance) for body, instance in zip(bodies, instances, strict=True)]
        write_segment(self._directory / "journal", f"{next(self._numbers):06d}", *envelopes)
        self._loader.load_waiting()
        return instances

    def read(self, instance: str, trace_ids: set[bytes]) -> dict[bytes, Any]:
        found: dict[bytes, Any] = {}
        for trace_id in trace_ids:
            found |= meaning(to_otlp(self._store.reader.trace(Scope(instance), trace_id, 1_000).spans))
        return found

    @property
    def quarantined(self) -> int:
        return len(list((self._directory / "quarantine").glob("*.bin")))


def trace_ids(request: ExportTraceServiceRequest) -> set[bytes]:
    return {
        span.trace_id
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    }
