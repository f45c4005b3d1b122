"""Whatever the bytes: OTLP bodies are read exactly or refused as malformed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanhouse.base.errors import Malformed
from spanhouse.tracing.wire.otlp import CheckedBody, broken_rule, read_protobuf
from spanhouse.tracing.wire.otlp_json import read_json
from tests.kit.otlp import json_body, json_span, make_request, make_span, to_json

tried = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
uint32 = st.integers(0, 2**32 - 1)
uint64 = st.integers(0, 2**64 - 1)
trace_ids = st.one_of(st.binary(min_size=16, max_size=16), st.binary(max_size=20), st.just(bytes(16)))
span_ids = st.one_of(st.binary(min_size=8, max_size=8), st.binary(max_size=10), st.just(bytes(8)))
good_trace_ids = st.binary(min_size=16, max_size=16).filter(any)
good_span_ids = st.binary(min_size=8, max_size=8).filter(any)


def _any_value(**fields: Any) -> AnyValue:
    return AnyValue(**fields)


def _nested(inner: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    arrays = st.lists(inner, max_size=3).map(lambda values: _any_value(array_value={"values": values}))
    pairs = st.builds(KeyValue, key=texts, value=inner)
    maps = st.lists(pairs, max_size=3).map(lambda values: _any_value(kvlist_value={"values": values}))
    return arrays | maps


scalars = st.one_of(
    st.just(AnyValue()),
    st.builds(_any_value, string_value=texts),
    st.builds(_any_value, bool_value=st.booleans()),
    st.builds(_any_value, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(_any_value, double_value=st.floats(allow_nan=False)),
    st.builds(_any_value, bytes_value=st.binary(max_size=9)),
)
attributes = st.lists(st.builds(KeyValue, key=texts, value=st.recursive(scalars, _nested, max_leaves=3)), max_size=4)
events = st.builds(Span.Event, time_unix_nano=uint64, name=texts, attributes=attributes)
links = st.builds(
    Span.Link, trace_id=good_trace_ids, span_id=good_span_ids, trace_state=texts, attributes=attributes, flags=uint32
)


def _spans(trace_id: st.SearchStrategy[bytes], span_id: st.SearchStrategy[bytes]) -> st.SearchStrategy[Span]:
    return st.builds(
        Span,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=st.just(b"") | span_id,
        name=texts,
        kind=st.integers(-(2**31), 2**31 - 1),
        start_time_unix_nano=uint64,
        end_time_unix_nano=uint64,
        attributes=attributes,
        dropped_attributes_count=uint32,
        events=st.lists(events, max_size=1),
        links=st.lists(links, max_size=1),
        flags=uint32,
        status=st.builds(lambda message, code: {"message": message, "code": code}, texts, st.integers(0, 3)),
    )


def _requests(spans: st.SearchStrategy[Span]) -> st.SearchStrategy[ExportTraceServiceRequest]:
    scopes = st.builds(ScopeSpans, spans=st.lists(spans, max_size=3), schema_url=texts)
    resources = st.builds(
        ResourceSpans,
        scope_spans=st.lists(scopes, max_size=2),
        schema_url=texts,
        resource=st.builds(lambda values: {"attributes": values}, attributes),
    )
    return st.builds(ExportTraceServiceRequest, resource_spans=st.lists(resources, max_size=2))


good_requests = _requests(_spans(good_trace_ids, good_span_ids))
mixed_requests = _requests(_spans(trace_ids, span_ids))


def _read_or_refuse(read: Callable[[bytes], CheckedBody], body: bytes) -> CheckedBody | str:
    """What was read, or the reason why not."""
    try:
        return read(body)
    except Malformed as error:
        return str(error)


def _is_plain(body: bytes) -> bool:
    return ExportTraceServiceRequest.FromString(body).SerializeToString() == body


def _all_spans(request: ExportTraceServiceRequest) -> list[Span]:
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


@tried
@given(good_requests)
def test_a_good_protobuf_body_stays_as_it_is(request: ExportTraceServiceRequest) -> None:
    body = request.SerializeToString()

    checked = read_protobuf(body)

    assert (checked.body, checked.rejected, checked.reason) == (body, 0, "")
    assert checked.spans == len(_all_spans(request))


@tried
@given(good_requests)
def test_json_and_protobuf_make_the_same_body(request: ExportTraceServiceRequest) -> None:
    from_json = read_json(json.dumps(to_json(request)).encode())

    assert from_json.body == read_protobuf(request.SerializeToString()).body


@tried
@given(mixed_requests)
def test_exactly_the_spans_that_break_a_rule_are_refused(request: ExportTraceServiceRequest) -> None:
    kept = [span for span in _all_spans(request) if not broken_rule(span)]

    checked = read_protobuf(request.SerializeToString())

    assert _all_spans(ExportTraceServiceRequest.FromString(checked.body)) == kept
    assert checked.spans == len(kept)
    assert checked.rejected == len(_all_spans(request)) - len(kept)
    assert bool(checked.reason) == bool(checked.rejected)


@tried
@given(mixed_requests)
def test_portions_sum_to_the_spans_and_the_body(request: ExportTraceServiceRequest) -> None:
    checked = read_protobuf(request.SerializeToString())

    assert sum(portion.spans for portion in checked.portions) == checked.spans
    assert sum(portion.bytes for portion in checked.portions) == len(checked.body)
    assert len({portion.service for portion in checked.portions}) == len(checked.portions)


@tried
@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_malformed(body: bytes) -> None:
    for read in (read_protobuf, read_json):
        result = _read_or_refuse(read, body)
        assert result if isinstance(result, str) else _is_plain(result.body)


@tried
@given(good_requests, st.data())
def test_a_damaged_body_is_read_or_malformed(request: ExportTraceServiceRequest, data: st.DataObject) -> None:
    body = bytearray(request.SerializeToString())
    if not body:
        return
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(body[: data.draw(st.integers(0, len(body)))])

    result = _read_or_refuse(read_protobuf, damaged)

    assert result if isinstance(result, str) else _is_plain(result.body)


@tried
@given(_spans(good_trace_ids, good_span_ids), st.data())
def test_a_truncated_body_is_malformed(span: Span, data: st.DataObject) -> None:
    whole = make_request(span).SerializeToString()
    cut = data.draw(st.integers(1, len(whole) - 1))

    with pytest.raises(Malformed, match="cut short"):
        read_protobuf(whole[:cut])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "key", "traceId", "name", "values", "kvlistValue", "x"]), inner)
    ),
    max_leaves=8,
)
span_names = st.sampled_from([field.json_name for field in Span.DESCRIPTOR.fields])


@tried
@given(st.dictionaries(span_names, json_values, max_size=4))
def test_any_json_in_a_span_is_read_or_malformed(fields: dict[str, Any]) -> None:
    body = json.dumps(json_body(json_span(1), json_span(2, **fields))).encode()

    result = _read_or_refuse(read_json, body)

    if isinstance(result, str):
        assert result.startswith("resourceSpans[0].scopeSpans[0].spans[1]")
    else:
        assert result.spans + result.rejected == 2
        assert _is_plain(result.body)


@pytest.mark.report("V02")
@tried
@given(st.integers(-(2**63), 2**63 - 1), st.booleans())
def test_int64_keeps_every_digit(number: int, as_text: bool) -> None:
    value = {"intValue": str(number) if as_text else number}
    checked = read_json(json.dumps(json_body(json_span(attributes=[{"key": "n", "value": value}]))).encode())

    [span] = _all_spans(ExportTraceServiceRequest.FromString(checked.body))
    assert span.attributes[0].value.int_value == number


@pytest.mark.report("V09")
@tried
@given(st.floats())
def test_doubles_come_back_bit_by_bit(number: float) -> None:
    request = make_request(make_span(attributes=[{"key": "d", "value": {"double_value": number}}]))

    checked = read_json(json.dumps(to_json(request)).encode())

    [span] = _all_spans(ExportTraceServiceRequest.FromString(checked.body))
    found = span.attributes[0].value.double_value
    assert found == number or (math.isnan(found) and math.isnan(number))


@tried
@given(st.integers(0, 2**64 - 1), st.integers(1, 5))
def test_overlong_numbers_and_doubled_scalars_become_plain(start: int, doubled: int) -> None:
    """The engine's reader refuses or misreads these; what is journalled is the encoding it reads right."""
    plain = make_request(make_span(start_time_unix_nano=start))
    span = plain.resource_spans[0].scope_spans[0].spans[0]
    odd = span.SerializeToString() + b"\x2a\x03old" * doubled + b"\x2a\x06span 1" + b"\x30\x82\x80\x80\x00"
    body = _length_delimited(0x0A, _length_delimited(0x12, _length_delimited(0x12, odd)))

    checked = read_protobuf(body)

    expected = make_request(make_span(start_time_unix_nano=start), service=None)
    assert checked.body != body
    assert _all_spans(ExportTraceServiceRequest.FromString(checked.body)) == _all_spans(expected)
    assert [portion.bytes for portion in checked.portions] == [len(checked.body)]


def _length_delimited(tag: int, payload: bytes) -> bytes:
    head = bytearray([tag])
    length = len(payload)
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + payload


@pytest.mark.parametrize("count", [20_000, 3_000_000])
def test_a_crowd_of_stubs_is_refused_whole(count: int) -> None:
    body = _length_delimited(0x0A, _length_delimited(0x12, b"\x12\x00" * count))

    with pytest.raises(Malformed, match="too short to carry ids"):
        read_protobuf(body)


@pytest.mark.parametrize("count", [20_000, 1_000_000])
def test_a_crowd_of_json_stubs_is_refused_whole(count: int) -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * count + b"{}]}]}]}"

    with pytest.raises(Malformed, match="spans: so many that they are too short to carry ids"):
        read_json(body)


def test_a_big_honest_body_is_read() -> None:
    spans = [make_span(number, name="x" * 200) for number in range(1, 25_000)]

    checked = read_protobuf(make_request(*spans).SerializeToString())

    assert (checked.spans, checked.rejected) == (24_999, 0)
