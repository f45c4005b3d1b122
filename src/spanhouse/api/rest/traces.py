"""Traces: a search page by page, one trace as columns or as OTLP, one of its spans."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Field, Query, Router

from spanhouse.api.problem import json_response, json_text_response
from spanhouse.api.rest import asked, cursor, schemas
from spanhouse.api.rest.answers import answers, statements_json
from spanhouse.api.rest.asked import Asking
from spanhouse.base import limits
from spanhouse.base.errors import Malformed, NotFound
from spanhouse.tracing.plan.requests import FoundSpanset, FoundTrace, Order, Place, SearchAnswer, StoredTrace
from spanhouse.tracing.search import find
from spanhouse.tracing.traces.json_text import with_list
from spanhouse.tracing.traces.otlp import attributes_json, resource_spans_text
from spanhouse.tracing.traces.payload import payload
from spanhouse.tracing.traces.tree import build

router = Router(tags=["traces"])
TraceId = Annotated[str, Field(pattern="^[0-9a-fA-F]{1,32}$", description="hexadecimal, leading zeros left off or not")]


class Search(asked.Within):
    """Everything that is given has to hold, of the same span where it concerns spans."""

    q: asked.Query = Field("", description="TraceQL: a filter, structure or a pipeline")
    service: asked.Text = None
    operation: asked.Text = None
    status: Annotated[str | None, Field(pattern="^(error|ok|unset)$")] = None
    kind: Annotated[str | None, Field(pattern="^(unspecified|internal|server|client|producer|consumer)$")] = None
    min_duration: asked.Duration = Field(None, description="of a span")
    max_duration: asked.Duration = None
    min_trace_duration: asked.Duration = None
    max_trace_duration: asked.Duration = None
    tags: asked.Text = Field(None, description='logfmt: key=value key2="a value"')
    order: Order = Order.NEWEST
    limit: int = Field(limits.SEARCH_LIMIT_DEFAULT, ge=1, le=limits.SEARCH_LIMIT_MAX, description="traces of a page")
    spans: int = Field(
        limits.SPANS_PER_TRACE_DEFAULT,
        ge=0,
        le=limits.SPANS_PER_SPANSET_MAX,
        description="matching spans of each trace; 0: all",
    )
    cursor: Annotated[str | None, Field(max_length=1_000, pattern="^[A-Za-z0-9_-]+$")] = Field(
        None, description="`next` of the page before; the other parameters stay those of the first page"
    )
    explain: bool = Field(False, description="also the statements that the answer took")

    def fingerprint(self) -> str:
        """Of what a cursor belongs to: everything but the page's own size and place, and how it is shown."""
        return cursor.fingerprint(
            sorted(self.model_dump(exclude={"limit", "spans", "cursor", "explain"}, mode="json").items())
        )

    def form(self) -> find.SpanForm:
        return find.SpanForm(
            service=self.service or "",
            operation=self.operation or "",
            status=self.status or "",
            kind=self.kind or "",
            duration_min=asked.duration(self.min_duration, "min_duration"),
            duration_max=asked.duration(self.max_duration, "max_duration"),
            tags=self.tags or "",
            query=self.q,
        )


@router.get("/traces", response=answers(schemas.Traces), summary="Search for traces")
def search(request: Asking, wanted: Query[Search]) -> HttpResponse:
    """Newest or slowest first. A page goes on where its cursor says, whatever has arrived since the first page."""
    scope = request.auth
    question = wanted.fingerprint()
    known = cursor.read(wanted.cursor, question) if wanted.cursor else None
    time_range = known.range if known else wanted.range()
    if wanted.q.strip() and find.is_metrics(wanted.q):
        raise Malformed("q is a metrics query: send it to /api/v1/metrics")
    limit = min(wanted.limit, scope.limits.traces)
    answer = find.search(
        scope,
        time_range,
        find.spanset_of(wanted.form()),
        order=wanted.order,
        limit=limit,
        spans_per_trace=wanted.spans,
        trace_duration_min=asked.duration(wanted.min_trace_duration, "min_trace_duration"),
        trace_duration_max=asked.duration(wanted.max_trace_duration, "max_trace_duration"),
        after=known.after if known else None,
    )
    following = None
    if len(answer.traces) == limit:
        following = cursor.Cursor(question, time_range, _place(answer.traces[-1])).text()
    return json_response(_page_json(answer, following, explain=wanted.explain))


@router.get("/traces/{trace_id}", response=answers(schemas.TraceColumns), summary="One trace as columns", by_alias=True)
def trace(request: Asking, trace_id: TraceId) -> HttpResponse:
    """What the waterfall draws: the tree, own times, the critical path, and what does not fit."""
    found = _find(request, trace_id)
    return json_response(payload(build(found.spans), truncated=found.truncated))


@router.get("/traces/{trace_id}/otlp", response=answers(schemas.TracesData), summary="One trace as OTLP")
def trace_otlp(request: Asking, trace_id: TraceId) -> HttpResponse:
    """As it was sent, every attribute of every span."""
    return json_text_response(with_list({}, "resourceSpans", resource_spans_text(_find(request, trace_id).spans)))


@router.get("/traces/{trace_id}/spans/{span_id}", response=answers(schemas.TracesData), summary="One span as OTLP")
def span(
    request: Asking, trace_id: TraceId, span_id: Annotated[str, Field(pattern="^[0-9a-fA-F]{1,16}$")]
) -> HttpResponse:
    """With its resource and scope. Several spans of one id are all given."""
    wanted = find.parse_span_id(span_id)
    spans = [span for span in _find(request, trace_id).spans if span.span_id == wanted]
    if not spans:
        raise NotFound(f"no span {wanted.hex()} in this trace")
    return json_text_response(with_list({}, "resourceSpans", resource_spans_text(spans)))


def _find(request: Asking, trace_id: str) -> StoredTrace:
    return find.trace(request.auth, find.parse_trace_id(trace_id))


def _place(found: FoundTrace) -> Place:
    summary = found.summary
    return Place(summary.start, summary.trace_id, summary.duration)


def _page_json(answer: SearchAnswer, following: str | None, *, explain: bool) -> dict[str, Any]:
    return {
        "traces": [_trace_json(found) for found in answer.traces],
        "next": following,
        "warnings": list(answer.warnings),
        **({"statements": statements_json(answer.statements)} if explain else {}),
    }


def _trace_json(found: FoundTrace) -> dict[str, Any]:
    summary = found.summary
    return {
        "trace_id": summary.trace_id.hex(),
        "start": asked.rfc3339(summary.start),
        "duration_ns": summary.duration,
        "spans": summary.spans,
        "errors": summary.errors,
        "root_service": summary.root_service or None,
        "root_name": summary.root_name if summary.root_service else None,
        "services": [{"service": name, "spans": spans, "errors": errors} for name, spans, errors in summary.services],
        "matched": found.matched,
        "span_sets": [_span_set_json(spanset) for spanset in found.spansets],
    }


def _span_set_json(spanset: FoundSpanset) -> dict[str, Any]:
    return {
        "matched": spanset.matched,
        "spans": [
            {
                "span_id": span.span_id.hex(),
                "service": span.service,
                "name": span.name,
                "start": asked.rfc3339(span.start),
                "duration_ns": span.duration,
                "attributes": attributes_json(span.attributes),
            }
            for span in spanset.spans
        ],
        "attributes": attributes_json(dict(spanset.attributes)),
    }
