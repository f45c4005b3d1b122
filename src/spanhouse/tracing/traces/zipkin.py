"""A trace in Zipkin's v2 model, by OpenTelemetry's mapping (specification/trace/sdk_exporters/zipkin.md). Times in µs.

What the mapping leaves open: attributes of the resource are tags too, the span's own first; a server span that goes on
under its client's id is `shared`; a span that names itself as its parent has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final

from spanhouse.tracing.spans.model import Attributes, AttributeValue, Event, Span, SpanKind, StatusCode
from spanhouse.tracing.traces.json_text import list_text, text_of
from spanhouse.tracing.traces.tree import build
from spanhouse.tracing.traces.values import plain, text_form

Json = dict[str, Any]

NS_IN_US: Final = 1_000
REMOTE_NAMES: Final = (
    "peer.service",
    "server.address",
    "net.peer.name",
    "network.peer.address",
    "server.socket.domain",
    "server.socket.address",
    "net.sock.peer.name",
    "net.sock.peer.addr",
    "peer.hostname",
    "peer.address",
    "db.name",
    "net.peer.ip",
)
"""What names the other side of a call, the preferred one first; the last is an older SDK's."""
CALLER_NAMES: Final = ("peer.service", "network.peer.address", "net.sock.peer.addr", "net.peer.ip")
"""The same of a span that was called: its `server.address` is its own."""
_REMOTE_PORTS: Final = {
    "server.address": "server.port",
    "net.peer.name": "net.peer.port",
    "net.peer.ip": "net.peer.port",
    "network.peer.address": "network.peer.port",
    "server.socket.address": "server.socket.port",
    "net.sock.peer.addr": "net.sock.peer.port",
}
_REMOTE_ADDRESSES: Final = ("network.peer.address", "server.socket.address", "net.sock.peer.addr", "net.peer.ip")
_LOCAL_ADDRESSES: Final = {
    "network.local.address": "network.local.port",
    "net.sock.host.addr": "net.sock.host.port",
    "net.host.ip": "net.host.port",
}
CALLING_KINDS: Final = (SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER)
"""Whose other side is what they address: a server, a broker."""
_PORT_MAX: Final = 65_535


def to_zipkin(spans: Sequence[Span]) -> list[Json]:
    """The spans of one trace, each once, parents before children."""
    return list(_each(spans))


def zipkin_text(spans: Sequence[Span]) -> str:
    """The same as JSON text, for as many spans as an answer holds."""
    return list_text(_each(spans))


def _each(spans: Sequence[Span]) -> Iterator[Json]:
    tree = build(spans)
    clients = {span.span_id for span in tree.spans if span.kind == SpanKind.CLIENT}
    for span in tree.spans:
        yield span_json(span, shared=span.kind == SpanKind.SERVER and span.span_id in clients)


def trace_id_text(trace_id: bytes) -> str:
    """32 hex digits, or 16 of an id that came with 64 bits."""
    return trace_id.hex().removeprefix("0" * 16)


def duration_us(nanoseconds: int) -> int:
    """Whole µs; what lasted less than one lasted one, and 0 stays 0."""
    return nanoseconds // NS_IN_US or min(nanoseconds, 1)


def span_json(span: Span, *, shared: bool = False) -> Json:
    """Members that would be empty are left out, as the format has it."""
    parent = b"" if span.parent_span_id == span.span_id else span.parent_span_id
    members = {
        "traceId": trace_id_text(span.trace_id),
        "parentId": parent.hex(),
        "id": span.span_id.hex(),
        "kind": _kind(span),
        "name": span.name,
        "timestamp": span.start_time // NS_IN_US,
        "duration": duration_us(span.duration),
        "localEndpoint": _local_endpoint(span),
        "remoteEndpoint": remote_endpoint(span),
        "annotations": [_annotation(event) for event in span.events],
        "tags": tags(span),
        "shared": shared,
    }
    return {name: value for name, value in members.items() if value}


def tags(span: Span) -> dict[str, str]:
    """Attributes and what else of the span has no member of its own, as text."""
    found = {key: text_form(value) for key, value in span.attributes.items()}
    if found.get("error") == "false":  # any `error` reads as a failure
        del found["error"]
    found |= _status(span)
    derived = {
        "otel.scope.name": span.scope.name,
        "otel.scope.version": span.scope.version,
        "otel.library.name": span.scope.name,
        "otel.library.version": span.scope.version,
        "otel.dropped_attributes_count": str(span.dropped_attributes or ""),
        "otel.dropped_events_count": str(span.dropped_events or ""),
        "otel.dropped_links_count": str(span.dropped_links or ""),
    }
    more = {key: text_form(value) for key, value in (*span.scope.attributes.items(), *span.resource.attributes.items())}
    more.pop("service.name", None)
    return {**more, **{key: text for key, text in derived.items() if text}, **found}


def remote_endpoint(span: Span) -> Json:
    """The other side, by the preferred attribute; `{}` when none says. An IP address is never a service's name."""
    names = REMOTE_NAMES if span.kind in CALLING_KINDS else CALLER_NAMES
    name = next((name for name in names if _named(span.attributes, name)), None)
    if name is None:
        return {}
    value = _named(span.attributes, name)
    if address := _address(value):
        return {**address, **_port(span.attributes, _REMOTE_PORTS.get(name, "server.port"))}
    others = (_address(_named(span.attributes, other)) for other in _REMOTE_ADDRESSES)
    return {
        "serviceName": value,
        **next(filter(None, others), {}),
        **_port(span.attributes, _REMOTE_PORTS.get(name, "server.port")),
    }


def is_address(text: str) -> bool:
    """Whether it is an IP address, and so no service's name."""
    return bool(_address(text))


def _local_endpoint(span: Span) -> Json:
    endpoint: Json = {"serviceName": span.service}
    for name, port in _LOCAL_ADDRESSES.items():
        if address := _address(_named(span.attributes, name)):
            return {**endpoint, **address, **_port(span.attributes, port)}
    return endpoint


def _named(attributes: Attributes, name: str) -> str:
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


def _address(text: str) -> Mapping[str, str]:
    try:
        address = ip_address(text)
    except ValueError:
        return {}
    return {f"ipv{address.version}": str(address)}


def _port(attributes: Attributes, name: str) -> Json:
    value = attributes.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    known = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _PORT_MAX
    return {"port": value} if known else {}


def _kind(span: Span) -> str:
    return SpanKind(span.kind).name if span.kind in (SpanKind.SERVER, *CALLING_KINDS) else ""


def _status(span: Span) -> dict[str, str]:
    if span.status_code == StatusCode.OK:
        return {"otel.status_code": "OK"}
    return {"otel.status_code": "ERROR", "error": span.status_message} if span.is_error else {}


def _annotation(event: Event) -> Json:
    """An event without attributes is its name; with some, the name and they as JSON."""
    value = event.name
    if event.attributes:
        told: dict[str, AttributeValue] = {key: plain(value) for key, value in event.attributes.items()}
        value = f"{text_of(event.name)}: {text_of(told)}"
    return {"timestamp": event.time // NS_IN_US, "value": value}
