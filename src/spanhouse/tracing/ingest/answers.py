"""Every error and acknowledgement in OTLP's own form: HTTP with a google.rpc.Status, gRPC with RetryInfo."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanhouse.base import errors
from spanhouse.tracing.ingest.intake import Acknowledgement, Encoding

CONTENT_TYPES: dict[Encoding, str] = {"protobuf": "application/x-protobuf", "json": "application/json"}


OUR_FAULT = "an error on our side; it has been logged"


class MethodNotAllowed(errors.Refused):
    """HTTP only: the path takes another method."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The stated answer to a kind of error."""

    http: int
    grpc: grpc.StatusCode


# The first class that fits decides. OTLP clients retry only HTTP 429, 502, 503, 504 and gRPC UNAVAILABLE (or
# RESOURCE_EXHAUSTED with RetryInfo): what cannot be mended by a retry must be none of these.
_ANSWERS: tuple[tuple[type[errors.SpanhouseError], Answer], ...] = (
    (errors.TooLarge, Answer(413, grpc.StatusCode.RESOURCE_EXHAUSTED)),
    (errors.UnsupportedMedia, Answer(415, grpc.StatusCode.INVALID_ARGUMENT)),
    (errors.Unauthenticated, Answer(401, grpc.StatusCode.UNAUTHENTICATED)),
    (errors.Forbidden, Answer(403, grpc.StatusCode.PERMISSION_DENIED)),
    (errors.NotFound, Answer(404, grpc.StatusCode.NOT_FOUND)),
    (MethodNotAllowed, Answer(405, grpc.StatusCode.UNIMPLEMENTED)),
    (errors.Refused, Answer(400, grpc.StatusCode.INVALID_ARGUMENT)),
    (errors.RateLimited, Answer(429, grpc.StatusCode.RESOURCE_EXHAUSTED)),
    (errors.Unavailable, Answer(503, grpc.StatusCode.UNAVAILABLE)),
)


def answer_to(error: errors.SpanhouseError) -> Answer:
    return next((answer for kind, answer in _ANSWERS if isinstance(error, kind)), Answer(500, grpc.StatusCode.INTERNAL))


def retry_after_seconds(error: errors.SpanhouseError) -> int | None:
    return error.retry_after_seconds if isinstance(error, errors.Unavailable) else None


def status_of(error: errors.SpanhouseError) -> Status:
    status = Status(code=answer_to(error).grpc.value[0], message=str(error))
    seconds = retry_after_seconds(error)
    if seconds is not None:
        detail = AnyMessage()
        detail.Pack(RetryInfo(retry_delay=Duration(seconds=seconds)))
        status.details.append(detail)
    return status


def encode_error(error: errors.SpanhouseError, encoding: Encoding) -> bytes:
    status = status_of(error)
    if encoding == "protobuf":
        return bytes(status.SerializeToString())
    body: dict[str, Any] = {"code": status.code, "message": status.message}
    seconds = retry_after_seconds(error)
    if seconds is not None:
        body["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}]
    return json.dumps(body).encode()


def encode_acknowledgement(acknowledgement: Acknowledgement, encoding: Encoding) -> bytes:
    """`partial_success` stays unset when all was taken: some clients warn of one that is there but empty."""
    if encoding == "json":
        if not acknowledgement.rejected:
            return b"{}"
        partial = {"rejectedSpans": str(acknowledgement.rejected), "errorMessage": acknowledgement.reason}
        return json.dumps({"partialSuccess": partial}, ensure_ascii=False).encode()
    response = ExportTraceServiceResponse()
    if acknowledgement.rejected:
        response.partial_success.rejected_spans = acknowledgement.rejected
        response.partial_success.error_message = acknowledgement.reason
    return response.SerializeToString()
