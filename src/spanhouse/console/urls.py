"""Addresses of the pages. Names of services and operations travel in the query: a path would eat `..` and `/`."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from spanhouse.console.views import (
    account_instances,
    agreement,
    audit,
    explore,
    instances,
    keys,
    members,
    overview,
    party,
    services,
    traces,
)
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
    path("account", account_instances.choose, name="account-choose"),
    path("account/agreement", agreement.agreement, name="account-agreement"),
    path("account/agreement/sign", agreement.sign, name="account-sign"),
    path("account/agreement/<str:kind>/<int:version>", agreement.paper, name="account-paper"),
    path("account/party", party.party, name="account-party"),
    path("account/licences", party.declare_licence, name="account-licence"),
    path("account/licences/<int:licence_id>/withdraw", party.withdraw_licence, name="account-licence-withdraw"),
    path("account/policy", agreement.policy, name="account-policy"),
    path("account/audit", audit.audit, name="account-audit"),
    path("account/audit.<str:form>", audit.download, name="account-audit-export"),
    path("account/members", members.members, name="account-members"),
    path("account/members/add", members.add, name="account-member-add"),
    path("account/members/<int:user_id>", members.change, name="account-member"),
    path("account/grants", members.grant, name="account-grant"),
    path("account/grants/<str:grant_id>/revoke", members.revoke, name="account-grant-revoke"),
    path("account/instances", account_instances.instances, name="account-instances"),
    path("account/instances/<str:instance_id>", account_instances.change, name="account-instance"),
    path("account/instances/<str:instance_id>/release", account_instances.release, name="account-instance-release"),
    path("instance", instances.choose, name="instance-choose"),
    path("language", set_language, name="language"),
    path("<path:address>", nothing, name="nothing"),
]
