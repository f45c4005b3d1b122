"""Writes: papers published, accepted, declined, accepted by use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from spanhouse.base.errors import Conflict, Forbidden, Malformed
from spanhouse.customers.accounts import access
from spanhouse.customers.accounts.audit.actors import SYSTEM, By
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.record import INSTALLATION, record
from spanhouse.customers.accounts.models import Account
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.accounts.selectors import party_of
from spanhouse.customers.agreements import selectors
from spanhouse.customers.agreements.documents import LANGUAGES, digest_of, filled, signed_text
from spanhouse.customers.agreements.models import Acceptance, Document, DocumentText
from spanhouse.customers.agreements.policy import Kind, stated_in


@transaction.atomic
def publish(*, now: datetime, effective_at: datetime | None = None, by: By = SYSTEM) -> list[Document]:
    """Publish a new version of each paper whose words changed since its last; those that were published.

    The first version of a paper is in effect at once. A later one is announced now and takes effect at the 00:00 of the
    contract zone that follows the days of notice, or at `effective_at`, if that is not earlier. Raises Malformed when
    it is.
    """
    if not access.is_trusted(by) and (by.user is None or not by.user.is_operator):
        raise Forbidden("only those who run this installation may publish its papers")
    return [made for kind in Kind if (made := _publish_one(kind, now, effective_at, by)) is not None]


@transaction.atomic
def publish_first(*, now: datetime) -> None:
    """Papers that were never published are, so that there is something to sign. A changed one waits for `publish`."""
    published = set(Document.objects.values_list("kind", flat=True))
    for kind in Kind:
        if kind not in published:
            _publish_one(kind, now, None, SYSTEM)


def _publish_one(kind: Kind, now: datetime, effective_at: datetime | None, by: By) -> Document | None:
    values = stated_in(kind, settings.POLICY)
    words = {language: filled(kind, language, values) for language in LANGUAGES}
    last = Document.objects.filter(kind=kind).order_by("-version").first()
    if last is not None and _says_the_same(last, words):
        return None
    effective = now if last is None else _notice_ends(now, effective_at, last)
    version = 1 if last is None else last.version + 1
    figures = {name: str(value) for name, value in values.items()}
    document = Document(kind=kind, version=version, announced_at=now, effective_at=effective, figures=figures)
    document.save()
    for language, text in words.items():
        signed = signed_text(text, language, version, _day(effective))
        row = DocumentText(document=document, language=language, text=signed)
        row.digest, row.words_digest = digest_of(signed), digest_of(text)
        row.save()
    details = {"version": version, "effective": effective.isoformat()}
    record(Deed.AGREEMENT_PUBLISH, INSTALLATION, by, now=now, on=("document", str(kind)), details=details)
    return document


@transaction.atomic
def accept(
    account: Account, versions: Mapping[str, int], *, now: datetime, language: str, how: str, by: By
) -> list[Acceptance]:
    """The contract: a user of the account accepts every paper in the version that is in effect.

    `versions` names what was read, by kind. Raises Conflict when that is not what is in effect, Forbidden for who may
    not sign, Malformed for an account outside contract or one that has not said who it is (G1). Accepting again what
    was accepted adds nothing.
    """
    if by.user is None:
        raise Forbidden("only a user of the account can accept for it")
    access.require(by, Operation.SIGN, account, now)
    if account.outside_contract:
        raise Malformed(f"{account.name} is the operator's own and stands outside contract")
    if party_of(account) is None:
        raise Malformed("say first who the party is that signs: its name, registration and contacts")
    offered = selectors.in_effect(now)
    if dict(versions) != {str(kind): document.version for kind, document in offered.items()}:
        raise Conflict("the agreement is another by now; read what is in effect and accept that")
    Account.objects.select_for_update().get(pk=account.pk)
    known = set(Acceptance.objects.filter(account=account).values_list("document_id", flat=True))
    new = [document for document in offered.values() if document.pk not in known]
    return [_accept_one(account, document, language, how, now, by) for document in new]


@transaction.atomic
def decline(account: Account, *, now: datetime, by: By) -> None:
    """Leaves no contract, and a note in the log that the papers were declined."""
    access.require(by, Operation.SIGN, account, now)
    record(Deed.AGREEMENT_DECLINE, account.pk, by, now=now, on=("account", account.pk))


def accept_by_use(account: Account, *, now: datetime, by: By = SYSTEM) -> list[Acceptance]:
    """An authenticated act, or accepted data, at `now`: acceptance of what took effect since, by who has a contract."""
    if account.outside_contract:
        return []
    later = [document for document in selectors.in_effect(now).values() if document.version > 1]
    known = set(Acceptance.objects.filter(account=account, document__in=later).values_list("document_id", flat=True))
    if len(known) == len(later) or not selectors.has_contract(account):
        return []
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        known = set(Acceptance.objects.filter(account=account).values_list("document_id", flat=True))
        new = [document for document in later if document.pk not in known]
        language = selectors.history(account).order_by("-id")[0].language
        return [_accept_one(account, document, language, Acceptance.How.USE, now, by) for document in new]


def _accept_one(account: Account, document: Document, language: str, how: str, now: datetime, by: By) -> Acceptance:
    text = selectors.text_of(document, language)
    acceptance = Acceptance(
        account=account,
        document=document,
        language=text.language,
        digest=text.digest,
        how=how,
        at=now,
        user=by.id,
        user_name=by.name,
        ip=by.ip,
        user_agent=by.user_agent,
    )
    acceptance.save()
    details = {"version": document.version, "digest": text.digest, "how": how}
    record(Deed.AGREEMENT_ACCEPT, account.pk, by, now=now, on=("document", document.kind), details=details)
    return acceptance


def _says_the_same(last: Document, words: Mapping[str, str]) -> bool:
    before = {text.language: text.words_digest for text in last.texts.all()}
    return before == {language: digest_of(text) for language, text in words.items()}


def _notice_ends(now: datetime, wished: datetime | None, last: Document) -> datetime:
    days = int(str(selectors.figure_for(None, "agreement_notice_days", now)))
    soonest = now + timedelta(days=days)
    if wished is not None and wished < soonest:
        raise Malformed(f"a change is announced {days} days ahead: not before {soonest.isoformat(timespec='seconds')}")
    effective = wished or _next_midnight(soonest)
    if effective <= last.effective_at:
        raise Malformed(f"{last.kind} version {last.version} takes effect only at {last.effective_at.isoformat()}")
    return effective


def _next_midnight(moment: datetime) -> datetime:
    """00:00 in the contract zone, at or after `moment`."""
    zone = ZoneInfo(settings.CONTRACT_ZONE)
    local = moment.astimezone(zone)
    midnight = datetime.combine(local.date(), time(), zone)
    return (midnight if midnight >= local else midnight + timedelta(days=1)).astimezone(moment.tzinfo)


def _day(moment: datetime) -> str:
    local = moment.astimezone(ZoneInfo(settings.CONTRACT_ZONE))
    return f"{local:%Y-%m-%d %H:%M} ({settings.CONTRACT_ZONE})"
