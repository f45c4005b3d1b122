"""Zipkin's v2 query API, as its UI (Lens), Grafana and Zipkin's own clients call it. Errors are text/plain."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from spanhouse.api import parameters
from spanhouse.api.authentication import query_scope
from spanhouse.api.notices import Notices
from spanhouse.api.problem import answers_errors, json_response, json_text_response, text_answer
from spanhouse.base.clock import NANOS_PER_DAY
from spanhouse.base.errors import Malformed, Unavailable
from spanhouse.tracing.plan.predicates import Attribute, AttributeScope
from spanhouse.tracing.plan.scope import ALL_TIME, TimeRange
from spanhouse.tracing.search import find
from spanhouse.tracing.search import zipkin as asking
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.search.whole import whole_traces
from spanhouse.tracing.traces.zipkin import zipkin_text

MS_IN_NS: Final = 1_000_000
US_IN_NS: Final = 1_000
TIME_MS_MAX: Final = 2**64 // MS_IN_NS - 1
DURATION_US_MAX: Final = 2**64 // US_IN_NS - 1
LOOKBACK_MS: Final = 86_400_000
LIMIT_DEFAULT: Final = 10
LIMIT_MAX: Final = 2**31 - 1
TRACE_IDS_MAX: Final = 1_000
ANY_SPAN_NAME: Final = "all"
_TAG_SCOPES: Final[tuple[AttributeScope, ...]] = ("span", "resource")
UI_CONFIG: Final = {
    "environment": "",
    "suggestLens": False,
    "queryLimit": LIMIT_DEFAULT,
    "defaultLookback": 15 * 60_000,
    "searchEnabled": True,
    "logsUrl": None,
    "supportUrl": None,
    "archivePostUrl": None,
    "archiveUrl": None,
    "dependency": {"enabled": True, "lowErrorRate": 0.5, "highErrorRate": 0.75},
}
"""What Lens asks before anything else; times in ms."""

answers = answers_errors(text_answer)


@answers
def services(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    return json_response(sorted(reader().service_names(scope, ALL_TIME)))


@answers
def spans(request: HttpRequest) -> HttpResponse:
    """Names of a service's spans."""
    scope = query_scope(request)
    names = reader().operation_names(scope, ALL_TIME, _required(request, "serviceName"))
    return json_response(sorted({name for _, name, _ in names if name}))


@answers
def remote_services(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    service = _required(request, "serviceName")
    return json_response(asking.remote_services(scope, service, settings.CLOCK.now_ns()))


@answers
def traces(request: HttpRequest) -> HttpResponse:
    """Traces, newest first, as a list of lists of spans."""
    scope = query_scope(request)
    asked = request.GET.dict()
    span_name = asked.get("spanName", "").strip()
    query = asking.ZipkinQuery(
        range=_range(request),
        service=asked.get("serviceName", "").strip(),
        remote_service=asked.get("remoteServiceName", "").strip(),
        span_name="" if span_name == ANY_SPAN_NAME else span_name,
        annotations=asking.parse_annotation_query(asked.get("annotationQuery", "")),
        duration_min=_duration(request, "minDuration"),
        duration_max=_duration(request, "maxDuration"),
        limit=parameters.whole_number(asked, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX),
    )
    if query.duration_max is not None and query.duration_max < (query.duration_min or 0):
        raise Malformed("maxDuration is shorter than minDuration")
    answer = asking.search(scope, query)
    notices = Notices(answer.warnings)
    found = notices.within([trace.summary for trace in answer.traces])
    texts = []
    for trace in whole_traces(scope, found):
        notices.truncated(trace)
        texts.append(zipkin_text(trace.spans))
    return notices.on(json_text_response(f"[{','.join(texts)}]"))


@answers
def trace(request: HttpRequest, trace_id: str) -> HttpResponse:
    scope = query_scope(request)
    found = find.trace(scope, find.parse_trace_id(trace_id.strip()))
    notices = Notices()
    notices.truncated(found)
    return notices.on(json_text_response(zipkin_text(found.spans)))


@answers
def trace_many(request: HttpRequest) -> HttpResponse:
    """Those of two or more traces that exist."""
    scope = query_scope(request)
    named = [text.strip() for text in request.GET.get("traceIds", "").split(",")]
    if named == [""]:
        raise Malformed("the parameter traceIds is missing")
    if len(named) > TRACE_IDS_MAX:
        raise Malformed(f"at most {TRACE_IDS_MAX} traces are asked for at once")
    ids = [find.parse_trace_id(text) for text in named]
    if len(set(ids)) < len(ids):
        raise Malformed("traceIds names a trace twice")
    if len(ids) < 2:
        raise Malformed("traceIds names two traces or more; one is at /api/v2/trace/ID")
    notices = Notices()
    texts = []
    for found in find.traces(scope, ids).values():
        notices.truncated(found)
        texts.append(zipkin_text(found.spans))
    return notices.on(json_text_response(f"[{','.join(texts)}]"))


@answers
def dependencies(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    _required(request, "endTs")
    links = [
        {"parent": edge.parent, "child": edge.child, "callCount": edge.calls}
        | ({"errorCount": edge.errors} if edge.errors else {})
        for edge in reader().edges(scope, _range(request))
    ]
    return json_response(links)


@answers
def autocomplete_keys(request: HttpRequest) -> HttpResponse:
    """Names of tags of the last days."""
    scope = query_scope(request)
    names = reader().attribute_names(scope, _recent())
    tags = {name for of, name in names if of in _TAG_SCOPES and name != "service.name"}
    return json_response(sorted(tags)[: asking.NAMES_MAX])


@answers
def autocomplete_values(request: HttpRequest) -> HttpResponse:
    """Values that a tag has had within a day."""
    scope = query_scope(request)
    key = _required(request, "key")
    found: set[str] = set()
    for of in _TAG_SCOPES:
        known = reader().field_values(scope, _recent(), Attribute(of, key), asking.NAMES_MAX)
        found.update(value.text for value in known.values)
    return json_response(sorted(found)[: asking.NAMES_MAX])


@answers
def ui_config(request: HttpRequest) -> HttpResponse:
    return json_response(UI_CONFIG)


@answers
def health(request: HttpRequest) -> HttpResponse:
    try:
        reader()
    except Unavailable:
        return json_response({"status": "DOWN", "zipkin": {"status": "DOWN"}}, status=503)
    return json_response({"status": "UP", "zipkin": {"status": "UP", "details": {}}})


@answers
def info(request: HttpRequest) -> HttpResponse:
    return json_response({"zipkin": {"version": version("spanhouse")}})


def _required(request: HttpRequest, name: str) -> str:
    value = request.GET.get(name, "").strip()
    if not value:
        raise Malformed(f"the parameter {name} is missing")
    return value


def _duration(request: HttpRequest, name: str) -> int | None:
    """µs; None when absent."""
    if not request.GET.get(name, "").strip():
        return None
    return parameters.whole_number(request.GET.dict(), name, 0, 1, DURATION_US_MAX)


def _range(request: HttpRequest) -> TimeRange:
    """The `lookback` ms before `endTs`, both ends included, the last ms whole."""
    asked = request.GET.dict()
    now = settings.CLOCK.now_ns() // MS_IN_NS
    end = parameters.whole_number(asked, "endTs", now, 1, TIME_MS_MAX)
    lookback = parameters.whole_number(asked, "lookback", LOOKBACK_MS, 1, TIME_MS_MAX)
    return TimeRange(max(0, end - lookback) * MS_IN_NS, end * MS_IN_NS + MS_IN_NS - 1)


def _recent() -> TimeRange:
    return TimeRange(max(0, settings.CLOCK.now_ns() - NANOS_PER_DAY), ALL_TIME.end)
