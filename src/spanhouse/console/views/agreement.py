"""The papers of an account: read, asked about, accepted or declined; what binds since when; what they state."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from spanhouse.base.errors import Malformed
from spanhouse.console import account_words
from spanhouse.console.account_visit import AccountVisit, of_account
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.accounts.selectors import party_of
from spanhouse.customers.agreements import selectors, services
from spanhouse.customers.agreements.documents import LANGUAGES, blocks
from spanhouse.customers.agreements.models import Acceptance, Document
from spanhouse.customers.agreements.policy import Kind


@require_safe
@of_account(Operation.READ)
def agreement(visit: AccountVisit) -> HttpResponse:
    """Before the contract all papers to sign; after it which versions bind, since when, and what is announced."""
    offered = selectors.in_effect(visit.now)
    bound = selectors.binding(visit.account, visit.now)
    return visit.page(
        "console/account_agreement.html",
        {
            "papers": [_paper(document) for document in offered.values()],
            "bound": [(account_words.paper(kind), binding) for kind, binding in bound.items()],
            "announced": [(account_words.paper(paper.kind), paper) for paper in selectors.announced(visit.now)],
            "history": [(account_words.paper(one.document.kind), one) for one in selectors.history(visit.account)],
            "language": _language(),
            "party": party_of(visit.account),
            "contact": settings.OPERATOR_CONTACT,
        },
    )


@require_http_methods(["POST"])
@of_account(Operation.SIGN)
def sign(visit: AccountVisit) -> HttpResponse:
    """What the form says was read is what is accepted, or nothing is."""
    form = visit.request.POST
    if form.get("answer") == "decline":
        services.decline(visit.account, now=visit.now, by=visit.by)
        return redirect("account-agreement")
    if form.get("answer") != "accept" or form.get("read") != "yes":
        raise Malformed(_("Confirm that you have read the papers, then accept or decline them."))
    language = form.get("language", "")
    if language not in LANGUAGES:
        raise Malformed(_("The papers are not there in this language."))
    services.accept(
        visit.account,
        {str(kind): _version(form.get(str(kind), "")) for kind in Kind if str(kind) in form},
        now=visit.now,
        language=language,
        how=Acceptance.How.PAGE,
        by=visit.by,
    )
    return redirect("account-instances")


@require_safe
@of_account(Operation.READ)
def paper(visit: AccountVisit, kind: str, version: int) -> HttpResponse:
    """One version of one paper, as it is signed."""
    document = selectors.get_document(kind, version)
    return visit.page("console/account_paper.html", {"paper": _paper(document)})


@require_safe
@of_account(Operation.READ)
def policy(visit: AccountVisit) -> HttpResponse:
    """Each figure, the paper that it is taken from by rank, and its clause."""
    rows = [
        {
            "stated": stated,
            "what": account_words.figure(stated.figure.name),
            "unit": account_words.unit(stated.figure.unit),
            "paper": account_words.paper(stated.source.kind),
            "outranked": [(account_words.paper(other.kind), other) for other in stated.outranked],
        }
        for stated in selectors.policy_for(visit.account, visit.now)
    ]
    return visit.page("console/account_policy.html", {"rows": rows})


def _paper(document: Document) -> dict[str, Any]:
    text = selectors.text_of(document, _language())
    return {
        "document": document,
        "name": account_words.paper(document.kind),
        "blocks": blocks(text.text),
        "digest": text.digest,
    }


def _language() -> str:
    language = (get_language() or "").lower()
    return language if language in LANGUAGES else "en"


def _version(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Malformed(_("A version is a number."))
    return int(text)
