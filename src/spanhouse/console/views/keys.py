"""Keys of the instance: ingest keys and query tokens. A secret is shown in one answer and never again."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from spanhouse.base.clock import to_datetime
from spanhouse.base.errors import Malformed
from spanhouse.console.views.overview import first_span
from spanhouse.console.visit import Visit, open_when_suspended, visited
from spanhouse.customers.instances import selectors, services


@require_http_methods(["GET", "HEAD", "POST"])
@visited
@open_when_suspended
def keys(visit: Visit) -> HttpResponse:
    if visit.request.method == "POST":
        return _create(visit)
    return _page(visit)


@require_POST
@visited
@open_when_suspended
def revoke(visit: Visit, key_id: str) -> HttpResponse:
    key = selectors.get_key(visit.instance, key_id)
    services.revoke_key(key, now=to_datetime(visit.now_ns))
    return redirect("keys")


def _create(visit: Visit) -> HttpResponse:
    form = visit.request.POST
    try:
        key, secret = services.create_key(
            visit.instance,
            form.get("scope", ""),
            form.get("name", ""),
            now=to_datetime(visit.now_ns),
            origins=form.get("origins", "").split(),
            actor=visit.request.user,  # type: ignore[arg-type]
        )
    except Malformed as error:
        return _page(visit, problem=str(error))
    if form.get("then") == "first-span":
        return first_span(visit, secret)
    return _page(visit, made=key.name, secret=secret)


def _page(visit: Visit, *, made: str = "", secret: str = "", problem: str = "") -> HttpResponse:
    listed = selectors.list_keys(visit.instance, revoked=True)
    context = {"keys": listed, "made": made, "secret": secret, "problem": problem, "form": visit.request.POST}
    response = visit.page("console/keys.html", context, status=400 if problem else 200)
    response["Cache-Control"] = "no-store"
    return response
