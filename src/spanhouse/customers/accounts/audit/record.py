"""The one way into the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from spanhouse.customers.accounts.audit.actors import By
from spanhouse.customers.accounts.audit.chain import START, digest_of
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.models import AuditEntry, AuditHead, Outcome
from spanhouse.customers.accounts.audit.text import storable

INSTALLATION = ""
"""The chain of deeds that are no account's."""


def record(
    deed: Deed,
    account: str,
    by: By,
    *,
    now: datetime,
    on: tuple[str, str] = ("", ""),
    instance: str = "",
    refused: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Add an entry to the account's chain, inside the caller's transaction.

    `on` is the object's kind and id. `refused` says why the deed was not done; "" when it was. `details` hold ids,
    numbers and names of settings, never a secret and never the name of a service.
    """
    head = _held_head(account)
    entry = AuditEntry(
        account=account,
        number=head.number + 1,
        at=now,
        actor_kind=by.kind,
        actor=by.id,
        actor_name=by.name,
        operation=deed,
        object_kind=on[0],
        object=on[1],
        instance=instance,
        outcome=Outcome.REFUSED if refused else Outcome.DONE,
        reason=storable(refused, 500),
        details=_fit(details or {}),
        ip=by.ip,
        host=by.host,
        user_agent=by.user_agent,
        previous=head.digest,
    )
    entry.digest = digest_of(entry)
    entry.save()
    AuditHead.objects.filter(pk=account).update(number=entry.number, digest=entry.digest)
    return entry


def _fit(value: Any) -> Any:
    """Details as JSON of every database: no float, no text that one of them refuses."""
    if isinstance(value, Mapping):
        return {storable(str(name), 100): _fit(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_fit(inner) for inner in value]
    return value if value is None or isinstance(value, int) else storable(str(value), 500)


def _held_head(account: str) -> AuditHead:
    """The end of the chain, held until the transaction ends."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a deed and its entry are one transaction")
    AuditHead.objects.get_or_create(pk=account, defaults={"digest": START})
    return AuditHead.objects.select_for_update().get(pk=account)
