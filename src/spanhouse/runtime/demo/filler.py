"""OTLP bodies in any number, for filling a store: random ids, real parents, varied attributes.

Ids come from the operating system's randomness and never repeat: ids are most of what a span costs on disk,
so data that repeats its ids would lie about it.
"""

from __future__ import annotations

import math
import os
import random
import struct
from collections.abc import Iterator

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.runtime.demo.encoding import attribute, key_value, nested, text, varint
from spanhouse.runtime.demo.landscape import FRONT_SERVICES, Operation, Service, landscape

SPANS_PER_BODY = 1000
_ERROR_SHARE = 0.02
_time = struct.Struct("<cQ").pack
_times = struct.Struct("<cQcQ").pack
_SERVER_FLAGS = b"\x85\x01" + struct.pack("<I", 0x301)  # sampled, parent known, parent in another process
_LOCAL_FLAGS = b"\x85\x01" + struct.pack("<I", 0x101)
_OK_CODES = tuple(attribute("http.response.status_code", code) for code in (200, 200, 200, 201, 204, 304))
_FAILED_CODE = attribute("http.response.status_code", 503) + attribute("error.type", "503")
_AGENTS = tuple(
    attribute("user_agent.original", agent)
    for agent in (
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
        "okhttp/4.12.0",
        "shop-android/7.3.1",
    )
)
_STACK = "\n".join(f"  at shop.core.Pipeline.step{n}(Pipeline.java:{90 + 7 * n})" for n in range(9))


def bodies(
    total_spans: int,
    *,
    newest_ns: int,
    range_seconds: float = 3600.0,
    services: int = 24,
    spans_per_body: int = SPANS_PER_BODY,
    seed: int | None = None,
) -> Iterator[bytes]:
    """Encoded ExportTraceServiceRequests that hold `total_spans` spans together.

    Times rise from `newest_ns - range_seconds` to `newest_ns` over the bodies. `seed` fixes names, shapes and
    durations; ids are random all the same.
    """
    rng = random.Random(seed)  # noqa: S311 - shapes and durations, nothing secret
    makers = landscape(services, rng)
    oldest_ns = newest_ns - int(range_seconds * NANOS_PER_SECOND)
    done = 0
    while done < total_spans:
        wanted = min(spans_per_body, total_spans - done)
        from_ns = oldest_ns + (newest_ns - oldest_ns) * done // total_spans
        until_ns = oldest_ns + (newest_ns - oldest_ns) * (done + wanted) // total_spans
        yield _body(_Traces(makers, rng), wanted, from_ns, until_ns)
        done += wanted


def _body(traces: _Traces, spans: int, from_ns: int, until_ns: int) -> bytes:
    while traces.count < spans:
        traces.add(spans - traces.count, from_ns, until_ns)
    return b"".join(_resource_spans(service, chunks, traces.rng) for service, chunks in traces.by_service.items())


def _resource_spans(service: Service, chunks: list[bytes], rng: random.Random) -> bytes:
    scope_spans = nested(b"\x0a", service.scope) + b"".join(chunks)
    return nested(b"\x0a", rng.choice(service.resources) + nested(b"\x12", scope_spans))


class _Traces:
    """Traces grown one after another; spans are kept by service, as a collector would batch them."""

    def __init__(self, services: tuple[Service, ...], rng: random.Random) -> None:
        self._services = services
        self.rng = rng
        self.count = 0
        self.by_service: dict[Service, list[bytes]] = {}
        self._trace_id = b""

    def add(self, budget: int, from_ns: int, until_ns: int) -> None:
        """One trace of at most `budget` spans, its root starting at or after `from_ns` and ending by `until_ns`."""
        rng = self.rng
        self._trace_id = b"\x0a\x10" + os.urandom(16)
        size = self.count + min(budget, 1 + int(rng.lognormvariate(2.6, 0.8)))
        duration = int(math.exp(rng.gauss(18.2, 1.1)))  # median 80 ms
        duration = min(duration, max(1000, until_ns - from_ns))
        start = rng.randint(from_ns, max(from_ns, until_ns - duration))
        front = rng.randrange(min(FRONT_SERVICES, len(self._services)))
        waiting = [(front, b"", rng.choice(self._services[front].operations), start, duration)]
        while waiting and self.count < size:
            place = rng.randrange(len(waiting))
            waiting[place], waiting[-1] = waiting[-1], waiting[place]
            self._serve(*waiting.pop(), size, waiting)

    def _serve(
        self,
        index: int,
        parent: bytes,
        operation: Operation,
        start: int,
        duration: int,
        size: int,
        waiting: list[tuple[int, bytes, Operation, int, int]],
    ) -> None:
        """A server span and what it does: steps, statements, messages and calls, one after another inside it."""
        rng = self.rng
        service = self._services[index]
        failed = rng.random() < _ERROR_SHARE
        flags = _SERVER_FLAGS if parent else _LOCAL_FLAGS
        detail = self._request(operation, start + duration if failed else None)
        span_id = self._span(service, parent, operation.head, start, duration, detail, flags)
        works = min(rng.randint(1, 5), size - self.count)
        if not works:
            return
        share = duration // (works + 1)
        for work in range(works):
            lasts = int(share * (0.2 + 0.75 * rng.random()))
            begins = start + share // 3 + work * share
            if service.calls and rng.random() < 0.5:
                callee = rng.choice(service.calls)
                target = rng.choice(self._services[callee].operations)
                call_id = self._span(service, span_id, target.call_head, begins, lasts, self._call(target, failed))
                waiting.append((callee, call_id, target, begins + lasts // 20, lasts * 9 // 10))
            else:
                head, detail = self._work(service)
                self._span(service, span_id, head, begins, lasts, detail)

    def _span(
        self,
        service: Service,
        parent: bytes,
        head: bytes,
        start: int,
        duration: int,
        detail: bytes,
        flags: bytes = _LOCAL_FLAGS,
    ) -> bytes:
        span_id = os.urandom(8)
        content = b"".join(
            (
                self._trace_id,
                b"\x12\x08" + span_id,
                b"\x22\x08" + parent if parent else b"",
                head,
                _times(b"\x39", start, b"\x41", start + duration),
                detail,
                flags,
            )
        )
        chunks = self.by_service.get(service)
        if chunks is None:
            chunks = self.by_service[service] = []
        chunks.append(b"\x12" + varint(len(content)) + content)
        self.count += 1
        return span_id

    def _request(self, operation: Operation, failed_at: int | None) -> bytes:
        rng = self.rng
        bits = rng.getrandbits(64)
        path = f"{operation.route}{bits & 0xFFFFFF}"
        client = f"10.{bits >> 24 & 255}.{bits >> 32 & 255}.{bits >> 40 & 255}"
        varied = attribute("url.path", path) + attribute("client.address", client) + _AGENTS[bits >> 48 & 3]
        if failed_at is not None:
            return operation.fixed + varied + _FAILED_CODE + _exception(f"upstream refused {path}", failed_at)
        return operation.fixed + varied + _OK_CODES[bits >> 50 & 3 if bits >> 52 & 3 else 4]

    def _call(self, target: Operation, failed: bool) -> bytes:
        code = _FAILED_CODE if failed and self.rng.random() < 0.5 else _OK_CODES[0]
        return target.call_fixed + code + attribute("http.request.resend_count", self.rng.getrandbits(1))

    def _work(self, service: Service) -> tuple[bytes, bytes]:
        rng = self.rng
        draw = rng.random()
        if draw < 0.55:
            statement = rng.choice(service.statements)
            return statement.head, statement.fixed + attribute("db.response.returned_rows", rng.getrandbits(9))
        if draw < 0.85:
            step = rng.choice(service.steps)
            return step.head, step.fixed + attribute("shop.cost", rng.random() * 100)
        topic = rng.choice(service.publishes)
        return topic.head, topic.fixed + attribute("messaging.message.id", f"{rng.getrandbits(64):016x}")


def _exception(message: str, at_ns: int) -> bytes:
    """Status ERROR, and the exception event that semantic conventions ask for."""
    values = (
        ("exception.type", "shop.core.UpstreamError"),
        ("exception.message", message),
        ("exception.stacktrace", f"shop.core.UpstreamError: {message}\n{_STACK}"),
    )
    event = (
        _time(b"\x09", at_ns)
        + text(b"\x12", "exception")
        + b"".join(nested(b"\x1a", key_value(key, value)) for key, value in values)
    )
    return nested(b"\x5a", event) + nested(b"\x7a", text(b"\x12", message) + b"\x18\x02")
