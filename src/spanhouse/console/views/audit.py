"""The audit log of an account: searched, and exported with the same filter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from spanhouse.base.errors import Malformed, NotFound
from spanhouse.console import account_words
from spanhouse.console.account_visit import AccountVisit, of_account
from spanhouse.customers.accounts.audit import chain, export
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.search import AuditFilter, entries
from spanhouse.customers.accounts.operations import Operation

PAGE_ROWS = 100
_ROWS_AT_ONCE = 2000
_FORMATS = {"csv": (export.as_csv, "text/csv; charset=utf-8"), "json": (export.as_json, "application/json")}


@require_safe
@of_account(Operation.AUDIT)
def audit(visit: AccountVisit) -> HttpResponse:
    query = visit.request.GET
    problem, wanted = "", AuditFilter()
    try:
        wanted = _filter(query)
    except Malformed as error:
        problem = str(error)
    page = Paginator(entries(visit.account.pk, wanted), PAGE_ROWS).get_page(query.get("page"))
    kept = query.copy()
    kept.pop("page", None)
    return visit.page(
        "console/account_audit.html",
        {
            "page": page,
            "rows": [
                (entry, account_words.deed(entry.operation), entry.actor_name or account_words.actor(entry.actor_kind))
                for entry in page.object_list
            ],
            "filter": query,
            "query": kept.urlencode(),
            "deeds": [(str(deed), account_words.deed(deed)) for deed in Deed],
            "problem": problem,
            "verdict": chain.verify(visit.account.pk) if query.get("verify") else None,
        },
        status=400 if problem else 200,
    )


@require_safe
@of_account(Operation.AUDIT)
def download(visit: AccountVisit, form: str) -> StreamingHttpResponse:
    """Everything that the filter lets through, oldest first, of this account alone."""
    if form not in _FORMATS:
        raise NotFound(_("The log is exported as csv or json."))
    write, content_type = _FORMATS[form]
    found = entries(visit.account.pk, _filter(visit.request.GET)).order_by("number")
    lines: Iterator[str] = write(found.iterator(_ROWS_AT_ONCE))
    response = StreamingHttpResponse((line.encode() for line in lines), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="audit-{visit.account.pk}.{form}"'
    response["Cache-Control"] = "no-store"
    return response


def _filter(query: QueryDict) -> AuditFilter:
    text = {name: query.get(name, "").strip() for name in ("actor", "operation", "object", "instance", "outcome", "ip")}
    if any("\0" in value for value in text.values()):
        raise Malformed(_("A filter holds no NUL character."))
    return AuditFilter(since=_moment(query.get("since", "")), until=_moment(query.get("until", "")), **text)


def _moment(text: str) -> datetime | None:
    """A day or a moment as a person writes it, in UTC unless it says otherwise."""
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed(_("Please enter a time such as 2026-11-24 14:03:07.")) from error
