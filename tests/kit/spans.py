"""Builders of spans for tests of what is done with them, and what generates random ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from spanhouse.tracing.spans.model import Event, Link, Resource, Scope, Span

BASE = 1_795_561_920_000_000_000
"""A start time, 2026-11-24, on no boundary of anything."""
MS = 1_000_000
DAY = 86_400_000 * MS
YEAR_2000 = 946_684_800_000_000_000
ODD_STARTS = (0, 1, YEAR_2000 - 1, YEAR_2000, BASE + DAY, BASE + DAY + 1, BASE + 3 * DAY, 10**19, 2**62)
LENGTHS = (-1, 0, 1, 5 * MS, 100 * MS, 2_000 * MS)
ODD_LENGTHS = (*LENGTHS, 2 * DAY)


HOSTILE = (
    "'; DROP TABLE spans; --",
    "\\",
    "\\'",
    "{instance:String}",
    "{p1:UInt8}",
    "a\0b",
    "`",
    '"',
    "%s",
    "/* */",
    "é中\U0001f600",
    "\n\t\r",
    "' OR 1=1",
    "\\x41",
    "x" * 5_000,
)
"""Names and values that break what puts them into a statement's text."""


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big")


def trace_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def make_span(
    number: int = 1, parent: int = 0, *, at: int = 0, lasts: int = 10, trace: int = 0xABC1, **fields: Any
) -> Span:
    """A span that starts `at` ms after BASE and lasts so many ms."""
    start = fields.pop("start_time", BASE + at * MS)
    service = fields.pop("service", "web")
    defaults: dict[str, Any] = {
        "trace_id": trace_id(trace),
        "span_id": span_id(number),
        "parent_span_id": span_id(parent) if parent else b"",
        "name": f"n{number}",
        "kind": 2,
        "start_time": start,
        "end_time": start + lasts * MS,
        "service": service,
        "resource": Resource({"service.name": service}),
    }
    return Span(**{**defaults, **fields})


NAMES = st.sampled_from(["foo", "bar", "http.method", "my attr", 'a"b', "k.x", "中文", "'; DROP TABLE spans --", "x\\"])
TEXTS = st.sampled_from(["bar", "baz", "bar baz", "", "5", "true", "prod", "preprod", "line\nbreak", "é", "a\\", "'"])
SCALARS = st.one_of(
    TEXTS,
    st.booleans(),
    st.sampled_from([0, 1, 2, 3, -5, 200, 500, 2**63 - 1, -(2**63)]),
    st.sampled_from([0.5, 1.0, 3.0, -5.0, 1e300, float("inf")]),
)
VALUES = st.recursive(
    SCALARS | st.none() | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=4)
EVENTS = st.lists(
    st.builds(
        Event,
        time=st.integers(-5, 50).map(lambda ms: BASE + ms * MS),
        name=st.sampled_from(["exception", "log", ""]),
        attributes=ATTRIBUTES,
        dropped_attributes=st.integers(0, 2),
    ),
    max_size=2,
).map(tuple)
LINKS = st.lists(
    st.builds(
        Link,
        trace_id=st.integers(1, 4).map(trace_id),
        span_id=st.integers(1, 4).map(span_id),
        trace_state=st.sampled_from(["", "a=b"]),
        flags=st.sampled_from([0, 1, 0x301]),
        attributes=ATTRIBUTES,
        dropped_attributes=st.integers(0, 2),
    ),
    max_size=2,
).map(tuple)


@st.composite
def random_spans(draw: st.DrawFn, traces: int = 4, *, odd_clocks: bool = False) -> Span:
    """A span of one of a few traces within some twenty minutes, so that traces cross buckets of time.

    With `odd_clocks` a few start in another century.
    """
    attributes = draw(ATTRIBUTES)
    service = draw(st.sampled_from(["web", "cart", "商品", "a/b"]))
    start = BASE + draw(st.integers(0, 1_200)) * 1_000 * MS + draw(st.sampled_from([0, 1, 999]))
    if odd_clocks and draw(st.integers(0, 5)) == 0:
        start = draw(st.sampled_from(ODD_STARTS))
    return Span(
        trace_id=trace_id(draw(st.integers(1, traces))),
        span_id=draw(st.binary(min_size=8, max_size=8).filter(any)),
        parent_span_id=draw(st.sampled_from([b"", span_id(1), span_id(2)])),
        name=draw(st.sampled_from(["GET /a", "GET /b", "", "query"])),
        kind=draw(st.integers(0, 5)),
        start_time=start,
        end_time=max(0, start + draw(st.sampled_from(ODD_LENGTHS if odd_clocks else LENGTHS))),
        service=service,
        status_code=draw(st.integers(0, 2)),
        status_message=draw(st.sampled_from(["", "boom"])),
        trace_state=draw(st.sampled_from(["", "vendor=1"])),
        flags=draw(st.sampled_from([0, 1, 0x100])),
        attributes=attributes,
        dropped_attributes=draw(st.integers(0, 3)),
        events=draw(EVENTS),
        dropped_events=draw(st.integers(0, 3)),
        links=draw(LINKS),
        dropped_links=draw(st.integers(0, 3)),
        resource=Resource(
            {"service.name": service, **draw(ATTRIBUTES)},
            draw(st.integers(0, 2)),
            draw(st.sampled_from(["", "http://s"])),
        ),
        scope=Scope(draw(st.sampled_from(["", "lib"])), draw(st.sampled_from(["", "1.0"])), draw(ATTRIBUTES), 0, ""),
    )
