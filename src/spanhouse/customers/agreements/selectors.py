"""Reads: which papers there are, which bind an account since when, and what they state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet

from spanhouse.base.errors import Forbidden, NotFound
from spanhouse.customers.accounts.models import Account
from spanhouse.customers.agreements.models import Acceptance, Document, DocumentText
from spanhouse.customers.agreements.policy import FIGURES, RANKS, Figure, Kind, Value, stated_in

_FALLBACK = "en"


@dataclass(frozen=True, slots=True)
class Binding:
    document: Document
    since: datetime
    acceptance: Acceptance


@dataclass(frozen=True, slots=True)
class Statement:
    """One paper says what one figure is."""

    value: Value
    kind: Kind
    version: int | None
    """None: not published yet, so that it binds nobody."""

    @property
    def rank(self) -> int:
        return RANKS[self.kind]


@dataclass(frozen=True, slots=True)
class Stated:
    """A figure, the paper it is taken from by rank, and what papers of lower rank say otherwise."""

    figure: Figure
    source: Statement
    outranked: tuple[Statement, ...] = ()

    @property
    def value(self) -> Value:
        return self.source.value


def in_effect(now: datetime) -> dict[Kind, Document]:
    """The version of each paper that is offered now."""
    found = Document.objects.filter(effective_at__lte=now).order_by("version")
    return {Kind(document.kind): document for document in found}


def announced(now: datetime) -> QuerySet[Document]:
    """Versions that were announced and are not in effect yet."""
    return Document.objects.filter(announced_at__lte=now, effective_at__gt=now)


def text_of(document: Document, language: str) -> DocumentText:
    """In this language, or in English where there is none in it."""
    texts = {text.language: text for text in document.texts.all()}
    return texts.get(language) or texts[_FALLBACK]


def get_document(kind: str, version: int) -> Document:
    """Raises NotFound."""
    document = Document.objects.filter(kind=kind, version=version).first()
    if document is None:
        raise NotFound(f"there is no version {version} of {kind!r}")
    return document


def has_contract(account: Account) -> bool:
    """Whether the account has accepted every paper in some version."""
    accepted = Acceptance.objects.filter(account=account).values_list("document__kind", flat=True)
    return set(Kind) <= set(accepted)


def require_contract(account: Account) -> None:
    """Raises Forbidden before the contract: no order, no instance, no key (P2). The operator's own needs none."""
    if not account.outside_contract and not has_contract(account):
        raise Forbidden(f"nobody of {account.name} has accepted the agreement yet; read and accept it first")


def binding(account: Account, now: datetime) -> dict[Kind, Binding]:
    """By which version of each paper the account is bound, and since when (G1)."""
    found: dict[Kind, Binding] = {}
    accepted = Acceptance.objects.filter(account=account, document__effective_at__lte=now, at__lte=now)
    for acceptance in accepted.select_related("document").order_by("document__version"):
        document = acceptance.document
        since = max(acceptance.at, document.effective_at)
        found[Kind(document.kind)] = Binding(document, since, acceptance)
    return found


def history(account: Account) -> QuerySet[Acceptance]:
    """Everything that the account ever accepted, oldest first."""
    return Acceptance.objects.filter(account=account).select_related("document")


def policy_for(account: Account | None, now: datetime) -> list[Stated]:
    """Each figure with its value for this account, taken from its papers by rank (G14.1).

    For an account without papers, and for None, it is what is offered now.
    """
    papers = {kind: bound.document for kind, bound in binding(account, now).items()} if account else {}
    papers = papers or in_effect(now)
    return [_stated(figure, papers) for figure in FIGURES.values()]


def figure_for(account: Account | None, name: str, now: datetime) -> Value:
    """The value of one figure for this account; the one way for whatever enforces it."""
    return next(stated.value for stated in policy_for(account, now) if stated.figure.name == name)


def _stated(figure: Figure, papers: Mapping[Kind, Document]) -> Stated:
    statements = sorted(
        (_statement(figure, kind, papers.get(kind)) for kind in figure.papers), key=lambda one: one.rank
    )
    source, *rest = statements
    return Stated(figure, source, tuple(other for other in rest if other.value != source.value))


def _statement(figure: Figure, kind: Kind, document: Document | None) -> Statement:
    if document is None or figure.name not in document.figures:
        return Statement(stated_in(kind, settings.POLICY)[figure.name], kind, None)
    return Statement(figure.parse(document.figures[figure.name]), kind, document.version)
