"""Traces for queries to be tried on: small and odd, of few names and values, so that queries hit.

Among them are several roots and none, parents that are not there or come later, circles, two spans with one id, equal
times, 64-bit ids, and one name with values of every type.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from spanhouse.tracing.spans.model import AttributeValue, Event, Link, Resource, Span
from spanhouse.tracing.spans.model import Scope as SpanScope
from tests.kit.spans import BASE, MS, span_id, trace_id

NUMBERS = (0, 1, 2, 3, -5, 10, 200, 500, 0.5, 1.0, 1.5, 2.0, -0.5)
TEXTS = ("a", "b", "ab", "A", "", "1", "true", "x\ny", "é")
SERVICES = ("web", "cart", "商品")
SPAN_NAMES = ("GET /a", "GET /b", "query", "")
EVENT_NAMES = ("exception", "log")
LENGTHS = (-1, 0, 1, 1_000, MS, 1_500_000, 100 * MS, 1_000 * MS, 1_000 * MS + 2)
SECONDS = 30
"""within which all spans start"""
SIZES = (1, *(2, 3, 4, 6, 8) * 4, 20, 40)
"""Spans of a trace; a few are large."""
MISSING_ID = 0xDEAD
BIG_ID = 0xFFFF_FFFF_FFFF_FF00
"""Ids from here on take all of their 64 bits."""

SPAN_FIELDS = ("num", "foo", "flag", "tags", "x", "my attr", "duration")
RESOURCE_FIELDS = ("num", "x", "foo")
EVENT_FIELDS = LINK_FIELDS = ("num", "x", "my attr")
SCOPE_FIELDS = ("x", "flag")


def _value(pick: Random, name: str) -> AttributeValue:
    if name == "flag":
        return pick.random() < 0.5
    if name in ("num", "duration"):
        return pick.choice(NUMBERS)
    if name == "tags":
        return [pick.choice(TEXTS) for _ in range(pick.randrange(4))]
    return pick.choice(TEXTS) if name != "x" else _anything(pick)


def _anything(pick: Random) -> AttributeValue:
    scalars = [pick.choice(NUMBERS), pick.choice(TEXTS), pick.random() < 0.5]
    lists: list[AttributeValue] = [pick.sample(scalars, pick.randrange(4)), [["a"], 1]]
    odd: list[AttributeValue] = [None, b"a", b"", {"a": 1}]
    return pick.choice([*scalars, *scalars, *lists, pick.choice(odd)])


def _attributes(pick: Random, names: tuple[str, ...]) -> dict[str, AttributeValue]:
    """Half of the names, or so."""
    return {name: _value(pick, name) for name in names if pick.random() < 0.5}


def _events(pick: Random, start: int) -> tuple[Event, ...]:
    at = (-1, 0, 1, MS, 5 * MS)
    return tuple(
        Event(start + pick.choice(at), pick.choice(EVENT_NAMES), _attributes(pick, EVENT_FIELDS))
        for _ in range(pick.choice([0, 0, 1, 2, 3]))
    )


def _links(pick: Random) -> tuple[Link, ...]:
    return tuple(
        Link(trace_id(pick.randint(1, 3)), span_id(pick.randint(1, 3)), attributes=_attributes(pick, LINK_FIELDS))
        for _ in range(pick.choice([0, 0, 0, 1, 2]))
    )


def a_trace(pick: Random, number: int) -> list[Span]:
    """Span ids are the same in all traces."""
    size = pick.choice(SIZES)
    begin = BASE + pick.randint(0, SECONDS - 3) * 1_000 * MS
    ids = [span_id(BIG_ID + n if n % 4 == 3 else n) for n in range(1, size + 1)]
    whole = pick.random() < 0.6
    spans = []
    for index in range(size):
        before = ids[:index] or [b""]
        odd = [] if whole else [b"", span_id(MISSING_ID), *ids[index : index + 3]]
        spans.append(_span(pick, number, ids[index], pick.choice([*before, *odd]), begin))
    if pick.random() < 0.15:
        spans.append(_second(pick, number, spans, begin))
    return spans


def _second(pick: Random, number: int, spans: list[Span], begin: int) -> Span:
    """A span with the id of another one. They start at different times: the first of them has the children."""
    first = pick.choice(spans)
    parent = pick.choice([b"", *(span.span_id for span in spans)])
    span = _span(pick, number, first.span_id, parent, begin)
    return replace(span, start_time=first.start_time + pick.choice([-7, 7]), end_time=first.start_time + 8)


def _span(pick: Random, number: int, own: bytes, parent: bytes, begin: int) -> Span:
    start = begin + pick.choice([0, 0, 1, MS, 2 * MS, 1_000 * MS, 2_000 * MS])
    service = pick.choice(SERVICES)
    scope = SpanScope(pick.choice(["", "lib"]), pick.choice(["", "1.0"]), _attributes(pick, SCOPE_FIELDS))
    return Span(
        trace_id=trace_number(number),
        span_id=own,
        parent_span_id=parent,
        name=pick.choice(SPAN_NAMES),
        kind=pick.choice([0, 1, 2, 2, 3, 4, 5]),
        start_time=start,
        end_time=start + pick.choice(LENGTHS),
        service=service,
        status_code=pick.choice([0, 0, 1, 2]),
        status_message=pick.choice(["", "boom"]),
        attributes=_attributes(pick, SPAN_FIELDS),
        events=_events(pick, start),
        links=_links(pick),
        resource=Resource({"service.name": service, **_attributes(pick, RESOURCE_FIELDS)}),
        scope=scope,
        received_at=BASE,
    )


def trace_number(number: int) -> bytes:
    """Every other one has 64 bits only."""
    return trace_id(number if number % 2 else number | 0xABCD << 112)


def a_crowd(count: int, seed: int = 1) -> list[Span]:
    """The spans of so many traces, mixed; the same ones for one seed."""
    pick = Random(seed)
    spans = [span for number in range(1, count + 1) for span in a_trace(pick, number)]
    pick.shuffle(spans)
    return spans


CROWDS = st.builds(a_crowd, st.integers(1, 8), st.integers(0, 2**32))
"""A few traces each, for tests that fill a store of their own."""
