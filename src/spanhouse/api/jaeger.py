"""Jaeger's query API v1, as its UI, Grafana and Kiali call it. Every answer has the same envelope; times are µs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from spanhouse.api import jaeger_parameters, parameters
from spanhouse.api.authentication import query_scope
from spanhouse.api.notices import Notices
from spanhouse.api.problem import answers_errors, json_response, json_text_response
from spanhouse.base.errors import Malformed, NotFound
from spanhouse.tracing.plan.requests import StoredTrace
from spanhouse.tracing.plan.scope import ALL_TIME, Scope, TimeRange
from spanhouse.tracing.search import find
from spanhouse.tracing.search import jaeger as asking
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.search.whole import whole_traces
from spanhouse.tracing.traces.jaeger import jaeger_text
from spanhouse.tracing.traces.json_text import with_list

Json = dict[str, Any]

US_IN_NS: Final = 1000
MS_IN_NS: Final = 1_000_000
TIME_MS_MAX: Final = 2**64 // MS_IN_NS - 1
LOOKBACK_MS: Final = 86_400_000
LIMIT_MAX: Final = 2**31 - 1
TRACE_IDS_MAX: Final = 100


def envelope(data: Any, errors: Sequence[dict[str, Any]] = (), *, status: int = 200) -> HttpResponse:
    total = len(data) if isinstance(data, list) else 0
    body = {"data": data, "total": total, "limit": 0, "offset": 0, "errors": list(errors) or None}
    return json_response(body, status=status)


def _failed(status: int, message: str) -> HttpResponse:
    return envelope(None, [{"code": status, "msg": message}], status=status)


answers = answers_errors(_failed)


@answers
def services(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    return envelope(list(reader().service_names(scope, ALL_TIME)))


@answers
def operations_of(request: HttpRequest, service: str) -> HttpResponse:
    scope = query_scope(request)
    return envelope(sorted({each.name for each in asking.operations(scope, service)}))


@answers
def operations(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    found = asking.operations(scope, request.GET.get("service", ""), request.GET.get("spanKind", ""))
    return envelope([{"name": each.name, "spanKind": each.kind} for each in found])


@answers
def traces(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    raw = jaeger_parameters.flag(request.GET, "raw")
    named = request.GET.getlist("traceID")
    if named:
        return _traces_named(scope, named, raw=raw)
    query = _query(request)
    answer = asking.search(scope, query)
    notices = Notices(answer.warnings)
    found = notices.within([each.summary for each in answer.traces])
    return _traces(whole_traces(scope, found), notices, raw=raw)


@answers
def trace(request: HttpRequest, trace_id: str) -> HttpResponse:
    """The whole trace; `start` and `end` are a hint to slower stores."""
    scope = query_scope(request)
    parameters.time_range(request.GET, US_IN_NS)
    found = find.trace(scope, find.parse_trace_id(trace_id.strip()))
    return _traces([found], Notices(), raw=jaeger_parameters.flag(request.GET, "raw"))


@answers
def dependencies(request: HttpRequest) -> HttpResponse:
    """Calls between services within the `lookback` ms before `endTs`; of all services, or to and from one."""
    scope = query_scope(request)
    now = settings.CLOCK.now_ns() // MS_IN_NS
    end = parameters.whole_number(request.GET, "endTs", now, 0, TIME_MS_MAX)
    lookback = parameters.whole_number(request.GET, "lookback", LOOKBACK_MS, 0, TIME_MS_MAX)
    of = request.GET.get("service", "")
    edges = reader().edges(scope, TimeRange(max(0, end - lookback) * MS_IN_NS, end * MS_IN_NS + MS_IN_NS - 1))
    links = [
        {"parent": edge.parent, "child": edge.child, "callCount": edge.calls}
        for edge in edges
        if of in ("", edge.parent, edge.child)
    ]
    return envelope(links)


@answers
def unknown(request: HttpRequest, path: str) -> HttpResponse:
    raise NotFound(f"{path[:80]!r} is not an address of this API")


def _traces_named(scope: Scope, named: Sequence[str], *, raw: bool) -> HttpResponse:
    """Those that exist, and an error for each that does not."""
    if len(named) > TRACE_IDS_MAX:
        raise Malformed(f"at most {TRACE_IDS_MAX} traces are asked for at once")
    ids = [find.parse_trace_id(text) for text in named]
    found = find.traces(scope, ids)
    missing = [trace_id.hex() for trace_id in dict.fromkeys(ids) if trace_id not in found]
    errors = [{"code": 404, "msg": f"no trace {trace_id}", "traceID": trace_id} for trace_id in missing]
    if not found:
        return envelope([], errors, status=404)
    return _traces(found.values(), Notices(), errors, raw=raw)


def _traces(found: Iterable[StoredTrace], notices: Notices, errors: Sequence[Json] = (), *, raw: bool) -> HttpResponse:
    texts = []
    for each in found:
        notices.truncated(each)
        texts.append(jaeger_text(each.spans, truncated=each.truncated, raw=raw))
    about = {"total": len(texts), "limit": 0, "offset": 0, "errors": list(errors) or None}
    return notices.on(json_text_response(with_list(about, "data", f"[{','.join(texts)}]")))


def _query(request: HttpRequest) -> asking.JaegerQuery:
    asked = request.GET
    if not asked.get("service"):
        raise Malformed("the parameter service is missing")
    return asking.JaegerQuery(
        range=parameters.time_range(asked, US_IN_NS),
        service=asked["service"],
        operation=asked.get("operation", ""),
        tags=_tags(request),
        duration_min=jaeger_parameters.duration(asked, "minDuration"),
        duration_max=jaeger_parameters.duration(asked, "maxDuration"),
        limit=parameters.whole_number(asked, "limit", asking.LIMIT_DEFAULT, 1, LIMIT_MAX),
    )


def _tags(request: HttpRequest) -> list[tuple[str, str]]:
    """From `tags`, JSON objects of text, and from `tag`, each `key:value`."""
    pairs: list[tuple[str, str]] = []
    for text in request.GET.getlist("tags"):
        pairs += jaeger_parameters.tags(text, "tags")
    for text in request.GET.getlist("tag"):
        key, colon, value = text.partition(":")
        if not colon or not key:
            raise Malformed(f"tag is key:value, not {text[:40]!r}")
        pairs.append((key, value))
    return pairs
