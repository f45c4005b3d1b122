"""OTLP over HTTP, asked of the real listener."""

from __future__ import annotations

import gzip
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanhouse.base.errors import StorageFull
from spanhouse.base.limits import BODY_BYTES_MAX, SPAN_BYTES_MAX
from spanhouse.contracts.grant import InstanceGrant
from tests.kit.ingest import Receiver, grants, key, receiver
from tests.kit.otlp import add_service, json_body, json_span, make_request, make_span, string_attribute

PROTOBUF = "application/x-protobuf"


@pytest.fixture
def otlp(tmp_path: Path) -> Iterator[Receiver]:
    with receiver(tmp_path, grants()) as running:
        yield running


def test_a_protobuf_batch_is_journalled_as_it_came(otlp: Receiver) -> None:
    body = make_request(make_span(1), make_span(2)).SerializeToString()

    answer = otlp.post(body, PROTOBUF)

    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, PROTOBUF, b"")
    [envelope] = otlp.journal.envelopes
    assert (envelope.instance, envelope.body) == ("i-shop", body)
    assert [(p.service, p.spans, p.bytes) for p in envelope.portions] == [("shop", 2, len(body))]
    assert envelope.received_at == otlp.clock.now_ns()


def test_portions_follow_services_and_sum_to_the_body(otlp: Receiver) -> None:
    request = make_request(make_span(1), make_span(2), service="shop")
    add_service(request, "stock", make_span(3))
    add_service(request, "shop", make_span(4))
    body = request.SerializeToString()

    otlp.post(body, PROTOBUF)

    [envelope] = otlp.journal.envelopes
    assert {p.service: p.spans for p in envelope.portions} == {"shop": 3, "stock": 1}
    assert sum(p.bytes for p in envelope.portions) == len(body)


@pytest.mark.report("V01")
@pytest.mark.parametrize(
    ("content_type", "reply"),
    [
        ("Application/JSON; charset=utf-8", "application/json"),
        ("application/json;charset=UTF-8", "application/json"),
    ],
)
def test_json_content_types_with_case_and_parameters(otlp: Receiver, content_type: str, reply: str) -> None:
    answer = otlp.post(json_body(json_span()), content_type)

    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, reply, {})


@pytest.mark.report("V01")
def test_protobuf_content_type_with_a_parameter(otlp: Receiver) -> None:
    answer = otlp.post(make_request(make_span()).SerializeToString(), "application/x-protobuf;v=1")

    assert (answer.status_code, answer.headers["content-type"]) == (200, PROTOBUF)


@pytest.mark.report("V01")
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_content_types_are_415(otlp: Receiver, content_type: str) -> None:
    answer = otlp.post(json_body(json_span()), content_type)

    assert answer.status_code == 415
    assert "application/x-protobuf" in answer.json()["message"]


@pytest.mark.report("V02")
def test_numbers_as_strings_and_as_numbers_mean_the_same(otlp: Receiver) -> None:
    def span(number: int, spell: Any) -> dict[str, Any]:
        values = [
            {"key": "a", "value": {"intValue": spell(7)}},
            {"key": "b", "value": {"intValue": spell(2**63 - 1)}},
            {"key": "d", "value": {"doubleValue": spell(1.5)}},
        ]
        times = {"startTimeUnixNano": spell(1_700_000_000_000_000_001), "endTimeUnixNano": spell(2**63)}
        return json_span(number, attributes=values, **times)

    otlp.post(json_body(span(1, str), span(1, lambda value: value)))

    first, second = otlp.journal.spans
    assert first == second
    assert first.kind == 2
    assert first.attributes[1].value.int_value == 9223372036854775807
    assert first.start_time_unix_nano == 1_700_000_000_000_000_001


@pytest.mark.report("V03")
def test_a_base64_trace_id_refuses_that_span_alone(otlp: Receiver) -> None:
    bad = json_span(1, traceId="Z6z8LqVvEI+kU1/Ci6mXBQ==")

    answer = otlp.post(json_body(bad, json_span(2)))

    partial = answer.json()["partialSuccess"]
    assert (answer.status_code, partial["rejectedSpans"]) == (200, "1")
    assert "traceId is not 32 hex digits" in partial["errorMessage"]
    assert [span.name for span in otlp.journal.spans] == ["span 2"]


@pytest.mark.report("V03")
def test_snake_case_names_are_unknown_and_ignored(otlp: Receiver) -> None:
    answer = otlp.post({"resource_spans": [{"scope_spans": [{"spans": [json_span()]}]}]})

    assert (answer.status_code, answer.json(), otlp.journal.envelopes) == (200, {}, [])


@pytest.mark.report("V03")
def test_upper_case_hex_is_an_id(otlp: Receiver) -> None:
    otlp.post(json_body(json_span(traceId="5B8EFFF798038103D269B633813FC60C")))

    [span] = otlp.journal.spans
    assert span.trace_id.hex() == "5b8efff798038103d269b633813fc60c"


@pytest.mark.report("V04")
@pytest.mark.parametrize("body", [b'{"foo":"bar"}', b"{}", b'{"resourceSpans":[]}', b'{"resourceSpans":null}'])
def test_an_empty_export_in_json_is_a_success(otlp: Receiver, body: bytes) -> None:
    answer = otlp.post(body)

    assert (answer.status_code, answer.content, otlp.journal.envelopes) == (200, b"{}", [])


@pytest.mark.report("V04")
@pytest.mark.parametrize("body", [b"[]", b'"x"', b'{"resourceSpans":', b"", b"null", b"7", b'{"a":NaN}', b'"\xff"'])
def test_what_is_no_json_object_is_400_with_a_status(otlp: Receiver, body: bytes) -> None:
    answer = otlp.post(body)

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert answer.json()["code"] == 3
    assert answer.json()["message"]


@pytest.mark.report("V04")
def test_an_empty_protobuf_body_is_an_empty_export(otlp: Receiver) -> None:
    answer = otlp.post(b"", PROTOBUF)

    assert (answer.status_code, answer.content, otlp.journal.envelopes) == (200, b"", [])


@pytest.mark.report("V05")
def test_an_all_zero_trace_id_refuses_that_span_alone(otlp: Receiver) -> None:
    spans = [json_span(1, traceId="1" * 32), json_span(2, traceId="0" * 32), json_span(3, traceId="2" * 32)]

    answer = otlp.post(json_body(*spans))

    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert "all zero" in answer.json()["partialSuccess"]["errorMessage"]
    assert [span.name for span in otlp.journal.spans] == ["span 1", "span 3"]


@pytest.mark.report("V06")
@pytest.mark.parametrize("parent", ["0" * 16, "", None])
def test_a_root_may_say_so_in_three_ways(otlp: Receiver, parent: str | None) -> None:
    answer = otlp.post(json_body(json_span(parentSpanId=parent)))

    assert (answer.status_code, answer.json()) == (200, {})
    assert otlp.journal.spans[0].parent_span_id in (b"", bytes(8))


@pytest.mark.report("V07")
def test_repeated_attribute_keys_are_kept(otlp: Receiver) -> None:
    twice = [string_attribute("k", "a"), {"key": "k", "value": {"intValue": "2"}}]

    answer = otlp.post(json_body(json_span(1, attributes=twice), json_span(2)))

    assert (answer.status_code, answer.json(), len(otlp.journal.spans)) == (200, {}, 2)
    assert [attribute.key for attribute in otlp.journal.spans[0].attributes] == ["k", "k"]


@pytest.mark.report("V08", "V22")
@pytest.mark.parametrize(("start", "end"), [(10, 9), (10, 0), (0, 0), (2**63, 2**63 + 1), (2**64 - 1, 1)])
def test_odd_times_are_taken_raw(otlp: Receiver, start: int, end: int) -> None:
    answer = otlp.post(json_body(json_span(startTimeUnixNano=str(start), endTimeUnixNano=str(end))))

    assert answer.status_code == 200
    [span] = otlp.journal.spans
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (start, end)


@pytest.mark.report("V09")
@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_special_doubles_come_as_words(otlp: Receiver, word: str) -> None:
    answer = otlp.post(json_body(json_span(attributes=[{"key": "d", "value": {"doubleValue": word}}])))

    assert answer.status_code == 200
    assert repr(otlp.journal.spans[0].attributes[0].value.double_value) == repr(float(word.replace("inity", "")))


def _zstd_bomb(size: int) -> bytes:
    return zstandard.ZstdCompressor().compress(bytes(size))


def _wide_zstd_frame() -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=29)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return compressor.compress(b"x") + compressor.flush()


@pytest.mark.report("V10")
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(bytes(200 * 2**20))),
        ("deflate", zlib.compress(bytes(200 * 2**20))),
        ("zstd", _zstd_bomb(200 * 2**20)),
        ("zstd", _wide_zstd_frame()),
        ("identity", bytes(BODY_BYTES_MAX + 1)),
    ],
    ids=["gzip", "deflate", "zstd", "zstd window", "identity"],
)
def test_a_bomb_is_413_and_the_next_export_works(otlp: Receiver, encoding: str, body: bytes) -> None:
    answer = otlp.post(body, PROTOBUF, {"content-encoding": encoding})

    assert answer.status_code == 413
    assert Status.FromString(answer.content).code == 8
    assert otlp.post(json_body(json_span())).status_code == 200


@pytest.mark.report("V10")
def test_a_chunked_body_without_a_length_is_bounded_too(otlp: Receiver) -> None:
    chunks = (bytes(2**20) for _ in range(BODY_BYTES_MAX // 2**20 + 1))

    answer = otlp.http.post("/v1/traces", content=chunks, headers={"content-type": PROTOBUF})

    assert answer.status_code == 413


@pytest.mark.report("V10")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_broken_stream_is_400(otlp: Receiver, encoding: str) -> None:
    answer = otlp.post(b"this is not compressed", PROTOBUF, {"content-encoding": encoding})

    assert answer.status_code == 400
    assert encoding in Status.FromString(answer.content).message


def test_an_unknown_content_encoding_is_415(otlp: Receiver) -> None:
    answer = otlp.post(json_body(json_span()), headers={"content-encoding": "br"})

    assert answer.status_code == 415
    assert "gzip" in answer.json()["message"]


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_compressed_bodies_are_stored_inflated(otlp: Receiver, encoding: str, compress: Any) -> None:
    body = make_request(make_span()).SerializeToString()

    answer = otlp.post(compress(body), PROTOBUF, {"content-encoding": encoding})

    assert answer.status_code == 200
    assert otlp.journal.envelopes[0].body == body


@pytest.mark.report("V11")
def test_garbage_protobuf_is_400_with_a_protobuf_status(otlp: Receiver) -> None:
    answer = otlp.post(b"\xff\xff", PROTOBUF)

    assert (answer.status_code, answer.headers["content-type"]) == (400, PROTOBUF)
    status = Status.FromString(answer.content)
    assert (status.code, bool(status.message)) == (3, True)


@pytest.mark.report("V11")
@pytest.mark.parametrize(
    ("span", "message"),
    [
        ({"droppedAttributesCount": -1}, "droppedAttributesCount: out of range"),
        ({"startTimeUnixNano": "1" * 35}, "startTimeUnixNano: out of range"),
        ({"name": 5}, "name: expected a string, not a number"),
        ({"attributes": {}}, "attributes: expected an array, not an object"),
        ({"kind": "SERVER"}, "kind: expected a number or one of SPAN_KIND_UNSPECIFIED"),
        ({"name": "\ud800"}, "name: not valid Unicode (a lone surrogate)"),
        ({"status": {"code": []}}, "status.code: expected an integer, not an array"),
        ({"attributes": [{"key": "b", "value": {"boolValue": "yes"}}]}, "boolValue: expected true or false"),
        ({"attributes": [{"key": "b", "value": {"bytesValue": "!"}}]}, "bytesValue: expected base64"),
    ],
)
def test_a_type_error_names_the_field(otlp: Receiver, span: dict[str, Any], message: str) -> None:
    answer = otlp.post(json_body(json_span(1), json_span(2, **span)))

    assert answer.status_code == 400
    assert (
        f"resourceSpans[0].scopeSpans[0].spans[1].{message[:8]}" in answer.json()["message"]
        or message in (answer.json()["message"])
    )
    assert message in answer.json()["message"]
    assert otlp.journal.envelopes == []


@pytest.mark.report("V11")
def test_a_string_that_is_not_utf8_is_400_and_named(otlp: Receiver) -> None:
    body = make_request(make_span(1), make_span(2)).SerializeToString().replace(b"span 2", b"\xff\xfean 2")

    answer = otlp.post(body, PROTOBUF)

    assert answer.status_code == 400
    assert (
        "resource_spans[0].scope_spans[0].spans[1].name: not valid UTF-8" in Status.FromString(answer.content).message
    )


@pytest.mark.report("V12")
def test_an_oversize_span_is_refused_alone_with_an_exact_count(otlp: Receiver) -> None:
    big = make_span(2)
    big.attributes.add(key="blob").value.string_value = "x" * 10 * 2**20
    body = make_request(make_span(1), big, make_span(3)).SerializeToString()

    answer = otlp.post(body, PROTOBUF)

    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)
    assert str(SPAN_BYTES_MAX) in partial.error_message
    assert [span.name for span in otlp.journal.spans] == ["span 1", "span 3"]
    [envelope] = otlp.journal.envelopes
    assert [(p.spans, p.bytes) for p in envelope.portions] == [(2, len(envelope.body))]


def test_a_batch_of_which_nothing_is_left_is_not_journalled(otlp: Receiver) -> None:
    answer = otlp.post(json_body(json_span(spanId="00"), json_span(traceId="xyz")))

    assert answer.json()["partialSuccess"]["rejectedSpans"] == "2"
    assert otlp.journal.envelopes == []


@pytest.mark.report("V19")
@pytest.mark.parametrize(
    "resource",
    [[], [string_attribute("service.name", "")], [{"key": "service.name", "value": {"intValue": "5"}}]],
)
def test_spans_without_a_service_name_are_counted_under_a_stable_one(otlp: Receiver, resource: list[Any]) -> None:
    otlp.post(json_body(json_span(), resource=resource))

    assert [p.service for p in otlp.journal.envelopes[0].portions] == ["unknown_service"]


@pytest.mark.report("V21")
def test_deep_attributes_are_bounded_not_fatal(otlp: Receiver) -> None:
    value: dict[str, Any] = {"intValue": "1"}
    for _ in range(150):
        value = {"arrayValue": {"values": [value]}}

    answer = otlp.post(json_body(json_span(attributes=[{"key": "deep", "value": value}])))

    assert answer.status_code == 400
    assert "nested deeper than 100" in answer.json()["message"]


def test_json_nested_beyond_reason_is_400(otlp: Receiver) -> None:
    answer = otlp.post(b"[" * 1_000_000)

    assert answer.status_code == 400


def test_a_full_journal_is_503_with_retry_after(otlp: Receiver) -> None:
    otlp.journal.error = StorageFull("the journal is full", retry_after_seconds=7)

    answer = otlp.post(json_body(json_span()))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json()["code"] == 14
    assert answer.json()["details"][0]["retryDelay"] == "7s"


def test_too_many_bytes_in_flight_are_503_until_they_are_through(tmp_path: Path) -> None:
    body = make_request(make_span()).SerializeToString()
    with receiver(tmp_path, grants(), in_flight_bytes_max=2 * len(body) + 10) as otlp:
        otlp.journal.open.clear()
        with _raw_post(otlp, body, len(body)) as waiting:
            _wait_until(lambda: otlp.in_flight.bytes == len(body))
            busy = otlp.post(body, PROTOBUF)
            otlp.journal.open.set()
            first = waiting.recv(4096)
        after = otlp.post(body, PROTOBUF)

    assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
    assert first.startswith(b"HTTP/1.1 200")
    assert after.status_code == 200
    assert otlp.in_flight.bytes == 0


def test_an_instance_with_many_bytes_in_flight_leaves_room_for_another(tmp_path: Path) -> None:
    body = make_request(make_span()).SerializeToString()
    granted = grants(key("s"), key("b", instance="i-bank"))
    both = {**granted.instances, "i-bank": InstanceGrant("i-bank", "bank", 15)}
    with (
        receiver(tmp_path, replace(granted, instances=both), in_flight_bytes_max=4 * len(body)) as otlp,
        ThreadPoolExecutor() as pool,
    ):

        def send(key: str) -> Future[httpx.Response]:
            return pool.submit(otlp.post, body, PROTOBUF, headers={"x-api-key": key})

        otlp.journal.open.clear()
        waiting = [send("s"), send("s")]
        _wait_until(lambda: otlp.in_flight.bytes == 2 * len(body))
        too_many = send("s").result()
        waiting.append(send("b"))
        _wait_until(lambda: otlp.in_flight.bytes == 3 * len(body))
        otlp.journal.open.set()

        assert too_many.status_code == 503
        assert [answer.result().status_code for answer in waiting] == [200, 200, 200]
        assert otlp.in_flight.bytes == 0


def _raw_post(otlp: Receiver, body: bytes, declared: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", otlp.ports.otlp_http), timeout=10)
    lines = ["POST /v1/traces HTTP/1.1", "Host: localhost", f"Content-Type: {PROTOBUF}", f"Content-Length: {declared}"]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return connection


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_large_body_does_not_hold_up_the_others(otlp: Receiver) -> None:
    large = json_body(*(json_span(number) for number in range(1, 60_000)))
    small = make_request(make_span(7, name="small")).SerializeToString()
    content = json.dumps(large).encode()

    with ThreadPoolExecutor() as pool:
        slow = pool.submit(otlp.post, content)
        _wait_until(lambda: otlp.in_flight.bytes >= len(content))
        while not slow.done():
            assert otlp.post(small, PROTOBUF).status_code == 200

    assert slow.result().json() == {}
    counts = [envelope.portions[0].spans for envelope in otlp.journal.envelopes]
    assert counts[0] == 1
    assert counts.count(59_999) == 1


def test_a_body_shorter_than_declared_is_not_taken(otlp: Receiver) -> None:
    with _raw_post(otlp, make_request(make_span()).SerializeToString(), 9999):
        _wait_until(lambda: otlp.in_flight.bytes > 0)
    _wait_until(lambda: otlp.in_flight.bytes == 0)

    assert otlp.journal.envelopes == []


def test_a_body_that_trickles_is_dropped(tmp_path: Path) -> None:
    with receiver(tmp_path, grants(), body_seconds_max=0.05) as otlp, _raw_post(otlp, b"\x0a", 9999) as connection:
        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 503")
    assert b"did not arrive within 0.05 s" in answer


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs"])
def test_other_signals_are_told_to_stay_away_without_a_retry(otlp: Receiver, path: str) -> None:
    answer = otlp.post({}, path=path)

    assert answer.status_code == 404
    assert "traces only" in answer.json()["message"]


def test_a_wrong_path_says_the_right_one(otlp: Receiver) -> None:
    answer = otlp.post(json_body(json_span()), path="/")

    assert answer.status_code == 404
    assert "/v1/traces" in answer.json()["message"]


def test_get_of_the_traces_path_is_405(otlp: Receiver) -> None:
    answer = otlp.http.get("/v1/traces")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")


def test_health_and_greeting(otlp: Receiver) -> None:
    assert otlp.http.get("/healthz").text == "ok\n"
    assert "/v1/traces" in otlp.http.get("/").text


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ('spanhouse_ingest_spans_accepted_total{instance="i-shop"}', 2),
        ('spanhouse_ingest_spans_refused_total{instance="i-shop",reason="span id is all zero"}', 1),
        ('spanhouse_ingest_requests_refused_total{instance="i-shop",reason="Malformed"}', 1),
        ('spanhouse_ingest_requests_refused_total{instance="",reason="Unauthenticated"}', 1),
    ],
)
def test_own_metrics_count_by_instance_and_reason(otlp: Receiver, line: str, more: int) -> None:
    before = _metric(otlp, line)

    otlp.post(json_body(json_span(1), json_span(2), json_span(3, spanId="0" * 16)))
    otlp.post(b"[]")
    otlp.post({}, headers={"x-api-key": "wrong"})

    assert _metric(otlp, line) == before + more


def _metric(otlp: Receiver, name: str) -> float:
    lines = [line for line in otlp.http.get("/metrics").text.splitlines() if line.startswith(name + " ")]
    return float(lines[0].rpartition(" ")[2]) if lines else 0


def test_an_answer_to_json_is_strict_json(otlp: Receiver) -> None:
    answer = otlp.post(json_body(json_span(traceId="é\u0001")))

    assert json.loads(answer.content)["partialSuccess"]["rejectedSpans"] == "1"
