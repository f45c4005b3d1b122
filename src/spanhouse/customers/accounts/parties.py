"""Writes: who the contracting party is, how it is reached, what it is licensed to do. Clauses G1, G11.1, R1."""

from __future__ import annotations

from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from spanhouse.base.errors import Malformed, NotFound
from spanhouse.customers.accounts import access
from spanhouse.customers.accounts.audit.actors import SYSTEM, By
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.record import record
from spanhouse.customers.accounts.models import Account, Licence, Party
from spanhouse.customers.accounts.operations import Operation

LICENCES_MAX = 100


@transaction.atomic
def declare_party(
    account: Account,
    *,
    kind: str,
    name: str,
    registration: str,
    email: str,
    phone: str,
    address: str,
    now: datetime,
    by: By = SYSTEM,
) -> Party:
    """All of it is required. Raises Malformed for what makes no sense, Forbidden for who may not sign."""
    access.require(by, Operation.SIGN, account, now)
    given = {"name": name, "registration": registration, "email": email, "phone": phone, "address": address}
    stripped = {field: text.strip() for field, text in given.items()}
    party = Party(account=account, kind=kind, changed_at=now, **stripped)
    _check(party)
    before = Party.objects.filter(account=account).first()
    party.save(force_insert=before is None, force_update=before is not None)
    changed = sorted(
        field for field in ("kind", *given) if before is None or getattr(before, field) != getattr(party, field)
    )
    record(Deed.PARTY_DECLARE, account.pk, by, now=now, on=("account", account.pk), details={"changed": changed})
    return party


@transaction.atomic
def declare_licence(
    account: Account, name: str, number: str, *, valid_until: date | None, now: datetime, by: By = SYSTEM
) -> Licence:
    """Raises Malformed for what makes no sense, Forbidden for who may not sign."""
    access.require(by, Operation.SIGN, account, now)
    if Licence.objects.filter(account=account, withdrawn_at=None).count() >= LICENCES_MAX:
        raise Malformed(f"an account declares at most {LICENCES_MAX} licences")
    licence = Licence(
        account=account, name=name.strip(), number=number.strip(), valid_until=valid_until, declared_at=now
    )
    _check(licence)
    licence.save(force_insert=True)
    record(Deed.LICENCE_DECLARE, account.pk, by, now=now, on=("licence", str(licence.pk)))
    return licence


@transaction.atomic
def withdraw_licence(account: Account, licence_id: int, *, now: datetime, by: By = SYSTEM) -> None:
    """Raises NotFound for another account's, and for one withdrawn before."""
    access.require(by, Operation.SIGN, account, now)
    live = Licence.objects.filter(account=account, pk=licence_id, withdrawn_at=None)
    if not live.update(withdrawn_at=now):
        raise NotFound(f"{account.name} declares no licence {licence_id}")
    record(Deed.LICENCE_WITHDRAW, account.pk, by, now=now, on=("licence", str(licence_id)))


def _check(row: Party | Licence) -> None:
    if any("\0" in str(getattr(row, field.attname)) for field in row._meta.concrete_fields):
        raise Malformed("text holds no NUL character")
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        problems = (f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
        raise Malformed("; ".join(problems)) from error
