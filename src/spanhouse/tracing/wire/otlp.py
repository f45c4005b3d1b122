"""OTLP as protobuf: a body → bytes fit for the journal, with counts; or Malformed.

Spans whose ids break trace.proto's rules, or that are over the size bound, are refused alone: the others of the
batch are kept, re-encoded exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from spanhouse.base.errors import Malformed
from spanhouse.base.limits import SPAN_BYTES_MAX
from spanhouse.tracing.spans.model import NO_SPAN_ID, SPAN_ID_BYTES, TRACE_ID_BYTES
from spanhouse.tracing.wire.faults import find_fault
from spanhouse.tracing.wire.service import service_of
from spanhouse.tracing.wire.span_limits import SpanLimits

NO_TRACE_ID = bytes(TRACE_ID_BYTES)
PARENT_ID_LENGTHS = (0, SPAN_ID_BYTES)
VALID_SPAN_BYTES_MIN = 30
"""Two ids with their tags, in a field of their own: no span that is kept is encoded in fewer bytes."""

CROWD_BODY_BYTES_MIN = 4 * 1024 * 1024
"""Parsed spans take up to 90 times their bytes, so a body past this is first looked at for a crowd of stubs."""

CROWD_SPANS_MIN = 10_000
"""Below this stubs are refused one by one like any bad span."""


class Portion(NamedTuple):
    """One service's share of a body: its spans, and its bytes of the encoded body."""

    service: str
    spans: int
    bytes: int


@dataclass(slots=True)
class Refusals:
    """How many spans were refused and why; kept short whatever the batch holds."""

    reasons: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    """A reason in words, where it is the name of a limit."""
    path: str = "resource_spans[{}].scope_spans[{}].spans[{}]"
    """How this encoding names the way to a span."""
    spans_left: int = 0
    """How many more spans a decoder may build before the batch is refused as a crowd of stubs."""
    first_path: str = ""

    def add(self, reason: str, path: str, size: int = 0) -> None:
        """`size`: the span's encoded bytes, as far as it could be read."""
        self.reasons[reason] += 1
        self.bytes[reason] += size
        self.first_path = self.first_path or path

    @property
    def count(self) -> int:
        return self.reasons.total()

    def __str__(self) -> str:
        if not self.reasons:
            return ""
        common = self.reasons.most_common(5)
        listed = "; ".join(f"{count} × {self.said.get(reason, reason)}" for reason, count in common)
        noun = "span" if self.count == 1 else "spans"
        return f"{self.count} {noun} refused: {listed} (first at {self.first_path})"


@dataclass(frozen=True, slots=True)
class CheckedBody:
    """`body` is an ExportTraceServiceRequest; its portions' bytes sum to its length. `reason` says what was refused."""

    body: bytes
    spans: int
    portions: tuple[Portion, ...]
    rejected: int = 0
    reason: str = ""
    rules: Mapping[str, int] = field(default_factory=dict)
    """How many spans broke which rule; the rules are few and fixed, and the names of limits are among them."""
    refused_bytes: Mapping[str, int] = field(default_factory=dict)
    """How many bytes those spans had."""


def read_protobuf(body: bytes, limits: SpanLimits | None = None) -> CheckedBody:
    """Parse, check and count an ExportTraceServiceRequest. Raises Malformed, naming the field at fault."""
    if len(body) > CROWD_BODY_BYTES_MIN:
        _refuse_crowd(body)
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise Malformed(find_fault(body, ExportTraceServiceRequest.DESCRIPTOR) or str(error)) from None
    spans = sum(_span_count(resource_spans.scope_spans) for resource_spans in request.resource_spans)
    if spans > max(CROWD_SPANS_MIN, len(body) // VALID_SPAN_BYTES_MIN):
        raise _crowd(body)
    return check(request, body, Refusals(), limits)


def check(
    request: ExportTraceServiceRequest, body: bytes | None, refusals: Refusals, limits: SpanLimits | None = None
) -> CheckedBody:
    """Remove the spans that break a rule or are over a limit, and count the rest.

    `body` is what the request was parsed from, if it was; `refusals` are those already refused while decoding.
    """
    refused_before = refusals.count
    size = request.ByteSize() if body is None else len(body)
    if limits or refused_before or _any_breaks_rules(request, size > SPAN_BYTES_MAX):
        _remove_refused(request, refusals, limits)
    # The engine's reader refuses or misreads some encodings that protobuf allows (an overlong varint, a repeated
    # scalar, a oneof set twice, a known number of another wire type): what is stored is always the plain one.
    request.DiscardUnknownFields()  # type: ignore[no-untyped-call, unused-ignore]
    canonical = request.SerializeToString()
    if body is None or canonical != body:
        body = canonical
    portions = _portions(request, body)
    spans = sum(portion.spans for portion in portions)
    return CheckedBody(body, spans, portions, refusals.count, str(refusals), refusals.reasons, refusals.bytes)


def _any_breaks_rules(request: ExportTraceServiceRequest, check_sizes: bool) -> bool:
    """The hot loop: about 0.4 CPU s per million spans; sizes are asked only of bodies that could hold a big one."""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                trace_id = span.trace_id
                span_id = span.span_id
                if (
                    len(trace_id) != TRACE_ID_BYTES
                    or len(span_id) != SPAN_ID_BYTES
                    or trace_id == NO_TRACE_ID
                    or span_id == NO_SPAN_ID
                    or len(span.parent_span_id) not in PARENT_ID_LENGTHS
                ):
                    return True
                if check_sizes and span.ByteSize() > SPAN_BYTES_MAX:
                    return True
    return False


def broken_rule(span: Span) -> str:
    """The rule of trace.proto (or our size bound) that a span breaks; "" when it may be kept."""
    if len(span.trace_id) != TRACE_ID_BYTES:
        return "trace id is not 16 bytes"
    if span.trace_id == NO_TRACE_ID:
        return "trace id is all zero"
    if len(span.span_id) != SPAN_ID_BYTES:
        return "span id is not 8 bytes"
    if span.span_id == NO_SPAN_ID:
        return "span id is all zero"
    if len(span.parent_span_id) not in PARENT_ID_LENGTHS:
        return "parent span id is neither empty nor 8 bytes"
    if span.ByteSize() > SPAN_BYTES_MAX:
        return f"larger than {SPAN_BYTES_MAX} bytes"
    return ""


def _remove_refused(request: ExportTraceServiceRequest, refusals: Refusals, limits: SpanLimits | None) -> None:
    """Keep the good spans in their order; scopes and resources that are left without any go too."""
    for r, resource_spans in enumerate(request.resource_spans):
        of_resource = limits.of_resource(resource_spans.resource) if limits else ""
        for s, scope_spans in enumerate(resource_spans.scope_spans):
            of_all = of_resource or (limits.of_scope(scope_spans.scope) if limits else "")
            kept = []
            for i, span in enumerate(scope_spans.spans):
                rule = broken_rule(span) or of_all or (limits.of_span(span) if limits else "")
                if rule:
                    refusals.add(rule, refusals.path.format(r, s, i), span.ByteSize())
                else:
                    kept.append(span)
            if len(kept) < len(scope_spans.spans):
                del scope_spans.spans[:]
                scope_spans.spans.extend(kept)
    if limits:
        refusals.said |= limits.said(refusals.reasons)
    if refusals.count:
        _remove_empty(request)


def _remove_empty(request: ExportTraceServiceRequest) -> None:
    for resource_spans in request.resource_spans:
        full = [scope_spans for scope_spans in resource_spans.scope_spans if scope_spans.spans]
        del resource_spans.scope_spans[:]
        resource_spans.scope_spans.extend(full)
    occupied = [resource_spans for resource_spans in request.resource_spans if resource_spans.scope_spans]
    del request.resource_spans[:]
    request.resource_spans.extend(occupied)


def _portions(request: ExportTraceServiceRequest, body: bytes) -> tuple[Portion, ...]:
    """One portion a service, in order of first sight; `body` is the canonical encoding of `request`."""
    if len(request.resource_spans) == 1:
        resource_spans = request.resource_spans[0]
        return (Portion(service_of(resource_spans.resource), _span_count(resource_spans.scope_spans), len(body)),)
    sums: dict[str, tuple[int, int]] = {}
    start = 0
    for resource_spans, (_, end) in zip(request.resource_spans, records(body, 0, len(body), 1), strict=True):
        service = service_of(resource_spans.resource)
        spans, size = sums.get(service, (0, 0))
        sums[service] = (spans + _span_count(resource_spans.scope_spans), size + end - start)
        start = end
    portions = [Portion(service, spans, size) for service, (spans, size) in sums.items()]
    if portions and start < len(body):  # unknown fields after the last resource belong to somebody too
        portions[-1] = portions[-1]._replace(bytes=portions[-1].bytes + len(body) - start)
    return tuple(portions)


def _span_count(scopes: Iterable[ScopeSpans]) -> int:
    return sum(len(scope_spans.spans) for scope_spans in scopes)


def _refuse_crowd(body: bytes) -> None:
    """Refuse a body of stubs before they are blown up into messages: each is too short to carry its ids."""
    most = len(body) // VALID_SPAN_BYTES_MIN
    count = 0
    for resource in records(body, 0, len(body), 1):
        for scope in records(body, *resource, 2):
            for _ in records(body, *scope, 2):
                count += 1
                if count > most:
                    raise _crowd(body)


def _crowd(body: bytes) -> Malformed:
    most = len(body) // VALID_SPAN_BYTES_MIN
    return Malformed(f"{len(body)} bytes hold over {most} spans: they are too short to carry ids")


def records(body: bytes, start: int, end: int, number: int) -> Iterator[tuple[int, int]]:
    """Where the payloads of the length-delimited fields `number` begin and end, in the message at start:end.

    Ends early at what is not protobuf: whoever parses it says what is wrong.
    """
    wanted = number << 3 | 2
    at = start
    while at < end:
        tag, at = _varint(body, at, end)
        kind = tag & 7
        if kind == 2:
            length, at = _varint(body, at, end)
            if at + length > end:
                return
            if tag == wanted:
                yield at, at + length
            at += length
        elif kind == 0:
            _, at = _varint(body, at, end)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            return


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    """The varint at `at` and where it ends; at `end` when it is cut."""
    value = shift = 0
    while at < end:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return value, end
