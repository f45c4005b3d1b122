"""What a service can do that leaves a span: serve, call, query, publish, consume. Semantic conventions live here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from spanhouse.runtime.demo.shop.faults import CallFailed, ShopError, StatementTimeout
from spanhouse.runtime.demo.shop.flow import NANOS_PER_MS, Flow

Attributes = Mapping[str, AttributeValue]
Headers = dict[str, str]
Handler = Callable[[Flow], None]

_SCHEMA = "https://opentelemetry.io/schemas/1.38.0"
_SCOPE_VERSION = "1.4.0"
_NETWORK_MS = 0.8
_PORTS = {"postgresql": 5432, "mysql": 3306}
_propagator = TraceContextTextMapPropagator()


class Service:
    """`skew_ms` is how far its host's clock is wrong: spans get the time that host believes."""

    def __init__(self, name: str, provider: TracerProvider, *, skew_ms: int = 0) -> None:
        self.name = name
        self.address = f"{name}.shop.internal"
        self._provider = provider
        self._tracer = provider.get_tracer(f"shop.{name}", _SCOPE_VERSION, schema_url=_SCHEMA)
        self._skew_ns = skew_ms * NANOS_PER_MS

    def close(self) -> None:
        self._provider.shutdown()

    @contextmanager
    def span(
        self,
        flow: Flow,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        links: Sequence[Link] = (),
    ) -> Iterator[Span]:
        """A span around the block; an exception that leaves it is recorded on it and goes on."""
        outer = flow.context
        start = flow.now + self._skew_ns
        span = self._tracer.start_span(name, outer, kind, attributes, links, start)
        flow.context = set_span_in_context(span, outer)
        try:
            yield span
        except ShopError as error:
            span.record_exception(error, timestamp=flow.now + self._skew_ns)
            span.set_attribute("error.type", _error_type(error))
            span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
            raise
        finally:
            flow.context = outer
            span.end(end_time=flow.now + self._skew_ns)

    def event(self, flow: Flow, name: str, attributes: Attributes) -> None:
        """An event on the current span, at the flow's time."""
        get_current_span(flow.context).add_event(name, attributes, timestamp=flow.now + self._skew_ns)

    def http_call(
        self,
        flow: Flow,
        callee: Service,
        method: str,
        route: str,
        handler: Handler,
        *,
        path: str | None = None,
        resends: int = 0,
    ) -> None:
        """Call another service over HTTP and let it run `handler`. Raises CallFailed for a status of 400 and more."""
        path = path or route
        attributes: dict[str, AttributeValue] = {
            "http.request.method": method,
            "url.full": f"http://{callee.address}:8080{path}",
            "server.address": callee.address,
            "server.port": 8080,
            "network.protocol.version": "1.1",
        }
        if resends:
            attributes["http.request.resend_count"] = resends
        with self.span(flow, method, SpanKind.CLIENT, attributes) as span:
            headers = self._headers(flow)
            flow.spend(_NETWORK_MS)
            there = flow.elsewhere(_propagator.extract(headers))
            status = callee.serve_http(there, method, route, handler, path=path)
            flow.now = there.now
            flow.spend(_NETWORK_MS)
            span.set_attribute("http.response.status_code", status)
            if status >= 400:
                raise CallFailed(f"{callee.name} answered {status}", status)

    def serve_http(
        self,
        flow: Flow,
        method: str,
        route: str,
        handler: Handler,
        *,
        path: str,
        extra: Attributes | None = None,
    ) -> int:
        """Answer a request and return the status. Only 5xx makes a server span an error."""
        attributes = {
            "http.request.method": method,
            "http.route": route,
            "url.path": path,
            "url.scheme": "http",
            "server.address": self.address,
            "server.port": 8080,
            **(extra or {}),
        }
        status = 201 if method == "POST" else 200
        try:
            with self.span(flow, f"{method} {route}", SpanKind.SERVER, attributes) as span:
                try:
                    handler(flow)
                except ShopError as error:
                    status = error.status
                    span.set_attribute("http.response.status_code", status)
                    if status >= 500:
                        raise
                    self.event(flow, "request.refused", {"reason": str(error)})
                else:
                    span.set_attribute("http.response.status_code", status)
        except ShopError as error:
            return error.status
        return status

    def grpc_call(self, flow: Flow, callee: Service, method: str, handler: Handler) -> None:
        """Call another service over gRPC. Raises CallFailed when it answers with a code other than OK."""
        attributes: Attributes = {
            "rpc.system.name": "grpc",
            "rpc.method": method,
            "server.address": callee.address,
            "server.port": 9090,
        }
        with self.span(flow, method, SpanKind.CLIENT, attributes) as span:
            headers = self._headers(flow)
            flow.spend(_NETWORK_MS)
            there = flow.elsewhere(_propagator.extract(headers))
            failure = callee.serve_grpc(there, method, handler)
            flow.now = there.now
            flow.spend(_NETWORK_MS)
            span.set_attribute("rpc.response.status_code", failure.code if failure else "OK")
            if failure:
                raise CallFailed(f"{method}: {failure}", failure.status, failure.code)

    def serve_grpc(self, flow: Flow, method: str, handler: Handler) -> ShopError | None:
        attributes: Attributes = {"rpc.system.name": "grpc", "rpc.method": method, "server.address": self.address}
        try:
            with self.span(flow, method, SpanKind.SERVER, attributes) as span:
                try:
                    handler(flow)
                except ShopError as error:
                    span.set_attribute("rpc.response.status_code", error.code)
                    raise
                span.set_attribute("rpc.response.status_code", "OK")
        except ShopError as error:
            return error
        return None

    def query(
        self, flow: Flow, system: str, operation: str, table: str, text: str, *, ms: float, rows: int | None = None
    ) -> None:
        """One statement on this service's own database."""
        attributes = self._statement(system, operation, table, text)
        if rows is not None:
            attributes["db.response.returned_rows"] = rows
        with self.span(flow, f"{operation} {table}", SpanKind.CLIENT, attributes):
            flow.spend(ms)

    def timed_out_query(
        self, flow: Flow, system: str, operation: str, table: str, text: str, *, seconds: float
    ) -> None:
        """A statement that its database gives up after `seconds`. Raises StatementTimeout."""
        attributes = self._statement(system, operation, table, text)
        with self.span(flow, f"{operation} {table}", SpanKind.CLIENT, attributes):
            flow.wait(seconds)
            raise StatementTimeout(f"statement cancelled after {seconds:g} s")

    def _statement(self, system: str, operation: str, table: str, text: str) -> dict[str, AttributeValue]:
        return {
            "db.system.name": system,
            "db.namespace": self.name,
            "db.collection.name": table,
            "db.operation.name": operation,
            "db.query.text": text,
            "db.query.summary": f"{operation} {table}",
            "server.address": f"{system}.{self.name}.internal",
            "server.port": _PORTS[system],
        }

    def cache(self, flow: Flow, command: str, key: str, *, hit: bool | None = None) -> None:
        attributes: dict[str, AttributeValue] = {
            "db.system.name": "redis",
            "db.operation.name": command,
            "db.query.text": f"{command} {key}",
            "server.address": f"redis.{self.name}.internal",
            "server.port": 6379,
        }
        if hit is not None:
            attributes["shop.cache.hit"] = hit
        with self.span(flow, command, SpanKind.CLIENT, attributes):
            flow.spend(0.4)

    def publish(self, flow: Flow, system: str, destination: str, message_id: str) -> Headers:
        """Send a message; returns the headers it carries, which lead back to this span."""
        attributes = _messaging(system, destination, "send", message_id)
        with self.span(flow, f"send {destination}", SpanKind.PRODUCER, attributes):
            headers = self._headers(flow)
            flow.spend(1.5)
        return headers

    def consume(
        self, flow: Flow, system: str, destination: str, group: str, messages: Sequence[tuple[str, Headers]]
    ) -> AbstractContextManager[Span]:
        """A consumer span that links to what it consumes; one message is also its parent, several are not."""
        contexts = [_propagator.extract(headers) for _, headers in messages]
        links = [Link(get_current_span(context).get_span_context()) for context in contexts]
        flow.context = contexts[0] if len(messages) == 1 else Context()
        attributes = _messaging(system, destination, "process", messages[0][0] if len(messages) == 1 else None)
        attributes["messaging.consumer.group.name"] = group
        if len(messages) > 1:
            attributes["messaging.batch.message_count"] = len(messages)
        return self.span(flow, f"process {destination}", SpanKind.CONSUMER, attributes, links)

    def _headers(self, flow: Flow) -> Headers:
        headers: Headers = {}
        _propagator.inject(headers, flow.context)
        return headers


def _messaging(system: str, destination: str, operation: str, message_id: str | None) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "messaging.system": system,
        "messaging.destination.name": destination,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
    if message_id is not None:
        attributes["messaging.message.id"] = message_id
    return attributes


def _error_type(error: ShopError) -> str:
    return str(error.status) if isinstance(error, CallFailed) else type(error).__name__
