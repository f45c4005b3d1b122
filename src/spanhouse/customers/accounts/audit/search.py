"""Reading the log: an account sees its own part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from spanhouse.customers.accounts.audit.models import AuditEntry


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What is left empty narrows nothing."""

    since: datetime | None = None
    until: datetime | None = None
    """Not included."""
    actor: str = ""
    """Id or name of who acted."""
    operation: str = ""
    """A deed (`key.create`) or its kind (`key`)."""
    object: str = ""
    instance: str = ""
    outcome: str = ""
    ip: str = ""


def entries(account: str, wanted: AuditFilter = AuditFilter()) -> QuerySet[AuditEntry]:
    """The account's entries that fit, newest first."""
    found = AuditEntry.objects.filter(account=account).order_by("-number")
    if wanted.since is not None:
        found = found.filter(at__gte=wanted.since)
    if wanted.until is not None:
        found = found.filter(at__lt=wanted.until)
    if wanted.actor:
        found = found.filter(Q(actor=wanted.actor) | Q(actor_name__iexact=wanted.actor))
    if wanted.operation:
        found = found.filter(Q(operation=wanted.operation) | Q(operation__startswith=f"{wanted.operation}."))
    exact = {name: getattr(wanted, name) for name in ("object", "instance", "outcome", "ip")}
    return found.filter(**{name: value for name, value in exact.items() if value})
