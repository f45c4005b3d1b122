"""The real OTLP listeners in a thread of their own, on free ports, in front of a journal that only remembers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse.base.clock import FixedClock
from spanhouse.base.files import write_atomically
from spanhouse.base.ids import digest_secret
from spanhouse.base.limits import BODY_TIMEOUT_SECONDS
from spanhouse.contracts.grant import Grants, InstanceGrant, KeyGrant, KeyScope
from spanhouse.runtime.ingest_process import IngestOptions, Ports, listen
from spanhouse.tracing.ingest.grants import GrantsFile
from spanhouse.tracing.ingest.intake import Intake
from spanhouse.tracing.ingest.limiter import Limiter
from spanhouse.tracing.ingest.pressure import IN_FLIGHT_BYTES_MAX, InFlight
from spanhouse.tracing.ingest.refused import RefusedFile
from spanhouse.tracing.ingest.uses import UseFile
from spanhouse.tracing.journal import Envelope

NOW_NS = 1_790_000_000 * 10**9
START_SECONDS_MAX = 10


@dataclass
class MemoryJournal:
    """Takes the place of the disk. Give it an `error` and it refuses; clear `open` and appends wait."""

    envelopes: list[Envelope] = field(default_factory=list)
    error: Exception | None = None
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def append(self, envelope: Envelope) -> None:
        await asyncio.to_thread(self.open.wait)
        if self.error is not None:
            raise self.error
        self.envelopes.append(envelope)

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(envelope.body) for envelope in self.envelopes]

    @property
    def spans(self) -> list[Any]:
        """Every span taken, in order."""
        return [
            span
            for request in self.requests
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]


class Receiver:
    """What a test sees of the running listeners."""

    def __init__(
        self,
        directory: Path,
        ports: Ports,
        intake: Intake,
        journal: MemoryJournal,
        clock: FixedClock,
        uses: UseFile,
    ) -> None:
        self.directory = directory
        self.ports = ports
        self.in_flight = intake.in_flight
        self.journal = journal
        self.clock = clock
        self.uses = uses
        self.refused = intake.limiter.refused
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{ports.otlp_http}", timeout=30)

    @property
    def grpc_target(self) -> str:
        return f"127.0.0.1:{self.ports.otlp_grpc}"

    def post(
        self,
        body: bytes | dict[str, Any] | list[Any],
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        path: str = "/v1/traces",
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(path, content=content, headers={"content-type": content_type, **(headers or {})})

    def grant(self, grants: Grants) -> None:
        write_grants(self.directory, grants)


def write_grants(directory: Path, grants: Grants) -> None:
    path = directory / "grants" / "snapshot.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, grants.to_json())


def key(secret: str, *, instance: str = "i-shop", scope: KeyScope = "ingest", **more: Any) -> KeyGrant:
    return KeyGrant(key_id=f"k-{secret}", digest=digest_secret(secret), instance=instance, scope=scope, **more)


def grants(*keys: KeyGrant, loopback: str | None = "i-shop", **instance: Any) -> Grants:
    """Instance `i-shop` with these keys; loopback goes to it unless told otherwise."""
    shop = replace(InstanceGrant("i-shop", "shop", 15), **instance)
    return Grants(1, {"i-shop": shop}, {key.digest: key for key in keys}, loopback)


@contextmanager
def receiver(
    directory: Path,
    granted: Grants | None,
    *,
    in_flight_bytes_max: int = IN_FLIGHT_BYTES_MAX,
    body_seconds_max: float = BODY_TIMEOUT_SECONDS,
) -> Iterator[Receiver]:
    """Start the listeners, stop them at the end. `granted` None leaves the node without a first snapshot."""
    if granted is not None:
        write_grants(directory, granted)
    journal, clock = MemoryJournal(), FixedClock(NOW_NS)
    options = IngestOptions(directory, otlp_http_port=0, otlp_grpc_port=0, body_seconds_max=body_seconds_max)
    in_flight, uses = InFlight(in_flight_bytes_max), UseFile(options.uses_path)
    limiter = Limiter.open(options.limits_path, RefusedFile(options.refused_path))
    intake = Intake(journal, GrantsFile(options.grants_path), clock, in_flight, uses, limiter)
    thread = _ListenerThread(intake, options)
    try:
        running = Receiver(directory, thread.start(), intake, journal, clock, uses)
        yield running
        running.http.close()
    finally:
        thread.stop()


class _ListenerThread:
    def __init__(self, intake: Intake, options: IngestOptions) -> None:
        self._intake = intake
        self._options = options
        self._ports: Ports | None = None
        self._bound = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Ports:
        self._thread.start()
        if not self._bound.wait(START_SECONDS_MAX) or self._ports is None:
            raise RuntimeError("the listeners did not start") from self._error
        return self._ports

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(START_SECONDS_MAX)
        if self._thread.is_alive():
            raise RuntimeError("the listeners did not stop")

    def _run(self) -> None:
        try:
            uvloop.run(self._listen())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # the test's thread raises it
            self._error = error
        finally:
            self._bound.set()

    async def _listen(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(listen(self._intake, self._options, self._take_ports))
        await self._task

    def _take_ports(self, ports: Ports) -> None:
        self._ports = ports
        self._bound.set()
