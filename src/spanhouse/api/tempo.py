"""Tempo's HTTP API, as Grafana calls it: health, traces by id, search. Errors are text/plain."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from django.http import HttpRequest, HttpResponse

from spanhouse.api import parameters
from spanhouse.api.authentication import query_scope
from spanhouse.api.notices import Notices
from spanhouse.api.problem import answers_errors, json_response, json_text_response, text_answer
from spanhouse.api.tempo_json import search_json
from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import InvalidQuery, Malformed
from spanhouse.tracing.plan.requests import Order, StoredTrace
from spanhouse.tracing.plan.scope import ALL_TIME
from spanhouse.tracing.plan.spansets import Spanset
from spanhouse.tracing.search import find
from spanhouse.tracing.search.logfmt import parse_pairs
from spanhouse.tracing.traces.json_text import with_list
from spanhouse.tracing.traces.otlp import resource_spans_text, to_otlp

SPOKEN_VERSION: Final = "3.0.0"
"""Of Tempo's API. Some clients ask for the version and use only what a Tempo of that version could do."""

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
        "version": f"{SPOKEN_VERSION}+spanhouse.{version('spanhouse')}",
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
        answer = _protobuf(to_otlp(found.spans).SerializeToString())
    else:
        answer = json_text_response(with_list({}, "batches", resource_spans_text(found.spans)))
    notices = Notices()
    notices.truncated(found)
    return notices.on(answer)


@answers
def trace_v2(request: HttpRequest, trace_id: str) -> HttpResponse:
    """TraceByIDResponse: trace = 1, status = 3 (0 complete, 1 partial), message = 4."""
    found = _find(request, trace_id)
    message = f"the trace is cut: an answer holds {len(found.spans)} spans" if found.truncated else ""
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
    """SearchResponse: Grafana refuses fields that it does not know, so what is left out is said in a header."""
    scope = query_scope(request)
    asked = request.GET.dict()
    shortest, longest = parameters.duration(asked, "minDuration"), parameters.duration(asked, "maxDuration")
    if shortest is not None and longest is not None and longest < shortest:
        raise Malformed("maxDuration is shorter than minDuration")
    answer = find.search(
        scope,
        parameters.time_range(asked, NANOS_PER_SECOND),
        _where(asked),
        order=_order(asked.get("order", "newest")),
        limit=parameters.search_limit(asked),
        spans_per_trace=parameters.whole_number(
            asked, "spss", limits.SPANS_PER_TRACE_DEFAULT, 0, limits.SPANS_PER_SPANSET_MAX
        ),
        trace_duration_min=shortest,
        trace_duration_max=longest,
    )
    return Notices(answer.warnings).on(json_response(search_json(answer)))


def _find(request: HttpRequest, trace_id: str) -> StoredTrace:
    """The trace if some of it was under way between `start` and `end`; without either, whenever it was."""
    scope = query_scope(request)
    within = parameters.time_range(request.GET.dict(), NANOS_PER_SECOND)
    return find.trace(scope, find.parse_trace_id(trace_id), within=None if within == ALL_TIME else within)


def _order(name: str) -> Order:
    """`order=slowest` is ours; Tempo has no such parameter."""
    try:
        return Order(name)
    except ValueError:
        raise Malformed(f"order is newest or slowest, not {name[:40]!r}") from None


def _where(asked: dict[str, str]) -> Spanset:
    query = asked.get("q", "")
    if query.strip() and find.is_metrics(query):
        raise InvalidQuery("q is a metrics query: send it to /api/metrics/query_range, or to /api/metrics/query")
    return find.spans_that([find.tag_predicate(*pair) for pair in parse_pairs(asked.get("tags", ""))], query)


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
