"""Addresses of the pages. Names of services and operations travel in the query: a path would eat `..` and `/`."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from spanhouse.console.views import explore, instances, keys, overview, services, traces
from spanhouse.console.visit import Visit, open_when_suspended, visited


def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it where a page names no icon."""
    return redirect(static("console/mark.svg"))


@visited
@open_when_suspended
def _not_found(visit: Visit) -> HttpResponse:
    return visit.page("console/not_found.html", status=404)


@csrf_exempt
def nothing(request: HttpRequest, address: str) -> HttpResponse:
    """404 for whatever has no view: a page in the frame for a person who is logged in, plain for programs."""
    if address.startswith("api/") or not request.user.is_authenticated:
        raise Http404
    return _not_found(request)


urlpatterns = [
    path("favicon.ico", favicon, name="favicon"),
    path("", overview.overview, name="overview"),
    path("arrived.json", overview.arrived, name="arrived"),
    path("explore", explore.explore, name="explore"),
    path("explore/operations.json", explore.operations, name="explore-operations"),
    path("services", services.services, name="services"),
    path("services/series.json", services.series, name="services-series"),
    path("service", services.service, name="service"),
    path("traces", traces.look_up, name="trace-look-up"),
    path("traces/<str:trace_id>", traces.trace, name="trace"),
    path("traces/<str:trace_id>/columns.json", traces.columns, name="trace-columns"),
    path("traces/<str:trace_id>/otlp.json", traces.otlp, name="trace-otlp"),
    path("traces/<str:trace_id>/spans/<str:span_id>.json", traces.span, name="trace-span"),
    path("keys", keys.keys, name="keys"),
    path("keys/<str:key_id>/revoke", keys.revoke, name="key-revoke"),
    path("instance", instances.choose, name="instance-choose"),
    path("language", set_language, name="language"),
    path("<path:address>", nothing, name="nothing"),
]
