"""Spans and summaries of traces as the messages of Jaeger's gRPC query APIs."""

from __future__ import annotations

import base64
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from spanhouse.api.proto import jaeger_v2_pb2 as v2
from spanhouse.api.proto import jaeger_v3_pb2 as v3
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.tracing.plan.requests import TraceSummary
from spanhouse.tracing.spans.model import Event, Span
from spanhouse.tracing.traces.adjust import Adjusted
from spanhouse.tracing.traces.jaeger import log_fields, process_tags, span_tags

_INT32_MAX: Final = 2**31 - 1


def span(shown: Adjusted) -> v2.Span:
    own = shown.span
    return v2.Span(
        trace_id=own.trace_id,
        span_id=own.span_id,
        operation_name=own.name,
        references=_references(own),
        flags=own.flags & 1,
        start_time=_timestamp(own.start_time),
        duration=Duration(seconds=own.duration // NANOS_PER_SECOND, nanos=own.duration % NANOS_PER_SECOND),
        tags=_key_values(span_tags(own)),
        logs=[_log(event) for event in own.events],
        process=v2.Process(service_name=own.service, tags=_key_values(process_tags(own.resource.attributes))),
        warnings=shown.warnings,
    )


def summary(of: TraceSummary, orphans: int) -> v3.TraceSummary:
    return v3.TraceSummary(
        trace_id=of.trace_id.hex(),
        root_service_name=of.root_service,
        root_operation_name=of.root_name,
        min_start_time_unix_nano=of.start,
        max_end_time_unix_nano=of.end,
        span_count=_count(of.spans),
        error_span_count=_count(of.errors),
        orphan_span_count=_count(orphans),
        services=[
            v3.ServiceSummary(name=name, span_count=_count(spans), error_span_count=_count(errors))
            for name, spans, errors in of.services
        ],
    )


def _count(number: int) -> int:
    return min(number, _INT32_MAX)


def _references(own: Span) -> list[v2.SpanRef]:
    found = [v2.SpanRef(trace_id=link.trace_id, span_id=link.span_id, ref_type=v2.FOLLOWS_FROM) for link in own.links]
    if own.parent_span_id:
        found.insert(0, v2.SpanRef(trace_id=own.trace_id, span_id=own.parent_span_id, ref_type=v2.CHILD_OF))
    return found


def _log(event: Event) -> v2.Log:
    return v2.Log(timestamp=_timestamp(event.time), fields=_key_values(log_fields(event)))


def _timestamp(nanos: int) -> Timestamp:
    return Timestamp(seconds=nanos // NANOS_PER_SECOND, nanos=nanos % NANOS_PER_SECOND)


def _key_values(tags: list[dict[str, Any]]) -> list[v2.KeyValue]:
    return [_key_value(tag["key"], tag["type"], tag["value"]) for tag in tags]


def _key_value(key: str, kind: str, value: Any) -> v2.KeyValue:
    match kind:
        case "bool":
            return v2.KeyValue(key=key, v_type=v2.BOOL, v_bool=value)
        case "int64":
            return v2.KeyValue(key=key, v_type=v2.INT64, v_int64=value)
        case "float64":
            return v2.KeyValue(key=key, v_type=v2.FLOAT64, v_float64=float(value))
        case "binary":
            return v2.KeyValue(key=key, v_type=v2.BINARY, v_binary=base64.b64decode(value))
        case _:
            return v2.KeyValue(key=key, v_type=v2.STRING, v_str=value)
