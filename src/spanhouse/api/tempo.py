"""Tempo's HTTP API, as Grafana calls it: traces by id, search, tags. Errors are text/plain."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from spanhouse.api import parameters
from spanhouse.api.authentication import query_scope
from spanhouse.api.problem import answers_errors, json_response, json_text_response, text_answer
from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.predicates import Predicate
from spanhouse.tracing.plan.requests import FoundTrace, MatchedSpan, Order, SearchAnswer, StoredTrace
from spanhouse.tracing.search import find
from spanhouse.tracing.search.logfmt import parse_pairs
from spanhouse.tracing.search.tags import known_tags, tag_named, tag_values
from spanhouse.tracing.traceql import to_predicate
from spanhouse.tracing.traces.json_text import with_list
from spanhouse.tracing.traces.otlp import resource_spans_text, to_otlp

NO_ROOT_YET: Final = "<root span not yet received>"
SPSS_MAX: Final = 10_000
TAG_VALUES_MAX: Final = 1000
TAG_NAMES_MAX: Final = 10_000

answers = answers_errors(text_answer)


@answers
def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse("echo", content_type="text/plain; charset=utf-8")


@answers
def ready(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ready\n", content_type="text/plain; charset=utf-8")


@answers
def build_info(request: HttpRequest) -> HttpResponse:
    fields = {
        "version": version("spanhouse"),
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }
    return json_response(fields)


@answers
def trace(request: HttpRequest, trace_id: str) -> HttpResponse:
    """v1: OTLP's message under its old name, `batches`."""
    found = _find(request, trace_id)
    if parameters.accepts_protobuf(request):
        return _protobuf(to_otlp(found.spans).SerializeToString())
    return json_text_response(with_list({}, "batches", resource_spans_text(found.spans)))


@answers
def trace_v2(request: HttpRequest, trace_id: str) -> HttpResponse:
    """TraceByIDResponse: trace = 1, status = 3 (0 complete, 1 partial), message = 4."""
    found = _find(request, trace_id)
    message = f"the trace has more than {limits.TRACE_SPANS_MAX} spans" if found.truncated else ""
    if parameters.accepts_protobuf(request):
        content = _delimited(1, to_otlp(found.spans).SerializeToString())
        if found.truncated:
            content += b"\x18\x01" + _delimited(4, message.encode())
        return _protobuf(content)
    status = "PARTIAL" if found.truncated else "COMPLETE"
    about = {"status": status, **({"message": message} if message else {})}
    return json_text_response(
        with_list(about, "trace", with_list({}, "resourceSpans", resource_spans_text(found.spans)))
    )


@answers
def search(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    asked = request.GET.dict()
    answer = find.search(
        scope,
        parameters.time_range(asked, NANOS_PER_SECOND),
        _where(asked),
        order=_order(asked.get("order", "newest")),
        limit=parameters.search_limit(asked),
        spans_per_trace=parameters.whole_number(asked, "spss", limits.SPANS_PER_TRACE_DEFAULT, 0, SPSS_MAX),
        trace_duration_min=parameters.duration(asked, "minDuration"),
        trace_duration_max=parameters.duration(asked, "maxDuration"),
    )
    return json_response(_search_json(answer))


@answers
def tags(request: HttpRequest) -> HttpResponse:
    by_scope = _known_tags(request)
    return json_response({"tagNames": sorted({name for names in by_scope.values() for name in names})})


@answers
def tags_v2(request: HttpRequest) -> HttpResponse:
    by_scope = _known_tags(request)
    return json_response({"scopes": [{"name": scope, "tags": names} for scope, names in by_scope.items()]})


@answers
def values(request: HttpRequest, tag: str) -> HttpResponse:
    return json_response({"tagValues": [value for _, value in _values(request, tag)]})


@answers
def values_v2(request: HttpRequest, tag: str) -> HttpResponse:
    return json_response({"tagValues": [{"type": kind, "value": value} for kind, value in _values(request, tag)]})


def _find(request: HttpRequest, trace_id: str) -> StoredTrace:
    scope = query_scope(request)
    parameters.time_range(request.GET.dict(), NANOS_PER_SECOND)
    return find.trace(scope, find.parse_trace_id(trace_id))


def _order(name: str) -> Order:
    """`order=slowest` is ours; Tempo has no such parameter."""
    try:
        return Order(name)
    except ValueError:
        raise Malformed(f"order is newest or slowest, not {name[:40]!r}") from None


def _where(asked: dict[str, str]) -> Predicate:
    parts: list[Predicate] = [find.tag_predicate(key, value) for key, value in parse_pairs(asked.get("tags", ""))]
    if asked.get("q", "").strip():
        parts.append(to_predicate(asked["q"]))
    return find.all_of(parts)


def _search_json(answer: SearchAnswer) -> dict[str, Any]:
    return {
        "traces": [_trace_json(found) for found in answer.traces],
        "metrics": {
            "inspectedTraces": len(answer.traces),
            "inspectedBytes": str(answer.cost.bytes),
            "completedJobs": 1,
            "totalJobs": 1,
        },
    }


def _trace_json(found: FoundTrace) -> dict[str, Any]:
    summary = found.summary
    span_set = {"spans": [_span_json(span) for span in found.spans], "matched": found.matched}
    return {
        "traceID": summary.trace_id.hex(),
        "rootServiceName": summary.root_service or NO_ROOT_YET,
        "rootTraceName": summary.root_name if summary.root_service else NO_ROOT_YET,
        "startTimeUnixNano": str(summary.start),
        "durationMs": summary.duration // 1_000_000,
        "spanSet": span_set,
        "spanSets": [span_set],
        "serviceStats": {
            name: {"spanCount": spans, **({"errorCount": errors} if errors else {})}
            for name, spans, errors in summary.services
        },
    }


def _span_json(span: MatchedSpan) -> dict[str, Any]:
    return {
        "spanID": span.span_id.hex(),
        "name": span.name,
        "startTimeUnixNano": str(span.start),
        "durationNanos": str(span.duration),
        "attributes": [{"key": "service.name", "value": {"stringValue": span.service}}],
    }


def _known_tags(request: HttpRequest) -> dict[str, list[str]]:
    scope = query_scope(request)
    asked = request.GET.dict()
    limit = parameters.whole_number(asked, "limit", TAG_NAMES_MAX, 0, 10**9) or TAG_NAMES_MAX
    by_scope = known_tags(scope, parameters.time_range(asked, NANOS_PER_SECOND), asked.get("scope", ""))
    return {name: names[:limit] for name, names in by_scope.items()}


def _values(request: HttpRequest, tag: str) -> list[tuple[str, str]]:
    scope = query_scope(request)
    asked = request.GET.dict()
    limit = parameters.whole_number(asked, "limit", TAG_VALUES_MAX, 0, 10**9) or TAG_VALUES_MAX
    field = tag_named(tag)
    if field is None:
        raise Malformed(f"{tag[:80]!r} is not a tag")
    return tag_values(scope, parameters.time_range(asked, NANOS_PER_SECOND), field, min(limit, TAG_VALUES_MAX))


def _protobuf(content: bytes) -> HttpResponse:
    return HttpResponse(content, content_type="application/protobuf")


def _delimited(field: int, content: bytes) -> bytes:
    """A length-delimited field of a protobuf message."""
    length, size = bytearray(), len(content)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([field << 3 | 2]) + bytes(length) + content
