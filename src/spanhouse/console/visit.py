"""A visit to a page: who looks at which instance, over which time, and the frame around what they see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from spanhouse.base.clock import Clock, to_datetime
from spanhouse.base.errors import Conflict, Forbidden, Malformed, NotFound, Refused, SpanhouseError, Unavailable
from spanhouse.console import timerange, words
from spanhouse.console.timerange import Chosen
from spanhouse.customers.accounts.audit.requests import by_request
from spanhouse.customers.accounts.models import User
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.agreements import services as agreements
from spanhouse.customers.instances import access, selectors, standing
from spanhouse.customers.instances.access import Reading
from spanhouse.customers.instances.models import Instance
from spanhouse.tracing.plan.scope import QueryLimits, Scope

P = ParamSpec("P")
_STATUSES = ((NotFound, 404), (Forbidden, 403), (Conflict, 409), (Unavailable, 503))
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Visit:
    request: HttpRequest
    instance: Instance
    scope: Scope
    chosen: Chosen
    now_ns: int

    def page(self, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
        """The template inside the frame."""
        return render(self.request, template, {**frame(self), **(context or {})}, status=status)


View = Callable[Concatenate[Visit, P], HttpResponse]


def clock() -> Clock:
    return settings.CLOCK


def refuse_nul(request: HttpRequest, parts: Iterable[object] = ()) -> None:
    """No browser's form sends a NUL character, and PostgreSQL cannot even compare with one. Raises BadRequest."""
    sent = (value for values in request.POST.lists() for value in values[1])
    if any("\0" in str(text) for text in (*parts, *sent)):
        raise BadRequest("text holds no NUL character")


def visited(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Gives the view a Visit; answers for it when nobody is logged in, nothing may be read, or a read fails."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        refuse_nul(request, kwargs.values())
        now_ns = clock().now_ns()
        reading = _reading(request, needs_of(view), to_datetime(now_ns))
        if reading is None:
            return render(request, "console/no_instance.html", bare(request), status=404)
        instance = reading.instance
        problem: Refused | None = None
        try:
            chosen = timerange.parse(request.GET, now_ns)
        except Malformed as error:
            chosen, problem = timerange.parse({}, now_ns), error
        agreements.accept_by_use(instance.account, now=to_datetime(now_ns), by=by_request(request))
        grant = selectors.instance_grant(instance)
        scope = Scope(instance.pk, reading.services, QueryLimits.of(grant.limits))
        visit = Visit(request, instance, scope, chosen, now_ns)
        if request.method == "POST" and request.session.get(selectors.CHOSEN_INSTANCE, instance.pk) != instance.pk:
            problem = Forbidden(_("The instance that you looked at is no longer open to you."))
        if problem:
            return failed(visit, problem)
        if not grant.may_query(now_ns) and not getattr(view, "unsuspended", False):
            return visit.page("console/suspended.html", status=403)
        try:
            return view(visit, *args, **kwargs)
        except (Refused, Unavailable) as error:
            return failed(visit, error)

    return wrapped


def needs(operation: Operation) -> Callable[[View[P]], View[P]]:
    """What a person must be allowed to do to see the page; reading spans where nothing is said."""

    def decorate(view: View[P]) -> View[P]:
        view.needs = operation  # type: ignore[attr-defined]
        return view

    return decorate


def needs_of(view: Callable[..., HttpResponse]) -> Operation:
    return getattr(view, "needs", Operation.QUERY)


def _reading(request: HttpRequest, needed: Operation, now: datetime) -> Reading | None:
    """The instance of this page, with the services that the person may read; None where there is none to look at."""
    user: User = request.user  # type: ignore[assignment]
    instance = access.instance_for(user, needed, now, request.session.get(selectors.CHOSEN_INSTANCE))
    if instance is None:
        return None
    # Pages of settings read no spans: there nothing at all is in scope of who may not read any.
    return access.scope_for(user, instance, now) or Reading(instance, frozenset())


def open_when_suspended(view: View[P]) -> View[P]:
    """Pages that read no spans stay open while an instance is suspended."""
    view.unsuspended = True  # type: ignore[attr-defined]
    return view


def failed(visit: Visit, error: SpanhouseError) -> HttpResponse:
    """What happened and what to do, in the frame; for scripts as plain text."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 400)
    if visit.request.headers.get("X-Requested-With") == "fetch":
        response = HttpResponse(str(error), content_type="text/plain; charset=utf-8", status=status)
    else:
        response = visit.page("console/error.html", {"error": error, "unavailable": status == 503}, status=status)
    if isinstance(error, Unavailable):
        response["Retry-After"] = str(error.retry_after_seconds)
    return response


def frame(visit: Visit) -> dict[str, Any]:
    """What base.html needs besides the page."""
    query = visit.chosen.query
    return {
        **bare(visit.request),
        "visit": visit,
        "instance": visit.instance,
        "instances": access.instances_seen(visit.request.user, to_datetime(visit.now_ns)),  # type: ignore[arg-type]
        "denial": standing.why_suspended(visit.instance, to_datetime(visit.now_ns)),
        "chosen": visit.chosen,
        "presets": [(name, words.preset(name)) for name in timerange.PRESETS],
        "range_label": words.preset(visit.chosen.relative) if visit.chosen.relative else _("Custom range"),
        "range_start_ms": visit.chosen.range.start // 1_000_000,
        "range_end_ms": visit.chosen.range.end // 1_000_000,
        "range_query": f"?{query}" if query else "",
        "range_and": f"&{query}" if query else "",
    }


def bare(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme", "auto")
    return {
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "frame_words": words.frame(),
        "place": request.resolver_match.url_name if request.resolver_match else "",
    }
