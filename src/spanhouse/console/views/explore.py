"""Search: form or TraceQL, the traces found, and where they lie in time and duration."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from spanhouse.base.errors import InvalidQuery, Malformed, QueryLimitReached
from spanhouse.console import words
from spanhouse.console.measuring import measure
from spanhouse.console.search_form import LIMITS, STATUSES, SearchForm, problem_of, run
from spanhouse.console.visit import Visit, visited
from spanhouse.tracing.plan.requests import FoundTrace
from spanhouse.tracing.search.registry import reader

_OPERATIONS_OFFERED = 1000


@require_safe
@visited
def explore(visit: Visit) -> HttpResponse:
    """The whole page, or for scripts (`X-Requested-With: fetch`) only the results."""
    form = SearchForm.of(visit.request.GET)
    context = results(visit, form)
    if visit.request.headers.get("X-Requested-With") == "fetch":
        return visit.page("console/part/results.html", context)
    services = [row.service for row in reader().services(visit.scope, visit.chosen.range)]
    if form.service and form.service not in services:
        services.append(form.service)
    return visit.page(
        "console/explore.html",
        {
            **context,
            "form": form,
            "services": services,
            "operations": operations_of(visit, form.service) if form.service else [],
            "statuses": [(name, words.status_named(name)) for name in STATUSES],
            "limits": LIMITS if form.limit in LIMITS else sorted((*LIMITS, form.limit)),
            "explore_words": words.explore(),
        },
    )


@require_safe
@visited
def operations(visit: Visit) -> HttpResponse:
    return JsonResponse({"operations": operations_of(visit, visit.request.GET.get("service", ""))})


def operations_of(visit: Visit, service: str) -> list[str]:
    rows = reader().operations(visit.scope, visit.chosen.range, service or None)
    return sorted({row.name for row in rows})[:_OPERATIONS_OFFERED]


def results(visit: Visit, form: SearchForm) -> dict[str, Any]:
    """Traces, or the series of a metric."""
    try:
        if form.asks_for_metrics():
            return _measures(visit, form)
        answer = run(visit, form)
    except (InvalidQuery, Malformed, QueryLimitReached) as error:
        return {"problem": problem_of(error, form.query), "found": [], "points": [], "limit": form.limit}
    longest = max((found.summary.duration for found in answer.traces), default=0) or 1
    return {
        "problem": None,
        "found": [_row(visit, found, longest) for found in answer.traces],
        "points": [_point(visit, found) for found in answer.traces],
        "limit": form.limit,
        "full": len(answer.traces) >= form.limit,
        "range_start_ms": visit.chosen.range.start // 1_000_000,
        "range_end_ms": visit.chosen.range.end // 1_000_000,
        "sent": answer.statements,
        "warnings": answer.warnings,
    }


def _measures(visit: Visit, form: SearchForm) -> dict[str, Any]:
    measures = measure(visit.scope, form.query, visit.chosen)
    answer = measures.measured.answer
    return {
        "problem": None,
        "measures": measures,
        "step": measures.measured.step,
        "sent": answer.statements,
        "warnings": answer.warnings,
    }


def _row(visit: Visit, found: FoundTrace, longest: int) -> dict[str, Any]:
    summary = found.summary
    by_spans = sorted(summary.services, key=lambda service: service[1], reverse=True)
    return {
        "summary": summary,
        "matched": found.matched,
        "url": _address(visit, found),
        "bar": round(100 * summary.duration / longest, 2),
        "services": by_spans[:4],
        "more_services": max(0, len(by_spans) - 4),
    }


def _point(visit: Visit, found: FoundTrace) -> dict[str, Any]:
    """One dot of the scatter: ms, ns."""
    summary = found.summary
    return {
        "at": summary.start / 1_000_000,
        "duration": summary.duration,
        "errors": summary.errors,
        "spans": summary.spans,
        "service": summary.root_service,
        "name": summary.root_name,
        "url": _address(visit, found),
    }


def _address(visit: Visit, found: FoundTrace) -> str:
    query = visit.chosen.query
    return reverse("trace", args=[found.summary.trace_id.hex()]) + (f"?{query}" if query else "")
