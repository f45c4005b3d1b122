"""Jaeger's query API v1, as its UI, Grafana and Kiali call it. Every answer has the same envelope; times are µs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from spanhouse.api import parameters
from spanhouse.api.authentication import query_scope
from spanhouse.api.problem import answers_errors, json_response, json_text_response
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.predicates import Compare, Intrinsic, Predicate
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.search import find
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.spans.model import SpanKind
from spanhouse.tracing.traces.jaeger import jaeger_text, to_jaeger
from spanhouse.tracing.traces.json_text import with_list

US_IN_NS: Final = 1000
MS_IN_NS: Final = 1_000_000
LIMIT_DEFAULT: Final = 100
TRACE_IDS_MAX: Final = 100


def _envelope(data: Any, errors: Sequence[dict[str, Any]] = (), *, status: int = 200) -> HttpResponse:
    total = len(data) if isinstance(data, list) else 0
    body = {"data": data, "total": total, "limit": 0, "offset": 0, "errors": list(errors) or None}
    return json_response(body, status=status)


def _failed(status: int, message: str) -> HttpResponse:
    return _envelope(None, [{"code": status, "msg": message}], status=status)


answers = answers_errors(_failed)


@answers
def services(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    return _envelope(list(reader().service_names(scope, parameters.ALL_TIME)))


@answers
def operations_of(request: HttpRequest, service: str) -> HttpResponse:
    scope = query_scope(request)
    names = reader().operation_names(scope, parameters.ALL_TIME, service)
    return _envelope(sorted({name for _, name, _ in names}))


@answers
def operations(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    service = request.GET.get("service", "")
    if not service:
        raise Malformed("the parameter service is missing")
    kind = request.GET.get("spanKind", "").lower()
    if kind and kind.upper() not in SpanKind.__members__:
        raise Malformed(f"{kind[:40]!r} is not a span kind")
    names = reader().operation_names(scope, parameters.ALL_TIME, service)
    found = {(name, _kind_name(number)) for _, name, number in names}
    return _envelope([{"name": name, "spanKind": of} for name, of in sorted(found) if kind in ("", of)])


@answers
def traces(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    named = request.GET.getlist("traceID")
    if named:
        return _traces_named(scope, named)
    asked = request.GET.dict()
    if not asked.get("service"):
        raise Malformed("the parameter service is missing")
    answer = find.search(
        scope,
        parameters.time_range(asked, US_IN_NS),
        _where(request),
        limit=parameters.search_limit(asked, LIMIT_DEFAULT),
        spans_per_trace=1,
    )
    found = find.traces(scope, [found.summary.trace_id for found in answer.traces])
    return _envelope([to_jaeger(trace.spans, truncated=trace.truncated) for trace in found.values()])


@answers
def trace(request: HttpRequest, trace_id: str) -> HttpResponse:
    scope = query_scope(request)
    found = find.trace(scope, find.parse_trace_id(trace_id))
    about = {"total": 1, "limit": 0, "offset": 0, "errors": None}
    return json_text_response(with_list(about, "data", f"[{jaeger_text(found.spans, truncated=found.truncated)}]"))


@answers
def dependencies(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    end = parameters.whole_number(request.GET.dict(), "endTs", 2**64 // MS_IN_NS, 0, 2**64 // MS_IN_NS) * MS_IN_NS
    lookback = parameters.whole_number(request.GET.dict(), "lookback", 86_400_000, 0, 2**64 // MS_IN_NS) * MS_IN_NS
    edges = reader().edges(scope, TimeRange(max(0, end - lookback), end))
    return _envelope([{"parent": edge.parent, "child": edge.child, "callCount": edge.calls} for edge in edges])


def _traces_named(scope: Scope, named: Sequence[str]) -> HttpResponse:
    """Those that exist, and an error for each that does not."""
    if len(named) > TRACE_IDS_MAX:
        raise Malformed(f"at most {TRACE_IDS_MAX} traces are asked for at once")
    ids = [find.parse_trace_id(text) for text in named]
    found = find.traces(scope, ids)
    data = [to_jaeger(trace.spans, truncated=trace.truncated) for trace in found.values()]
    missing = [trace_id.hex() for trace_id in dict.fromkeys(ids) if trace_id not in found]
    errors = [{"code": 404, "msg": f"no trace {trace_id}", "traceID": trace_id} for trace_id in missing]
    return _envelope(data, errors, status=200 if data else 404)


def _where(request: HttpRequest) -> Predicate:
    asked = request.GET.dict()
    parts: list[Predicate] = [Compare(Intrinsic.SERVICE, "=", asked["service"])]
    if asked.get("operation"):
        parts.append(Compare(Intrinsic.NAME, "=", asked["operation"]))
    shortest, longest = parameters.duration(asked, "minDuration"), parameters.duration(asked, "maxDuration")
    if shortest is not None and longest is not None and longest < shortest:
        raise Malformed("maxDuration is shorter than minDuration")
    if shortest is not None:
        parts.append(Compare(Intrinsic.DURATION, ">=", shortest))
    if longest is not None:
        parts.append(Compare(Intrinsic.DURATION, "<=", longest))
    parts += [find.tag_predicate(key, value) for key, value in _tags(request)]
    return find.all_of(parts)


def _tags(request: HttpRequest) -> list[tuple[str, str]]:
    """From `tags`, JSON objects of text, and from `tag`, each `key:value`."""
    pairs: list[tuple[str, str]] = []
    for text in request.GET.getlist("tags"):
        if text.strip():
            pairs += _json_tags(text)
    for text in request.GET.getlist("tag"):
        key, colon, value = text.partition(":")
        if not colon or not key:
            raise Malformed(f"tag is key:value, not {text[:40]!r}")
        pairs.append((key, value))
    return pairs


def _json_tags(text: str) -> list[tuple[str, str]]:
    try:
        tags = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed('tags is a JSON object such as {"http.url":"/"}') from None
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise Malformed('tags is a JSON object of strings such as {"http.status_code":"200"}')
    return list(tags.items())


def _kind_name(kind: int) -> str:
    known = kind in SpanKind.__members__.values() and kind != SpanKind.UNSPECIFIED
    return SpanKind(kind).name.lower() if known else ""
