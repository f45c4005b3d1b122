"""The first page: how the instance does; before the first span, how to send it."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from spanhouse.base.clock import NANOS_PER_DAY, to_datetime
from spanhouse.console import made_keys, series, words
from spanhouse.console.snippets import snippets
from spanhouse.console.visit import Visit, visited
from spanhouse.customers.instances import selectors
from spanhouse.tracing.plan.predicates import Compare, Intrinsic
from spanhouse.tracing.plan.requests import Order, RedRow, TraceSearch
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.spans.model import StatusCode

_OPERATIONS_SHOWN = 8
_TRACES_SHOWN = 8
KEY_PLACEHOLDER = "YOUR_INGEST_KEY"


@require_safe
@visited
def overview(visit: Visit) -> HttpResponse:
    made = made_keys.take(visit, "overview")
    if made:
        return first_span(visit, made.secret)
    chosen = visit.chosen
    totals = series.totals(reader(), visit.scope, chosen)
    if not totals.calls and not has_spans(visit):
        return first_span(visit)
    points = reader().red_series(visit.scope, chosen.range, chosen.step)
    operations = reader().operations(visit.scope, chosen.range)
    failing = [row for row in operations if row.errors]
    found = reader().search(
        TraceSearch(
            visit.scope,
            chosen.range,
            Compare(Intrinsic.STATUS, "=", int(StatusCode.ERROR)),
            Order.NEWEST,
            _TRACES_SHOWN,
        )
    )
    return visit.page(
        "console/overview.html",
        {
            "totals": totals,
            "chart": series.chart(points, chosen.range, chosen.step),
            "chart_words": words.charts(),
            "slowest": sorted(operations, key=lambda row: row.p95, reverse=True)[:_OPERATIONS_SHOWN],
            "failing": sorted(failing, key=lambda row: (row.errors, error_share(row)), reverse=True)[
                :_OPERATIONS_SHOWN
            ],
            "error_traces": found.traces,
        },
    )


@require_safe
@visited
def arrived(visit: Visit) -> HttpResponse:
    """Whether the first span has come: asked again and again by the page that waits for it."""
    response = JsonResponse({"arrived": has_spans(visit)})
    response["Cache-Control"] = "no-store"
    return response


def error_share(row: RedRow) -> float:
    return row.errors / row.calls if row.calls else 0.0


def has_spans(visit: Visit) -> bool:
    """Whether anything at all is stored, with a day of slack for clocks that run ahead."""
    since = visit.now_ns - (visit.instance.retention_days + 1) * NANOS_PER_DAY
    whole = TimeRange(max(0, since), visit.now_ns + NANOS_PER_DAY)
    return bool(reader().services(visit.scope, whole))


def first_span(visit: Visit, secret: str = "") -> HttpResponse:
    """How to send the first span, with this instance's endpoint and, where one was just made, its key."""
    needs_key = selectors.loopback_instance() != visit.instance.pk
    key = secret or (KEY_PLACEHOLDER if needs_key else None)
    response = visit.page(
        "console/first_span.html",
        {
            "needs_key": needs_key,
            "secret": secret,
            "waiting": not has_spans(visit),
            "endpoint_http": settings.OTLP_HTTP_URL,
            "endpoint_grpc": settings.OTLP_GRPC_URL,
            "snippets": snippets(settings.OTLP_HTTP_URL, settings.OTLP_GRPC_URL, key),
            "key_name": _("First span"),
            "key_url": reverse("keys"),
        },
    )
    response["Cache-Control"] = "no-store"
    return response


def moment_now(visit: Visit) -> datetime:
    return to_datetime(visit.now_ns)
