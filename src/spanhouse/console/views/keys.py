"""Keys of the instance: ingest keys and query tokens. A secret is shown in one answer and never again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from spanhouse.base.clock import to_datetime
from spanhouse.base.errors import Malformed
from spanhouse.console import made_keys
from spanhouse.console.made_keys import MadeKey
from spanhouse.console.visit import Visit, needs, open_when_suspended, visited
from spanhouse.customers.accounts.audit.requests import by_request
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.instances import selectors, services

EXPIRY_DAYS = ("30", "90", "365")


@require_http_methods(["GET", "HEAD", "POST"])
@visited
@needs(Operation.READ)
@open_when_suspended
def keys(visit: Visit) -> HttpResponse:
    if visit.request.method == "POST":
        return _create(visit)
    return _page(visit, made=made_keys.take(visit, "keys"))


@require_POST
@visited
@needs(Operation.CONFIGURE)
@open_when_suspended
def revoke(visit: Visit, key_id: str) -> HttpResponse:
    key = selectors.get_key(visit.instance, key_id)
    services.revoke_key(key, now=to_datetime(visit.now_ns), by=by_request(visit.request))
    return redirect("keys")


def _create(visit: Visit) -> HttpResponse:
    form = visit.request.POST
    try:
        key, secret = services.create_key(
            visit.instance,
            form.get("scope", ""),
            form.get("name", ""),
            now=to_datetime(visit.now_ns),
            expires_at=_expiry(form.get("expires", ""), to_datetime(visit.now_ns)),
            origins=form.get("origins", "").split(),
            by=by_request(visit.request),
        )
    except Malformed as error:
        return _page(visit, problem=str(error))
    page = "overview" if form.get("then") == "first-span" else "keys"
    made_keys.keep(visit, page, MadeKey(key.name, secret))
    return redirect(page)


def _expiry(days: str, now: datetime) -> datetime | None:
    """The moment so many days from now; nothing for a key that lasts."""
    if not days:
        return None
    if days not in EXPIRY_DAYS:
        raise Malformed(_("A key lasts 30, 90 or 365 days, or has no end."))
    return now + timedelta(days=int(days))


def _page(visit: Visit, *, made: MadeKey | None = None, problem: str = "") -> HttpResponse:
    context = {
        "keys": selectors.list_keys(visit.instance, revoked=True),
        "made": made,
        "problem": problem,
        "form": visit.request.POST,
        "expiry_days": EXPIRY_DAYS,
    }
    response = visit.page("console/keys.html", context, status=400 if problem else 200)
    response["Cache-Control"] = "no-store"
    return response
