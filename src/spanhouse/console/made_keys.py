"""The secret of a key that was just made, on its way from the answer to the POST to the page that shows it once."""

from __future__ import annotations

from dataclasses import dataclass

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.console.visit import Visit

SHOWN_WITHIN_SECONDS = 120
_KEPT = "made_key"


@dataclass(frozen=True, slots=True)
class MadeKey:
    name: str
    secret: str


def keep(visit: Visit, page: str, made: MadeKey) -> None:
    """For one showing on `page`. The page is another request, so that loading it again makes no other key."""
    until = visit.now_ns + SHOWN_WITHIN_SECONDS * NANOS_PER_SECOND
    visit.request.session[_KEPT] = [page, visit.instance.pk, until, made.name, made.secret]


def take(visit: Visit, page: str) -> MadeKey | None:
    """What was kept for this page, once: it is gone then, and also when it is too old or of another instance."""
    kept = visit.request.session.get(_KEPT)
    if not kept or visit.request.method != "GET":
        return None
    meant_for, instance, until, name, secret = kept
    if meant_for != page and until >= visit.now_ns:
        return None
    del visit.request.session[_KEPT]
    fits = meant_for == page and instance == visit.instance.pk and until >= visit.now_ns
    return MadeKey(name, secret) if fits else None
