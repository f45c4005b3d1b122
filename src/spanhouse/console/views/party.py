"""Who the contracting party of an account is, its contacts, its licences and filings."""

from __future__ import annotations

from datetime import date

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from spanhouse.base.errors import Malformed
from spanhouse.console.account_visit import AccountVisit, of_account
from spanhouse.customers.accounts import parties, selectors
from spanhouse.customers.accounts.operations import Operation

_FIELDS = ("kind", "name", "registration", "email", "phone", "address")


@require_http_methods(["GET", "HEAD", "POST"])
@of_account(Operation.READ)
def party(visit: AccountVisit) -> HttpResponse:
    if visit.request.method == "POST":
        given = {field: visit.request.POST.get(field, "") for field in _FIELDS}
        parties.declare_party(visit.account, **given, now=visit.now, by=visit.by)
        return redirect("account-agreement")
    known = selectors.party_of(visit.account)
    context = {"party": known, "licences": selectors.licences_of(visit.account)}
    return visit.page("console/account_party.html", context)


@require_POST
@of_account(Operation.SIGN)
def declare_licence(visit: AccountVisit) -> HttpResponse:
    form = visit.request.POST
    parties.declare_licence(
        visit.account,
        form.get("name", ""),
        form.get("number", ""),
        valid_until=_day(form.get("valid_until", "")),
        now=visit.now,
        by=visit.by,
    )
    return redirect("account-party")


@require_POST
@of_account(Operation.SIGN)
def withdraw_licence(visit: AccountVisit, licence_id: int) -> HttpResponse:
    parties.withdraw_licence(visit.account, licence_id, now=visit.now, by=visit.by)
    return redirect("account-party")


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise Malformed(_("Please enter a day such as 2026-11-24.")) from error
