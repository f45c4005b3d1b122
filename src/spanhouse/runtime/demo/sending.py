"""Posts bodies to an OTLP/HTTP endpoint, several in flight, and counts what was acknowledged."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanhouse.base.errors import ConfigurationError, Malformed, Refused, Unavailable

IN_FLIGHT = 4
PATIENCE_SECONDS = 60.0  # how long one body is retried before the run gives up
_RETRYABLE = frozenset({429, 502, 503, 504})
_SECONDS_MAX = 30.0  # no single wait or answer takes longer


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send: the endpoint's base URL, as in `OTEL_EXPORTER_OTLP_ENDPOINT`, and a key if one is needed."""

    endpoint: str
    key: str | None = None

    def connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"{self.endpoint!r} is not an http:// or https:// address")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(parts.hostname, parts.port, timeout=_SECONDS_MAX)

    def path(self) -> str:
        return urlsplit(self.endpoint).path.rstrip("/") + "/v1/traces"

    def headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/x-protobuf"}
        return headers | {"Authorization": f"Bearer {self.key}"} if self.key else headers


def send_all(
    target: Target,
    portions: Iterable[tuple[bytes, int]],
    *,
    in_flight: int = IN_FLIGHT,
    acknowledged: Callable[[int], None] = lambda spans: None,
) -> None:
    """Send each (body, spans) until the endpoint has acknowledged it; `acknowledged` hears how many spans it took.

    Raises the first refusal or the first body that stayed unacknowledged for `PATIENCE_SECONDS`.
    """
    queue = _Shared(portions)
    failures: list[BaseException] = []
    lock = threading.Lock()

    def work(sender: _Sender) -> None:
        try:
            for body, spans in queue:
                taken = spans - sender.send(body)
                with lock:
                    acknowledged(taken)
        except BaseException as error:
            failures.append(error)
            queue.close()
        finally:
            sender.close()

    senders = [_Sender(target) for _ in range(in_flight)]
    threads = [threading.Thread(target=work, args=(sender,), name="fill", daemon=True) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class _Shared:
    """One iterator that several threads draw from."""

    def __init__(self, portions: Iterable[tuple[bytes, int]]) -> None:
        self._portions = iter(portions)
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        self._closed = True

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        while True:
            with self._lock:
                portion = None if self._closed else next(self._portions, None)
            if portion is None:
                return
            yield portion


class _Sender:
    """One keep-alive connection, reopened when it breaks."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._path, self._headers = target.path(), target.headers()
        self._connection = target.connection()

    def close(self) -> None:
        self._connection.close()

    def send(self, body: bytes) -> int:
        """Returns how many of its spans were refused. A body cut off in transit is sent again as it was:
        the service knows it by its bytes and keeps it once."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        wait = 0.1
        while True:
            try:
                return self._post(body)
            except Unavailable as error:
                pause, failure = max(wait, float(error.retry_after_seconds)), error
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                pause, failure = wait, Unavailable(f"{self._target.endpoint} does not answer: {error}")
            if time.monotonic() + pause > give_up_at:
                raise failure
            time.sleep(min(pause, _SECONDS_MAX))
            wait = min(wait * 2, 5.0)

    def _post(self, body: bytes) -> int:
        self._connection.request("POST", self._path, body, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status == 200:
            return _refused_spans(answer)
        if response.status in _RETRYABLE:
            raise Unavailable(_reason(response.status, answer), retry_after_seconds=_retry_after(response))
        raise Refused(_reason(response.status, answer))


def _refused_spans(answer: bytes) -> int:
    try:
        return ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans
    except DecodeError as error:
        raise Malformed("the endpoint answered 200 with something that is not an OTLP response") from error


def _retry_after(response: http.client.HTTPResponse) -> int:
    value = response.headers.get("Retry-After", "")
    return int(value) if value.isdigit() else 0


def _reason(status: int, answer: bytes) -> str:
    try:
        message = Status.FromString(answer).message
    except DecodeError:
        message = answer[:200].decode(errors="replace")
    return f"the endpoint answered {status}: {message or 'no reason given'}"
