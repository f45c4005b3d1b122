"""Jaeger's API v3 over HTTP, as its UI and Grafana call it: traces in OTLP's JSON, summaries of traces, names.

Parameters are those of `jaeger.api_v3.TraceQueryParameters`, each in lowerCamelCase or as the field is named. Times are
RFC 3339, durations Go's. Errors are `{"error": {"httpCode", "message"}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from spanhouse.api import jaeger_parameters, parameters
from spanhouse.api.authentication import query_scope
from spanhouse.api.notices import Notices
from spanhouse.api.problem import answers_errors, json_response, json_text_response
from spanhouse.base.errors import Malformed, NotFound
from spanhouse.tracing.plan.requests import TraceSummary
from spanhouse.tracing.plan.scope import ALL_TIME, TimeRange
from spanhouse.tracing.search import find
from spanhouse.tracing.search import jaeger as asking
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.search.whole import whole_traces
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.traces.adjust import shown_spans
from spanhouse.tracing.traces.json_text import with_list
from spanhouse.tracing.traces.otlp import resource_spans_text

LIMIT_MAX: Final = 2**31 - 1
NO_KIND: Final = "internal"
"""What Jaeger shows for an operation without a kind."""


def _failed(status: int, message: str) -> HttpResponse:
    return json_response({"error": {"httpCode": status, "message": message}}, status=status)


answers = answers_errors(_failed)


@answers
def services(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    return json_response({"services": list(reader().service_names(scope, ALL_TIME))})


@answers
def operations(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    asked = _Asked(request.GET.dict())
    found = asking.operations(scope, asked.text("service"), asked.text("spanKind"))
    return json_response({"operations": [{"name": each.name, "spanKind": each.kind or NO_KIND} for each in found]})


@answers
def dependencies(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    edges = reader().edges(scope, _Asked(request.GET.dict()).range("startTime", "endTime"))
    links = [{"parent": edge.parent, "child": edge.child, "callCount": str(edge.calls)} for edge in edges]
    return json_response({"dependencies": links})


@answers
def trace(request: HttpRequest, trace_id: str) -> HttpResponse:
    scope = query_scope(request)
    asked = _Asked(request.GET.dict())
    for name in ("startTime", "endTime"):
        asked.moment(name)  # a hint to slower stores, which must be a time nonetheless
    found = find.trace(scope, find.parse_trace_id(trace_id.strip()))
    notices = Notices()
    notices.truncated(found)
    return notices.on(_traces([_resource_spans(found.spans, raw=asked.flag("rawTraces"))]))


@answers
def traces(request: HttpRequest) -> HttpResponse:
    """Traces, newest first, each with resource spans of its own."""
    scope = query_scope(request)
    asked = _Asked(request.GET.dict())
    query, raw = asked.query(), asked.flag("query.rawTraces")
    answer = asking.search(scope, query)
    if not answer.traces:
        raise NotFound("no traces found")
    notices = Notices(answer.warnings)
    texts = []
    for found in whole_traces(scope, notices.within([each.summary for each in answer.traces])):
        notices.truncated(found)
        texts.append(_resource_spans(found.spans, raw=raw))
    return notices.on(_traces(texts))


@answers
def trace_summaries(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    query = _Asked(request.GET.dict()).query()
    answer = asking.search(scope, query)
    notices = Notices(answer.warnings)
    orphans = asking.orphans(scope, (found.summary for found in answer.traces))
    summaries = [_summary(found.summary, orphans.get(found.summary.trace_id, 0)) for found in answer.traces]
    return notices.on(json_response({"summaries": summaries}))


@answers
def unknown(request: HttpRequest, path: str) -> HttpResponse:
    raise NotFound(f"{path[:80]!r} is not an address of this API")


def _summary(summary: TraceSummary, orphans: int) -> dict[str, Any]:
    return {
        "traceId": summary.trace_id.hex(),
        "rootServiceName": summary.root_service,
        "rootOperationName": summary.root_name,
        "minStartTimeUnixNano": str(summary.start),
        "maxEndTimeUnixNano": str(summary.end),
        "spanCount": summary.spans,
        "errorSpanCount": summary.errors,
        "orphanSpanCount": orphans,
        "services": [
            {"name": name, "spanCount": spans, "errorSpanCount": errors} for name, spans, errors in summary.services
        ],
    }


def _resource_spans(spans: tuple[Span, ...], *, raw: bool) -> str:
    """Members of the list `resourceSpans`, as text."""
    return resource_spans_text(shown_spans(spans, raw=raw))[1:-1]


def _traces(texts: list[str]) -> HttpResponse:
    result = with_list({}, "resourceSpans", f"[{','.join(texts)}]")
    return json_text_response(f'{{"result":{result}}}')


class _Asked:
    """Parameters by their lowerCamelCase name, however they were spelled."""

    def __init__(self, sent: Mapping[str, str]) -> None:
        self._sent = {_camel(name): value for name, value in sent.items() if value.strip()}

    def text(self, name: str) -> str:
        return self._sent.get(name, "")

    def query(self) -> asking.JaegerQuery:
        if self.text("query.filter"):
            raise Malformed("query.filter is not offered here; ask by the other parameters")
        return asking.JaegerQuery(
            range=self.range("query.startTimeMin", "query.startTimeMax"),
            service=self.text("query.serviceName"),
            operation=self.text("query.operationName"),
            tags=jaeger_parameters.tags(self.text("query.attributes"), "query.attributes"),
            duration_min=jaeger_parameters.duration(self._sent, "query.durationMin"),
            duration_max=jaeger_parameters.duration(self._sent, "query.durationMax"),
            limit=self._limit(),
        )

    def _limit(self) -> int:
        name = "query.searchDepth" if self.text("query.searchDepth") else "query.numTraces"
        return parameters.whole_number(self._sent, name, asking.LIMIT_DEFAULT, 0, LIMIT_MAX) or asking.LIMIT_DEFAULT

    def range(self, first: str, last: str) -> TimeRange:
        start, end = self.moment(first), self.moment(last)
        if start is None or end is None:
            raise Malformed(f"{first} and {last} must be given")
        if end < start:
            raise Malformed(f"{last} lies before {first}")
        return TimeRange(start, end)

    def moment(self, name: str) -> int | None:
        return jaeger_parameters.moment(self._sent, name)

    def flag(self, name: str) -> bool:
        return jaeger_parameters.flag(self._sent, name)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
