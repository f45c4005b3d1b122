"""One trace: the page, the columns it draws, one span's details, the whole as OTLP."""

from __future__ import annotations

import json
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from spanhouse.base.errors import NotFound
from spanhouse.console import words
from spanhouse.console.span_details import details
from spanhouse.console.trace_reading import ReadTrace, read_trace, trace_id_of
from spanhouse.console.visit import Visit, visited
from spanhouse.tracing.traces.otlp import to_json
from spanhouse.tracing.traces.payload import notices_of, payload
from spanhouse.tracing.traces.times import scale_of

_LIST_PAGE_ROWS = 500


@require_safe
@visited
def look_up(visit: Visit) -> HttpResponse:
    """The trace box without scripts."""
    return redirect("trace", trace_id=trace_id_of(visit.request.GET.get("id", "")).hex())


@require_safe
@visited
def trace(visit: Visit, trace_id: str) -> HttpResponse:
    wanted = trace_id_of(trace_id)
    if trace_id != wanted.hex():
        query = visit.request.GET.urlencode()
        return redirect(reverse("trace", args=[wanted.hex()]) + (f"?{query}" if query else ""))
    try:
        read = read_trace(visit.scope, wanted, visit.now_ns, afresh=True)
    except NotFound:
        return visit.page("console/trace_not_found.html", {"trace_id": wanted.hex()}, status=404)
    context = _head(read, wanted.hex())
    if visit.request.GET.get("view") == "list":
        return visit.page("console/trace_list.html", {**context, **_list_page(visit, read)})
    return visit.page("console/trace.html", context)


@require_safe
@visited
def columns(visit: Visit, trace_id: str) -> HttpResponse:
    read = read_trace(visit.scope, trace_id_of(trace_id), visit.now_ns, afresh=False)
    return JsonResponse(payload(read.tree, truncated=read.truncated))


@require_safe
@visited
def span(visit: Visit, trace_id: str, span_id: str) -> HttpResponse:
    """Several spans may share an id: `row` says which; a row that means another by now is not believed."""
    read = read_trace(visit.scope, trace_id_of(trace_id), visit.now_ns, afresh=False)
    rows = [row for row, span in enumerate(read.tree.spans) if span.span_id.hex() == span_id.lower()]
    if not rows:
        raise NotFound(_("The span is not in this trace."))
    wished = visit.request.GET.get("row", "")
    row = int(wished) if wished.isascii() and wished.isdigit() and int(wished) in rows else rows[0]
    return JsonResponse(details(read.tree.spans[row]))


@require_safe
@visited
def otlp(visit: Visit, trace_id: str) -> HttpResponse:
    wanted = trace_id_of(trace_id)
    read = read_trace(visit.scope, wanted, visit.now_ns, afresh=False)
    body = json.dumps(to_json(read.tree.spans), ensure_ascii=False, allow_nan=False)
    response = HttpResponse(body, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="trace-{wanted.hex()}.json"'
    return response


def _head(read: ReadTrace, trace_id: str) -> dict[str, Any]:
    tree = read.tree
    scale = scale_of(tree.spans)
    root = tree.spans[tree.root] if tree.root is not None else None
    return {
        "trace_id": trace_id,
        "root": root,
        "start": scale.start,
        "duration": scale.length,
        "spans": len(tree.spans),
        "errors": sum(span.is_error for span in tree.spans),
        "services": len({span.service for span in tree.spans}),
        "depth": max(tree.depths, default=0) + 1,
        "notices": _notices(read),
        "trace_words": words.trace(),
    }


def _notices(read: ReadTrace) -> list[str]:
    said = [words.notice(notice.kind, len(notice.rows)) for notice in notices_of(read.tree)]
    if read.truncated:
        said.append(_("The trace is larger than what a page holds; the earliest spans are shown."))
    return [text for text in said if text]


def _list_page(visit: Visit, read: ReadTrace) -> dict[str, Any]:
    """One page of the span list: `rows`, and the `page` they are of."""
    tree = read.tree
    start = scale_of(tree.spans).start
    page = Paginator(range(len(tree.spans)), _LIST_PAGE_ROWS).get_page(visit.request.GET.get("page"))
    rows = [
        {
            "span": tree.spans[row],
            "level": tree.depths[row] + 1,
            "offset": tree.spans[row].start_time - start,
            "status": words.status(tree.spans[row].status_code),
            "id": tree.spans[row].span_id.hex(),
        }
        for row in page.object_list
    ]
    return {"page": page, "rows": rows}
