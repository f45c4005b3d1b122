"""A trace as readers of Jaeger expect it: ids used once, no spans sent twice, parents without cycles, links that lead
somewhere, addresses as text. What was changed or is odd is said in warnings; nothing is moved in time.

Pure: what is stored stays as it was sent, and reading a trace twice gives the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any, Final

from spanhouse.tracing.spans.model import Attributes, Link, Span
from spanhouse.tracing.traces.payload import notices_of
from spanhouse.tracing.traces.tree import NO_PARENT, NoticeKind, Tree, build

WARNINGS_ATTRIBUTE: Final = "@jaeger@warnings"
"""Where Jaeger's OTLP form has the warnings of a span."""
_PACKED_ADDRESSES: Final = ("ip", "peer.ipv4")
"""Attributes that old clients send as a 32-bit number."""
_WARNINGS: Final[dict[NoticeKind, str]] = {
    "missing_parent": "the parent span is not in this trace",
    "cycle": "the span's parents lead back to itself; the link to its parent is cut here",
    "repeated_id": "several spans of this trace have this span's id; those after the first are given another",
    "implausible_time": "the span's start time is not plausible",
    "ends_early": "the span ends before it starts; its duration is shown as 0",
}


@dataclass(frozen=True, slots=True)
class Adjusted:
    span: Span
    warnings: tuple[str, ...] = ()


def adjusted(spans: Sequence[Span]) -> Iterator[Adjusted]:
    """The spans of one trace, parents before children."""
    tree = build(spans)
    ids = _distinct_ids(tree)
    warnings = _warnings(tree)
    cut = {row for notice in tree.notices if notice.kind == "cycle" for row in notice.rows}
    for row, span in enumerate(tree.spans):
        yield Adjusted(_changed(span, **_changes(tree, row, ids, cut)), tuple(warnings.get(row, ())))


def unadjusted(spans: Sequence[Span]) -> Iterator[Adjusted]:
    """The same form of spans exactly as they are stored."""
    return map(Adjusted, spans)


def shown_spans(spans: Sequence[Span], *, raw: bool) -> Iterator[Span]:
    """What a reader of OTLP is shown: as stored, or as adjusted, with the warnings among the attributes and a resource
    that names its service."""
    return iter(spans) if raw else (_with_service(_with_warnings(each)) for each in adjusted(spans))


def _with_service(span: Span) -> Span:
    attributes = span.resource.attributes
    if attributes.get("service.name") == span.service:
        return span
    return replace(span, resource=replace(span.resource, attributes={**attributes, "service.name": span.service}))


def _with_warnings(each: Adjusted) -> Span:
    if not each.warnings:
        return each.span
    return replace(each.span, attributes={**each.span.attributes, WARNINGS_ATTRIBUTE: list(each.warnings)})


def _changes(tree: Tree, row: int, ids: Sequence[bytes], cut: set[int]) -> dict[str, Any]:
    span, parent = tree.spans[row], tree.parents[row]
    parent_id = ids[parent] if parent != NO_PARENT else b"" if row in cut else span.parent_span_id
    return {
        "span_id": ids[row],
        "parent_span_id": parent_id,
        "links": tuple(link for link in span.links if _leads_somewhere(link, span)),
        "attributes": _with_plain_addresses(span.attributes),
    }


def _changed(span: Span, **fields: Any) -> Span:
    """Most spans stay as they are, and are not copied."""
    changes = {name: value for name, value in fields.items() if getattr(span, name) != value}
    return replace(span, **changes) if changes else span


def _leads_somewhere(link: Link, span: Span) -> bool:
    return any(link.trace_id) and any(link.span_id) and (link.trace_id, link.span_id) != (span.trace_id, span.span_id)


def _with_plain_addresses(attributes: Attributes) -> Attributes:
    packed = {name: attributes[name] for name in _PACKED_ADDRESSES if name in attributes}
    plain = {name: _address(value) for name, value in packed.items() if _is_packed(value)}
    return {**attributes, **plain} if plain else attributes


def _is_packed(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -(2**31) <= value < 2**32


def _address(value: Any) -> str:
    return str(IPv4Address(int(value) % 2**32))


def _distinct_ids(tree: Tree) -> list[bytes]:
    """Readers of this model need ids that are used once: later spans of one id get one made from it and their place."""
    seen: dict[bytes, int] = {}
    ids: list[bytes] = []
    for span in tree.spans:
        nth = seen[span.span_id] = seen.get(span.span_id, 0) + 1
        own = span.span_id
        ids.append(own if nth == 1 else hashlib.sha256(f"{own.hex()}/{nth}".encode()).digest()[:8])
    return ids


def _warnings(tree: Tree) -> dict[int, list[str]]:
    warnings: dict[int, list[str]] = {}
    for notice in notices_of(tree):
        text = _WARNINGS.get(notice.kind)
        for row in notice.rows if text else ():
            warnings.setdefault(row, []).append(text or "")
    return warnings
