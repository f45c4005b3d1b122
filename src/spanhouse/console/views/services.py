"""Services: how each does, and one with its operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from spanhouse.base.errors import NotFound
from spanhouse.console import series as red
from spanhouse.console import words
from spanhouse.console.visit import Visit, visited
from spanhouse.tracing.plan.requests import RedRow
from spanhouse.tracing.search.registry import reader

_SPARKS_MAX = 60
"""Services that get a sparkline: each costs a query."""

_OPERATIONS_SHOWN = 200
"""Operations that a service's page lists, those with the most calls: names may be as many as calls."""

_SORTS: dict[str, Callable[[RedRow], Any]] = {
    "service": lambda row: row.service.lower(),
    "operation": lambda row: row.name.lower(),
    "rate": lambda row: row.calls,
    "errors": lambda row: row.errors / row.calls if row.calls else 0,
    "p50": lambda row: row.p50,
    "p95": lambda row: row.p95,
    "p99": lambda row: row.p99,
}


@require_safe
@visited
def services(visit: Visit) -> HttpResponse:
    rows = reader().services(visit.scope, visit.chosen.range)
    return visit.page("console/services.html", {"rows": with_rates(visit, ordered(visit, rows)), **sorting(visit)})


@require_safe
@visited
def series(visit: Visit) -> HttpResponse:
    """Calls and errors over time by service, for the sparklines: asked for after the table stands."""
    chosen = visit.chosen
    rows = sorted(reader().services(visit.scope, chosen.range), key=lambda row: row.calls, reverse=True)
    columns = {
        row.service: red.chart(
            reader().red_series(visit.scope, chosen.range, chosen.step, row.service), chosen.range, chosen.step
        )
        for row in rows[:_SPARKS_MAX]
    }
    return JsonResponse({name: {"rate": c["rate"], "errors": c["errors"]} for name, c in columns.items()})


@require_safe
@visited
def service(visit: Visit) -> HttpResponse:
    name = visit.request.GET.get("name", "")
    if not name:
        raise NotFound(_("No service is named."))
    chosen = visit.chosen
    rows = reader().operations(visit.scope, chosen.range, name, limit=_OPERATIONS_SHOWN + 1)
    points = reader().red_series(visit.scope, chosen.range, chosen.step, name)
    return visit.page(
        "console/service.html",
        {
            "name": name,
            "rows": with_rates(visit, ordered(visit, rows[:_OPERATIONS_SHOWN])),
            "more": _more(visit, name) if len(rows) > _OPERATIONS_SHOWN else 0,
            "totals": red.totals(reader(), visit.scope, chosen, name),
            "chart": red.chart(points, chosen.range, chosen.step),
            "chart_words": words.charts(),
            **sorting(visit),
        },
    )


def _more(visit: Visit, name: str) -> int:
    """How many operations of the service are not listed."""
    return len(reader().operation_names(visit.scope, visit.chosen.range, name)) - _OPERATIONS_SHOWN


def sorting(visit: Visit) -> dict[str, str]:
    wished = visit.request.GET.get("sort", "rate")
    direction = visit.request.GET.get("dir", "")
    column = wished if wished in _SORTS else "rate"
    fallback = "asc" if column in ("service", "operation") else "desc"
    return {"sort": column, "direction": direction if direction in ("asc", "desc") else fallback}


def ordered(visit: Visit, rows: Any) -> list[RedRow]:
    chosen = sorting(visit)
    return sorted(rows, key=_SORTS[chosen["sort"]], reverse=chosen["direction"] == "desc")


def with_rates(visit: Visit, rows: list[RedRow]) -> list[dict[str, Any]]:
    return [
        {
            "row": row,
            "rate": row.calls / visit.chosen.seconds,
            "error_share": row.errors / row.calls if row.calls else 0.0,
            "kind": words.kind(row.kind),
        }
        for row in rows
    ]
