"""Instances of an account: made, switched, released."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from spanhouse.base.errors import Malformed
from spanhouse.base.limits import RETENTION_DAYS_MAX
from spanhouse.console.account_visit import CHOSEN_ACCOUNT, AccountVisit, accounts_of, of_account
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.instances import selectors, service_life, services, standing


@require_http_methods(["GET", "HEAD", "POST"])
@of_account(Operation.READ)
def instances(visit: AccountVisit) -> HttpResponse:
    if visit.request.method == "POST":
        return _create(visit)
    holds = standing.holds_by_instance(visit.account)
    rows = [
        {"instance": instance, "why": standing.why_suspended(instance, visit.now, holds[instance.pk])}
        for instance in selectors.instances_of_account(visit.account)
    ]
    context = {"rows": rows, "retention_days": settings.RETENTION_DAYS_NEW, "retention_days_max": RETENTION_DAYS_MAX}
    return visit.page("console/account_instances.html", context)


@require_POST
@of_account(Operation.READ)
def change(visit: AccountVisit, instance_id: str) -> HttpResponse:
    """Name, retention, intake; what may be changed is the services' to say."""
    form = visit.request.POST
    instance = selectors.instance_of_account(visit.account, instance_id)
    services.change_instance(
        instance,
        now=visit.now,
        name=form.get("name"),
        retention_days=_days(form["retention_days"]) if "retention_days" in form else None,
        intake=form["intake"] == "on" if "intake" in form else None,
        by=visit.by,
    )
    return redirect("account-instances")


@require_POST
@of_account(Operation.READ)
def release(visit: AccountVisit, instance_id: str) -> HttpResponse:
    instance = selectors.instance_of_account(visit.account, instance_id)
    confirmation = visit.request.POST.get("confirmation", "").strip()
    service_life.release_instance(instance, confirmation, now=visit.now, by=visit.by)
    return redirect("account-instances")


@require_POST
@of_account(Operation.READ)
def choose(visit: AccountVisit) -> HttpResponse:
    """Which account the person looks at from now on."""
    _remember(visit.request, visit)
    return redirect("account-agreement")


def _remember(request: HttpRequest, visit: AccountVisit) -> None:
    if visit.account in accounts_of(visit.user, visit.now):
        request.session[CHOSEN_ACCOUNT] = visit.account.pk


def _create(visit: AccountVisit) -> HttpResponse:
    form = visit.request.POST
    days = form.get("retention_days", "")
    made = services.create_instance(
        visit.account,
        form.get("name", ""),
        now=visit.now,
        retention_days=_days(days) if days else settings.RETENTION_DAYS_NEW,
        by=visit.by,
    )
    visit.request.session[selectors.CHOSEN_INSTANCE] = made.pk
    return redirect("overview")


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise Malformed(_("Retention is a number of days."))
    return int(text)
