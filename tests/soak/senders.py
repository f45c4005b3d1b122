"""Clients that send spans without pause and, like any real one, send a batch again until it is acknowledged."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.kit.otlp import make_request, make_span

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SPANS_A_BATCH = 5
PAUSE_SECONDS = 0.005
RETRY_SECONDS = 0.05
TIMEOUT_SECONDS = 20


@dataclass
class Ledger:
    """Ids of spans by what their sender knows of them."""

    acknowledged: set[bytes] = field(default_factory=set)
    unanswered: set[bytes] = field(default_factory=set)
    """Sent, perhaps several times, and never acknowledged: they may be in the store or not."""
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Batch:
    ids: frozenset[bytes]
    body: bytes


class Sender(threading.Thread):
    """Sends until `stop`, first of all what an earlier one was `left` with; `unfinished` is what was under way then."""

    def __init__(self, send: Callable[[bytes], bool], stop: threading.Event, left: Batch | None = None) -> None:
        super().__init__(daemon=True)
        self.ledger = Ledger()
        self.unfinished = left
        self._send = send
        self._stop_sending = stop

    def run(self) -> None:
        while not self._stop_sending.is_set():
            self.unfinished = batch = self.unfinished or _batch()
            self.ledger.unanswered |= batch.ids
            if not self._send_until_acknowledged(batch.body):
                return
            self.ledger.acknowledged |= batch.ids
            self.ledger.unanswered -= batch.ids
            self.unfinished = None
            self._stop_sending.wait(PAUSE_SECONDS)

    def _send_until_acknowledged(self, body: bytes) -> bool:
        while not self._stop_sending.is_set():
            try:
                if self._send(body):
                    return True
            except Refusal as refusal:
                self.ledger.refused.append(str(refusal))
                return False
            self._stop_sending.wait(RETRY_SECONDS)
        return False


class Refusal(Exception):
    """An answer that tells the client not to try again: there is no reason for one."""


def _batch() -> Batch:
    ids = frozenset(secrets.token_bytes(8) for _ in range(SPANS_A_BATCH))
    spans = [make_span(1, span_id=span_id, trace_id=secrets.token_bytes(16)) for span_id in ids]
    for span in spans:
        span.attributes.add(key="padding").value.string_value = secrets.token_hex(100)
    return Batch(ids, make_request(*spans).SerializeToString())


def over_http(url: str) -> Callable[[bytes], bool]:
    """One request each on a connection that is kept, made anew when it breaks."""
    client = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS)

    def send(body: bytes) -> bool:
        try:
            answer = client.post("/v1/traces", content=body, headers={"content-type": "application/x-protobuf"})
        except httpx.TransportError:
            return False
        if answer.status_code in (429, 502, 503, 504):
            return False
        if answer.status_code != 200:
            raise Refusal(f"{answer.status_code} {answer.text}")
        return _took_all(answer.content)

    return send


def over_grpc(target: str) -> Callable[[bytes], bool]:
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]
    export = grpc.insecure_channel(target, options).unary_unary(EXPORT)
    again = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
    again |= {grpc.StatusCode.CANCELLED, grpc.StatusCode.ABORTED}

    def send(body: bytes) -> bool:
        try:
            return _took_all(export(body, timeout=TIMEOUT_SECONDS))
        except grpc.RpcError as error:
            if error.code() in again:
                return False
            raise Refusal(f"{error.code()} {error.details()}") from error

    return send


def _took_all(answer: bytes) -> bool:
    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    if partial.rejected_spans:
        raise Refusal(partial.error_message)
    return True
