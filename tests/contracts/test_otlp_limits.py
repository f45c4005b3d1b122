"""What an instance may send, asked of the real listeners: rates, caps, single spans, services that are switched off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanhouse.base.errors import StorageFull
from spanhouse.contracts.limits import Limits
from spanhouse.contracts.refused import Amount, Refused, RefusedIn
from tests.kit.ingest import NOW_NS, Receiver, grants, key, receiver
from tests.kit.otlp import add_service, json_body, json_span, make_request, make_span, string_attribute

pytestmark = pytest.mark.clause("R5")

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
HOUR = NOW_NS // (3600 * 10**9)


@contextmanager
def limited(directory: Path, **limits: Any) -> Iterator[Receiver]:
    with receiver(directory, grants(key("a"), key("b"), limits=Limits(**limits))) as running:
        yield running


def spans(count: int, **fields: Any) -> dict[str, Any]:
    return json_body(*(json_span(number, **fields) for number in range(1, count + 1)))


def partial(answer: httpx.Response) -> tuple[int, str]:
    """How many spans an answer says were refused, and why."""
    assert answer.status_code == 200, answer.text
    success = answer.json().get("partialSuccess", {})
    return int(success.get("rejectedSpans", 0)), success.get("errorMessage", "")


def kept(otlp: Receiver) -> list[str]:
    return [span.name for span in otlp.journal.spans]


def refused(otlp: Receiver) -> dict[str, Amount]:
    """What is written of refusals, by reason."""
    otlp.refused.write()
    path = otlp.directory / "grants" / "refused-0.json"
    amounts = Refused.from_json(path.read_bytes()).amounts if path.exists() else {}
    assert all(at == RefusedIn("i-shop", at.reason, HOUR) for at in amounts)
    return {at.reason: amount for at, amount in amounts.items()}


def export(otlp: Receiver, request: ExportTraceServiceRequest) -> ExportTraceServiceResponse:
    with grpc.insecure_channel(otlp.grpc_target) as channel:
        reply = channel.unary_unary(EXPORT, None, None)(request.SerializeToString(), timeout=10)
        return ExportTraceServiceResponse.FromString(reply)


def details(error: grpc.RpcError) -> Status:
    metadata: Any = error.trailing_metadata()
    return Status.FromString(dict(metadata)["grpc-status-details-bin"])


def test_over_the_rate_http_answers_429_and_when_to_come_back(tmp_path: Path) -> None:
    with limited(tmp_path, spans_per_second=10, spans_burst=20) as otlp:
        assert otlp.post(spans(20)).status_code == 200

        answer = otlp.post(spans(15))

        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
        assert answer.json() == {
            "code": 8,
            "message": "over 10 spans a second",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}],
        }
        assert len(kept(otlp)) == 20


def test_a_protobuf_sender_gets_the_status_as_protobuf(tmp_path: Path) -> None:
    body = make_request(make_span()).SerializeToString()
    with limited(tmp_path, spans_per_second=1, spans_burst=1) as otlp:
        otlp.post(body, "application/x-protobuf")

        answer = otlp.post(body, "application/x-protobuf")

    status = Status.FromString(answer.content)
    assert (answer.status_code, status.code, status.message) == (429, 8, "over 1 spans a second")
    delay = RetryInfo()
    assert status.details[0].Unpack(delay)
    assert delay.retry_delay.seconds == 1


def test_over_the_rate_grpc_answers_resource_exhausted_with_retry_info(tmp_path: Path) -> None:
    with limited(tmp_path, spans_per_second=1, spans_burst=3) as otlp:
        export(otlp, make_request(*(make_span(number) for number in range(1, 4))))

        with pytest.raises(grpc.RpcError) as refusal:
            export(otlp, make_request(make_span(4), make_span(5)))

        assert len(kept(otlp)) == 3
    assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    status, delay = details(refusal.value), RetryInfo()
    assert status.details[0].Unpack(delay)
    assert delay.retry_delay.seconds == 2


def test_who_comes_back_when_told_is_taken(tmp_path: Path) -> None:
    with limited(tmp_path, spans_per_second=10, spans_burst=20) as otlp:
        otlp.post(spans(20))
        seconds = int(otlp.post(spans(15)).headers["retry-after"])

        otlp.clock.advance(seconds=seconds)

        assert otlp.post(spans(15)).status_code == 200


def test_bytes_are_limited_as_they_are_after_inflating(tmp_path: Path) -> None:
    big = spans(1, attributes=[string_attribute("text", "x" * 5_000)])
    with limited(tmp_path, bytes_per_second=1_000, bytes_burst=6_000) as otlp:
        assert otlp.post(big).status_code == 200

        answer = otlp.post(big)

    assert (answer.status_code, answer.json()["message"]) == (429, "over 1000 bytes a second")


def test_http_and_grpc_draw_on_one_rate(tmp_path: Path) -> None:
    with limited(tmp_path, spans_per_second=1, spans_burst=1) as otlp:
        export(otlp, make_request(make_span()))

        assert otlp.post(spans(1)).status_code == 429


def test_a_key_has_its_cap_of_a_day_and_another_key_its_own(tmp_path: Path) -> None:
    with limited(tmp_path, key_spans_per_day=3) as otlp:
        assert otlp.post(spans(3), headers={"x-api-key": "a"}).status_code == 200

        answer = otlp.post(spans(1), headers={"x-api-key": "a"})

        until_midnight = 86_400 - NOW_NS // 10**9 % 86_400
        assert (answer.status_code, answer.headers["retry-after"]) == (429, str(until_midnight))
        assert answer.json()["message"] == "key k-a is over its 3 spans a day: 3 used, 1 more sent"
        assert otlp.post(spans(3), headers={"x-api-key": "b"}).status_code == 200


def test_a_process_started_anew_goes_on_with_the_cap(tmp_path: Path) -> None:
    with limited(tmp_path, key_spans_per_day=3) as otlp:
        otlp.post(spans(3), headers={"x-api-key": "a"})

    with limited(tmp_path, key_spans_per_day=3) as otlp:
        assert otlp.post(spans(1), headers={"x-api-key": "a"}).status_code == 429


def test_what_the_journal_did_not_take_is_not_charged(tmp_path: Path) -> None:
    with limited(tmp_path, spans_per_second=1, spans_burst=3, key_spans_per_day=3) as otlp:
        otlp.journal.error = StorageFull("the journal is full")
        assert otlp.post(spans(3), headers={"x-api-key": "a"}).status_code == 503
        otlp.journal.error = None

        assert otlp.post(spans(3), headers={"x-api-key": "a"}).status_code == 200


def test_a_limit_that_is_lifted_no_longer_holds(tmp_path: Path) -> None:
    with limited(tmp_path, spans_per_second=1, spans_burst=1) as otlp:
        otlp.post(spans(1))
        assert otlp.post(spans(1)).status_code == 429

        otlp.grant(grants())

        deadline = time.monotonic() + 5
        while otlp.post(spans(1)).status_code != 200:
            assert time.monotonic() < deadline


def test_a_damaged_account_of_what_was_sent_is_begun_anew(tmp_path: Path) -> None:
    with limited(tmp_path, spans_per_second=1, spans_burst=1) as otlp:
        otlp.post(spans(1))
        (tmp_path / "limits" / "i-shop.sent").write_bytes(b"{")

        assert otlp.post(spans(1)).status_code == 200


def test_spans_are_let_in_when_their_account_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "limits").write_bytes(b"no directory")
    with limited(tmp_path, spans_per_second=1, spans_burst=1, attribute_keys_per_day=1) as otlp:
        assert [otlp.post(spans(2)).status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize(
    ("limits", "bad", "why"),
    [
        ({"span_bytes": 300}, {"name": "x" * 300}, "larger than 300 bytes, the instance's limit"),
        (
            {"attributes": 2},
            {"attributes": [string_attribute(name, "x") for name in "abc"]},
            "more than 2 attributes",
        ),
        (
            {"attributes": 1},
            {"events": [{"name": "e", "attributes": [string_attribute(name, "x") for name in "ab"]}]},
            "more than 1 attributes",
        ),
        (
            {"attributes": 1},
            {
                "links": [
                    {
                        "traceId": "1" * 32,
                        "spanId": "1" * 16,
                        "attributes": [string_attribute(name, "x") for name in "ab"],
                    }
                ]
            },
            "more than 1 attributes",
        ),
        (
            {"attribute_value_length": 200},
            {"attributes": [string_attribute("text", "é" * 201)]},
            "an attribute value longer than 200",
        ),
        (
            {"attribute_value_length": 200},
            {"attributes": [{"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "x" * 201}]}}}]},
            "an attribute value longer than 200",
        ),
        (
            {"attribute_value_length": 200},
            {
                "attributes": [
                    {
                        "key": "map",
                        "value": {"kvlistValue": {"values": [{"key": "k", "value": {"bytesValue": "AAAA" * 70}}]}},
                    }
                ]
            },
            "an attribute value longer than 200",
        ),
        (
            {"attribute_value_length": 200},
            {"events": [{"name": "e", "attributes": [string_attribute("text", "x" * 201)]}]},
            "an attribute value longer than 200",
        ),
    ],
)
@pytest.mark.report("V12")
def test_a_span_over_a_limit_is_refused_alone(
    tmp_path: Path, limits: dict[str, int], bad: dict[str, Any], why: str
) -> None:
    with limited(tmp_path, **limits) as otlp:
        answer = otlp.post(json_body(json_span(1), json_span(2, **{"name": "bad", **bad}), json_span(3)))

        assert partial(answer) == (
            1,
            f"1 span refused: 1 × {why} (first at resourceSpans[0].scopeSpans[0].spans[1])",
        )
        assert kept(otlp) == ["span 1", "span 3"]
        reason = next(iter(limits))
        assert refused(otlp)[reason][:2] == (0, 1)
        assert refused(otlp)[reason].bytes > 50


@pytest.mark.parametrize(
    "good",
    [
        {"attributes": [string_attribute("text", "é" * 200), string_attribute("more", "y" * 200)]},
        {"events": [{"name": "e", "attributes": [string_attribute(name, "x") for name in "ab"]}] * 3},
        {"name": "x" * 900},
    ],
)
def test_a_span_at_its_limits_is_kept(tmp_path: Path, good: dict[str, Any]) -> None:
    with limited(tmp_path, span_bytes=1000, attributes=2, attribute_value_length=200) as otlp:
        assert partial(otlp.post(json_body(json_span(1, **good)))) == (0, "")
        assert len(kept(otlp)) == 1
        assert refused(otlp) == {}


def test_attributes_of_a_resource_over_a_limit_refuse_its_spans(tmp_path: Path) -> None:
    resource = [string_attribute(name, "x") for name in ("service.name", "a", "b")]
    body = json_body(json_span(1), json_span(2), resource=resource)
    body["resourceSpans"] += spans(1)["resourceSpans"]
    with limited(tmp_path, attributes=2) as otlp:
        count, why = partial(otlp.post(body))

        assert (count, "more than 2 attributes" in why) == (2, True)
        assert kept(otlp) == ["span 1"]


def test_a_service_that_is_switched_off_is_refused_and_the_others_are_kept(tmp_path: Path) -> None:
    request = ExportTraceServiceRequest()
    add_service(request, "noisy", make_span(1), make_span(2))
    add_service(request, "shop", make_span(3))
    add_service(request, None, make_span(4))
    with limited(tmp_path, services_off=("noisy", "unknown_service")) as otlp:
        response = export(otlp, request)

        assert response.partial_success.rejected_spans == 3
        assert "3 × intake of its service is switched off" in response.partial_success.error_message
        assert kept(otlp) == ["span 3"]
        assert refused(otlp)["services_off"].spans == 3


@pytest.mark.report("V12")
def test_a_trace_past_its_limit_in_one_request_leaves_the_others_whole(tmp_path: Path) -> None:
    def of(trace: int, first: int, count: int) -> list[Span]:
        trace_id = trace.to_bytes(16, "big")
        return [make_span(number, trace_id=trace_id) for number in range(first, first + count)]

    with limited(tmp_path, trace_spans=3) as otlp:
        response = export(otlp, make_request(*of(1, 10, 2), *of(2, 20, 5), *of(3, 30, 3)))

        assert response.partial_success.rejected_spans == 2
        assert "2 × past the 3 spans that one request may hold of a trace" in response.partial_success.error_message
        assert kept(otlp) == [f"span {number}" for number in (10, 11, 20, 21, 22, 30, 31, 32)]


def attributed(number: int, *names: str) -> dict[str, Any]:
    return json_span(number, attributes=[string_attribute(name, "x") for name in names])


def test_new_attribute_keys_are_bounded_and_known_ones_go_on(tmp_path: Path) -> None:
    with limited(tmp_path, attribute_keys_per_day=3) as otlp:
        first = otlp.post(
            json_body(attributed(1, "a"), attributed(2, "b", "c"), attributed(3, "b"), attributed(4, "a"))
        )
        assert partial(first)[0] == 1  # service.name, a and b are in use, so b with c did not fit but b alone did

        second = otlp.post(json_body(attributed(5, "d"), attributed(6, "a", "b"), attributed(7, "e")))

        assert partial(second)[0] == 2
        assert "2 × an attribute key past the 3 different ones of a day" in partial(second)[1]
        assert kept(otlp) == ["span 1", "span 3", "span 4", "span 6"]


def test_attribute_keys_outlive_the_process_and_end_with_the_day(tmp_path: Path) -> None:
    with limited(tmp_path, attribute_keys_per_day=2) as otlp:
        otlp.post(json_body(attributed(1, "a")))

    with limited(tmp_path, attribute_keys_per_day=2) as otlp:
        assert partial(otlp.post(json_body(attributed(2, "made-up"), attributed(3, "a"))))[0] == 1
        otlp.clock.advance(days=1)
        assert partial(otlp.post(json_body(attributed(4, "made-up"))))[0] == 0


def test_refused_amounts_are_counted_by_reason_and_kept_by_the_next_process(tmp_path: Path) -> None:
    with limited(tmp_path, spans_per_second=1, spans_burst=2, span_bytes=300) as otlp:
        otlp.post(json_body(json_span(1), json_span(2, name="x" * 300), json_span(3)))
        otlp.post(spans(3))
        otlp.post(spans(2))
        otlp.post(b"{")
        counted = refused(otlp)
        of_rate = sum(len(make_request(*made).SerializeToString()) for made in ([make_span(1)] * 3, [make_span(1)] * 2))
        assert counted["spans_per_second"] == Amount(2, 5, of_rate)
        assert counted["span_bytes"][:2] == (0, 1)
        assert counted["malformed"] == Amount(1)

    with limited(tmp_path, spans_per_second=1, spans_burst=2) as otlp:
        otlp.post(spans(2))

        assert refused(otlp)["spans_per_second"][:2] == (3, 7)
        metrics = otlp.http.get("/metrics").text
        assert 'spanhouse_ingest_spans_refused_total{instance="i-shop",reason="spans_per_second"}' in metrics
