"""The chain: each entry's digest covers its own words and the digest before it, so that no word changes unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from spanhouse.customers.accounts.audit.models import AuditEntry, AuditHead

START = "0" * 64
"""What the first entry names as the digest before it."""

WORDS = (
    "account",
    "number",
    "actor_kind",
    "actor",
    "actor_name",
    "operation",
    "object_kind",
    "object",
    "instance",
    "outcome",
    "reason",
    "details",
    "ip",
    "host",
    "user_agent",
    "previous",
)
"""Fields under the digest, besides the time."""

_ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Verdict:
    account: str
    entries: int
    broken_at: int | None = None
    """Number of the first entry that does not fit; None when all do."""
    why: str = ""


def words_of(entry: AuditEntry) -> dict[str, Any]:
    """The entry as it is exported and digested; times in UTC with microseconds."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    return {"at": at, **{name: getattr(entry, name) for name in WORDS}}


def digest_of(entry: AuditEntry) -> str:
    """SHA-256 hex of the entry's words as JSON with sorted keys and no spaces, UTF-8."""
    text = json.dumps(words_of(entry), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def verify(account: str) -> Verdict:
    """Walk the chain of one account ("" for the installation's) from its start to its head."""
    number, previous = 0, START
    for entry in AuditEntry.objects.filter(account=account).order_by("number").iterator(_ROWS_AT_ONCE):
        why = _misfit(entry, number + 1, previous)
        if why:
            return Verdict(account, number, number + 1, why)
        number, previous = entry.number, entry.digest
    head = AuditHead.objects.filter(pk=account).first()
    if (head.number, head.digest) != (number, previous) if head else number:
        return Verdict(account, number, number + 1, "the chain ends before its head")
    return Verdict(account, number)


def verify_all() -> Iterator[Verdict]:
    """Every chain there is, also one whose head or whose entries are gone."""
    heads = AuditHead.objects.values_list("account", flat=True)
    entries = AuditEntry.objects.order_by().values_list("account", flat=True).distinct()
    names: Sequence[str] = sorted({*heads, *entries})
    return (verify(account) for account in names)


def _misfit(entry: AuditEntry, number: int, previous: str) -> str:
    if entry.number != number:
        return f"entry {number} is missing"
    if entry.previous != previous:
        return "it does not follow the entry before it"
    return "" if entry.digest == digest_of(entry) else "its words are not those that were recorded"
