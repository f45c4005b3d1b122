"""Which instance a person looks at."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from spanhouse.base.clock import to_datetime
from spanhouse.console.visit import clock, refuse_nul
from spanhouse.customers.instances import access, selectors


@require_POST
@login_required
def choose(request: HttpRequest) -> HttpResponse:
    """Another person's instance, or one that is gone, leaves the choice as it was."""
    refuse_nul(request)
    now = to_datetime(clock().now_ns())
    wished = request.POST.get("instance", "")
    if access.instances_seen(request.user, now).filter(pk=wished).exists():  # type: ignore[arg-type]
        request.session[selectors.CHOSEN_INSTANCE] = wished
    return redirect("overview")
