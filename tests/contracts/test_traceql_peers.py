"""Recorded answers of a widely used implementation, for queries of one filter, against ours on the same spans.

Where they differ on purpose, `DIFFERS` says why. On a machine that has no recordings there is nothing to compare.
"""

from __future__ import annotations

from typing import Any

import pytest

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan.requests import TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.spans.model import AttributeValue, Event, Link, Resource, Span, service_of
from spanhouse.tracing.spans.model import Scope as SpanScope
from spanhouse.tracing.traceql import to_predicate
from tests.kit.peers import traceql_vectors
from tests.kit.store import Store

DIFFERS = {
    "{ .num < 1.5 }": "ints compare with floats",
    "{ span.num < 500 }": "ints compare with floats",
    "{ .http.status_code != 3.0 }": "ints compare with floats",
    "{ resource.replicas < 100ms }": "ints compare with durations",
    "{ event.level < 3.0 }": "ints compare with floats",
    '{ (.foo = "bar" || .num > 1) && status != error }': "ints compare with floats",
    "{ .foo = nil }": "a missing attribute is nil, one that is there is not",
    "{ nil = .foo }": "a missing attribute is nil, one that is there is not",
    "{ event.exception.type = nil }": "a missing attribute is nil",
    "{ nil = event.exception.type }": "a missing attribute is nil",
    "{ 2 ^ 3 = 8 }": "constants are calculated",
    '{ !(.foo = "bar") }': "not of a false comparison is true",
    '{ span:parentID = "0000000000030001" }': "parents are found by their id",
    "{ span.ids < 2 }": "elements of arrays are not compared yet",
}
VECTORS = traceql_vectors()
ALL = TimeRange(0, 2**64 - 1)


def _recorded() -> list[dict[str, Any]]:
    """Those of one filter that we answer and agree to."""
    chosen = []
    for case in VECTORS["search"] if VECTORS else []:
        try:
            to_predicate(case["q"])
        except InvalidQuery as error:
            if "not supported yet" in str(error):
                continue
        if case["q"] not in DIFFERS:
            chosen.append(case)
    return chosen


@pytest.fixture(scope="module")
def scope(store: Store) -> Scope:
    assert VECTORS is not None
    instance = store.new_instance()
    store.put(instance, [span for of_resource in VECTORS["otlp"]["resourceSpans"] for span in _spans(of_resource)])
    return Scope(instance)


if VECTORS is not None:

    @pytest.mark.parametrize("case", _recorded(), ids=lambda case: case["q"])
    def test_a_query_finds_what_was_recorded(store: Store, scope: Scope, case: dict[str, Any]) -> None:
        if case["status"] != 200:
            with pytest.raises(InvalidQuery):
                to_predicate(case["q"])
            return
        request = TraceSearch(scope, ALL, to_predicate(case["q"]), limit=1000, spans_per_trace=0)

        answer = store.reader.search(request)

        found = {trace.summary.trace_id.hex(): {span.span_id.hex() for span in trace.spans} for trace in answer.traces}
        assert found == {trace: set(spans) for trace, spans in case["spans"].items()}


def _spans(of_resource: dict[str, Any]) -> list[Span]:
    resource = _attributes(of_resource["resource"])
    return [
        Span(
            trace_id=bytes.fromhex(span["traceId"]),
            span_id=bytes.fromhex(span["spanId"]),
            parent_span_id=bytes.fromhex(span.get("parentSpanId", "")),
            name=span["name"],
            kind=span["kind"],
            start_time=int(span["startTimeUnixNano"]),
            end_time=int(span["endTimeUnixNano"]),
            service=service_of(resource),
            status_code=span.get("status", {}).get("code", 0),
            status_message=span.get("status", {}).get("message", ""),
            attributes=_attributes(span),
            events=tuple(Event(int(e["timeUnixNano"]), e["name"], _attributes(e)) for e in span.get("events", [])),
            links=tuple(
                Link(bytes.fromhex(link["traceId"]), bytes.fromhex(link["spanId"]), attributes=_attributes(link))
                for link in span.get("links", [])
            ),
            resource=Resource(resource),
            scope=SpanScope(of_scope["scope"]["name"], of_scope["scope"].get("version", "")),
        )
        for of_scope in of_resource["scopeSpans"]
        for span in of_scope["spans"]
    ]


def _attributes(owner: dict[str, Any]) -> dict[str, AttributeValue]:
    return {pair["key"]: _value(pair["value"]) for pair in owner.get("attributes", [])}


def _value(value: dict[str, Any]) -> AttributeValue:
    ((kind, content),) = value.items()
    if kind == "arrayValue":
        return [_value(item) for item in content.get("values", [])]
    return int(content) if kind == "intValue" else content
