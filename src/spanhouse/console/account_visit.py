"""A visit to a page of an account: whose papers, members, log and instances a person looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from spanhouse.base.clock import to_datetime
from spanhouse.base.errors import Conflict, Forbidden, Malformed, NotFound, Refused
from spanhouse.console.visit import bare, clock, refuse_nul
from spanhouse.customers.accounts import access, selectors, services
from spanhouse.customers.accounts.audit.actors import By
from spanhouse.customers.accounts.audit.requests import by_request
from spanhouse.customers.accounts.models import Account, User
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.agreements import selectors as agreements
from spanhouse.customers.instances import access as instance_access

P = ParamSpec("P")
CHOSEN_ACCOUNT = "account"
"""Where a session remembers the account that its person looks at."""
_STATUSES = ((NotFound, 404), (Forbidden, 403), (Conflict, 409))


@dataclass(frozen=True, slots=True)
class AccountVisit:
    request: HttpRequest
    account: Account
    user: User
    now: datetime
    operations: frozenset[Operation]
    """What the person may do on the whole of the account."""

    @property
    def by(self) -> By:
        return by_request(self.request)

    def page(self, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
        response = render(self.request, template, {**self._frame(), **(context or {})}, status=status)
        response["Cache-Control"] = "no-store"
        return response

    def _frame(self) -> dict[str, Any]:
        return {
            **bare(self.request),
            "account": self.account,
            "accounts": accounts_of(self.user, self.now),
            "may": {str(operation): True for operation in self.operations},
            "needs_contract": not self.account.outside_contract and not agreements.has_contract(self.account),
        }


View = Callable[Concatenate[AccountVisit, P], HttpResponseBase]


def of_account(operation: Operation) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """Gives the view the account that the person looks at; answers for it when they may not do this for any.

    A form names its account in `account`: it acts on that one or not at all, whatever was chosen meanwhile elsewhere.
    """

    def decorate(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @login_required
        @wraps(view)
        def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            refuse_nul(request, kwargs.values())
            user: User = request.user  # type: ignore[assignment]
            now = to_datetime(clock().now_ns())
            account = _account(request, user, operation, now)
            if account is None:
                return render(request, "console/account_none.html", bare(request), status=403)
            visit = AccountVisit(request, account, user, now, access.operations_on(user, account, now))
            try:
                return view(visit, *args, **kwargs)
            except Refused as error:
                return failed(visit, error)

        return wrapped

    return decorate


def failed(visit: AccountVisit, error: Refused) -> HttpResponse:
    """What happened, in the frame. A form that asked for too much stands in the log."""
    if isinstance(error, Forbidden) and visit.request.method == "POST":
        match = visit.request.resolver_match
        what = (match.url_name if match else None) or ""
        services.note_refused_access(visit.account, what, str(error), now=visit.now, by=visit.by)
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 400)
    return visit.page("console/account_error.html", {"error": error}, status=status)


def accounts_of(user: User, now: datetime) -> list[Account]:
    """Accounts on the whole of which the person may do anything."""
    permits = access.permits_of(user, now)
    reached = {permit.account for permit in permits if permit.whole and permit.operations}
    return list(Account.objects.filter(pk__in=reached))


def _account(request: HttpRequest, user: User, operation: Operation, now: datetime) -> Account | None:
    """The account that a form names; of a page the chosen one, else that of the chosen instance, else the first."""
    open_to = access.accounts_for(user, operation, now)
    if request.method == "POST":
        return open_to.filter(pk=request.POST.get("account", "")).first()
    chosen = request.session.get(CHOSEN_ACCOUNT)
    if chosen is None:
        instance = instance_access.instance_for(user, None, now, request.session.get("instance"))
        chosen = instance.account_id if instance else None
    return open_to.filter(pk=chosen).first() or open_to.first()


def person(username: str) -> User:
    """Raises Malformed for nobody."""
    found = selectors.user_named(username)
    if found is None:
        raise Malformed(_("There is nobody of this name."))
    return found
