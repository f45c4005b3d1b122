"""Who works in the shop, and what is due when."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.runtime.demo.shop.flow import Flow
from spanhouse.runtime.demo.shop.service import Headers, Service
from spanhouse.runtime.demo.shop.telemetry import Protocol, provider

Action = Callable[[Flow], None]

CLOSE_SECONDS_MAX = 3.0
_INCIDENT_EVERY_SECONDS, _INCIDENT_LASTS_SECONDS = 240, 40

# service → (protocol it exports by, version, host, how far that host's clock is wrong in ms)
ROSTER: dict[str, tuple[Protocol, str, str, int]] = {
    "web-shop": ("http/protobuf", "5.12.0", "edge-1", 0),
    "gateway": ("grpc", "2.3.1", "edge-2", 0),
    "catalog": ("http/protobuf", "3.8.4", "floor-1", 0),
    "stock": ("grpc", "1.19.0", "floor-1", 0),
    "cart": ("http/protobuf", "4.0.2", "floor-2", 0),
    "orders": ("grpc", "7.1.0", "floor-2", 0),
    "payment": ("http/protobuf", "2.27.3", "vault-1", 0),
    "fraud": ("grpc", "0.9.12", "vault-1", 0),
    "mail": ("http/protobuf", "1.4.4", "floor-3", 0),
    "shipping": ("grpc", "3.2.0", "depot-1", -60),
    "purchasing": ("http/protobuf", "1.0.7", "depot-1", -60),
    "reports": ("grpc", "2.2.2", "floor-3", 0),
}


class Agenda:
    """Things to happen in simulated time, earliest first."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._due: list[tuple[int, int, Action]] = []
        self._order = itertools.count()

    def at(self, time_ns: int, action: Action) -> None:
        heapq.heappush(self._due, (time_ns, next(self._order), action))

    def run_until(self, time_ns: int) -> None:
        """Do all that is due by `time_ns`, and what that makes due by then."""
        while self._due and self._due[0][0] <= time_ns:
            due, _, action = heapq.heappop(self._due)
            action(Flow(due, self._rng))


class JobIds(RandomIdGenerator):
    """Random ids, but every root begun while a job runs belongs to the job's trace."""

    def __init__(self) -> None:
        self._job: int | None = None

    def begin_job(self) -> None:
        self._job = super().generate_trace_id()

    def end_job(self) -> None:
        self._job = None

    def generate_trace_id(self) -> int:
        return self._job if self._job is not None else super().generate_trace_id()


@dataclass
class Shop:
    services: dict[str, Service]
    agenda: Agenda
    rng: random.Random
    job_ids: JobIds
    mailbag: list[tuple[str, Headers]]
    """Placed orders that no mail has been sent for."""

    def __getitem__(self, name: str) -> Service:
        return self.services[name]

    def slow_queries(self, now_ns: int) -> bool:
        """Every few minutes the catalog's statistics are stale for a while and its database scans whole tables."""
        return now_ns // NANOS_PER_SECOND % _INCIDENT_EVERY_SECONDS < _INCIDENT_LASTS_SECONDS

    def close(self) -> None:
        """Export what is left and stop, all at once; what is not sent within CLOSE_SECONDS_MAX is dropped."""
        closing = [threading.Thread(target=service.close, daemon=True) for service in self.services.values()]
        deadline = time.monotonic() + CLOSE_SECONDS_MAX
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join(max(0.0, deadline - time.monotonic()))


def hire(exporter: Callable[[Protocol], SpanExporter], rng: random.Random) -> Shop:
    """All services of the roster, each with an SDK and an exporter of its own."""
    job_ids = JobIds()
    services = {}
    for name, (protocol, version, host, skew_ms) in ROSTER.items():
        ids = job_ids if name == "reports" else RandomIdGenerator()
        made = provider(exporter(protocol), service=name, version=version, host=host, ids=ids)
        services[name] = Service(name, made, skew_ms=skew_ms)
    return Shop(services, Agenda(rng), rng, job_ids, [])
