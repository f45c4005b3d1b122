"""Writes: instances and their keys. Each is one transaction that also moves the Grants on and publishes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from spanhouse.base.errors import Malformed, NotFound
from spanhouse.base.ids import digest_secret, new_id, new_secret
from spanhouse.customers.accounts import access as accounts_access
from spanhouse.customers.accounts import services as accounts
from spanhouse.customers.accounts.audit.actors import SYSTEM, By, by_key
from spanhouse.customers.accounts.audit.deeds import Deed
from spanhouse.customers.accounts.audit.record import record
from spanhouse.customers.accounts.models import Account
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.agreements import selectors as agreements
from spanhouse.customers.agreements import services as agreement_services
from spanhouse.customers.instances import access, publishing, standing
from spanhouse.customers.instances.holds import Right
from spanhouse.customers.instances.models import Instance, Key

_PREFIXES = {Key.Scope.INGEST: "shi", Key.Scope.QUERY: "shq"}
_PREFIX_SHOWN = 10
_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
LAST_USE_EVERY = timedelta(minutes=1)


@transaction.atomic
def open_account(name: str, *, now: datetime, outside_contract: bool = False, by: By = SYSTEM) -> Account:
    """A new party. From the second one on, loopback no longer opens anything without a key."""
    account = accounts.create_account(name, now=now, outside_contract=outside_contract, by=by)
    publishing.changed()
    return account


@transaction.atomic
def create_instance(
    account: Account,
    name: str,
    *,
    now: datetime,
    retention_days: int,
    region: str = "local",
    instance_id: str | None = None,
    right: Right | None = None,
    term_ends_at: datetime | None = None,
    by: By = SYSTEM,
) -> Instance:
    """Raises Malformed when a value makes no sense or the id is taken, Forbidden for who may not order."""
    accounts_access.require(by, Operation.ORDER, account, now)
    agreements.require_contract(account)
    instance = Instance(
        id=instance_id or new_id("i"),
        account=account,
        name=name.strip(),
        region=region,
        retention_days=retention_days,
        right=right or (Right.OWN if account.outside_contract else Right.METERED),
        term_ends_at=term_ends_at,
        created_at=now,
    )
    _check(instance)
    try:
        instance.save(force_insert=True)
    except IntegrityError as error:
        raise Malformed(f"there is an instance {instance.pk!r} already") from error
    settled = {"region": region, "retention_days": retention_days}
    _record(Deed.INSTANCE_CREATE, instance, by, now, details=settled)
    publishing.changed()
    return instance


@transaction.atomic
def change_instance(
    instance: Instance,
    *,
    now: datetime,
    name: str | None = None,
    retention_days: int | None = None,
    intake: bool | None = None,
    by: By = SYSTEM,
) -> Instance:
    """Change what is given, leave the rest. Raises Malformed when a value makes no sense."""
    standing.require_service(instance, by, now)
    access.require(by, Operation.CONFIGURE, instance, now)
    given = {"name": name, "retention_days": retention_days, "intake": intake}
    changes = {field: value for field, value in given.items() if value is not None}
    row = Instance.objects.select_for_update().get(pk=instance.pk)
    before = {field: getattr(row, field) for field in changes}
    for field, value in changes.items():
        setattr(row, field, value)
    _check(row)
    row.save(update_fields=list(changes))
    _record(Deed.INSTANCE_CHANGE, row, by, now, details={"before": before, "after": changes})
    publishing.changed()
    return row


@transaction.atomic
def create_key(
    instance: Instance,
    scope: str,
    name: str,
    *,
    now: datetime,
    expires_at: datetime | None = None,
    origins: Sequence[str] = (),
    by: By = SYSTEM,
) -> tuple[Key, str]:
    """The key and its secret, which is not kept. It opens no more than its maker may do, and no longer.

    Raises Malformed when a value makes no sense, Forbidden for who may not do both: configure, and what it opens.
    """
    standing.require_service(instance, by, now)
    agreements.require_contract(instance.account)
    if expires_at is not None and expires_at <= now:
        raise Malformed("a key cannot expire in the past")
    if scope not in Key.Scope.values:
        raise Malformed(f"a key has the scope {' or '.join(Key.Scope.values)}, not {scope!r}")
    opened = Operation.INGEST if scope == Key.Scope.INGEST else Operation.QUERY
    grant = access.grant_behind(by, frozenset({Operation.CONFIGURE, opened}), instance, now)
    expires_at = _earlier(expires_at, grant.expires_at if grant else None)
    secret = new_secret(_PREFIXES[Key.Scope(scope)])
    key = Key(
        id=new_id("k"),
        instance=instance,
        name=name.strip(),
        scope=scope,
        prefix=secret[:_PREFIX_SHOWN],
        digest=digest_secret(secret),
        origins=[_origin(origin) for origin in origins],
        created_at=now,
        created_by=by.user,
        grant=grant,
        expires_at=expires_at,
    )
    _check(key)
    key.save(force_insert=True)
    until = expires_at.isoformat() if expires_at else None
    _record(Deed.KEY_CREATE, instance, by, now, key=key, details={"scope": scope, "expires": until})
    publishing.changed()
    return key, secret


@transaction.atomic
def revoke_key(key: Key, *, now: datetime, by: By = SYSTEM) -> bool:
    """Stop the key at once. False if it was revoked before. Raises Forbidden for who may not configure."""
    access.require(by, Operation.CONFIGURE, key.instance, now)
    return end_key(key, now=now, by=by)


@transaction.atomic
def end_key(key: Key, *, now: datetime, by: By) -> bool:
    """Stop the key as a part of another deed, to which `by` was found to have the right. False as of `revoke_key`."""
    revoked = Key.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
    if revoked:
        _record(Deed.KEY_REVOKE, key.instance, by, now, key=key)
        publishing.changed()
    return bool(revoked)


@transaction.atomic
def rotate_key(key: Key, *, now: datetime, overlap: timedelta, by: By = SYSTEM) -> tuple[Key, str]:
    """A successor with the same rights; the old key ends after `overlap`, at once if it is zero.

    Raises NotFound when the key is revoked, Malformed for an overlap past the year 9999.
    """
    row = Key.objects.select_for_update().select_related("instance").filter(pk=key.pk, revoked_at=None).first()
    if row is None:
        raise NotFound(f"key {key.pk} is revoked; make a new one")
    until = _after(now, overlap)
    kept_until = row.expires_at if row.expires_at and row.expires_at > now else None
    successor, secret = create_key(
        row.instance, row.scope, row.name, now=now, expires_at=kept_until, origins=row.origins, by=by
    )
    _record(Deed.KEY_ROTATE, row.instance, by, now, key=row, details={"successor": successor.pk})
    if overlap > timedelta(0):
        row.expires_at = min(until, kept_until or until)
        row.save(update_fields=["expires_at"])
    else:
        revoke_key(row, now=now, by=by)
    return successor, secret


def _after(now: datetime, length: timedelta) -> datetime:
    try:
        return now + length
    except OverflowError:
        raise Malformed("that is past the calendar's end") from None


def _earlier(first: datetime | None, second: datetime | None) -> datetime | None:
    return min(first, second) if first and second else first or second


def note_use(key: Key, *, now: datetime) -> None:
    """Remember that the key was used, to the minute: not every request is a write."""
    agreement_services.accept_by_use(key.instance.account, now=now, by=by_key(key.pk, key.name))
    if _is_later(key.last_used_at, now):
        Key.objects.filter(pk=key.pk).update(last_used_at=now)


def note_uses(uses: Mapping[str, datetime]) -> None:
    """Remember when the keys with these ids were used: to the minute too, only forward. Unknown ids are passed over."""
    known = Key.objects.filter(pk__in=uses).select_related("instance__account")
    later = {key.pk: uses[key.pk] for key in known if _is_later(key.last_used_at, uses[key.pk])}
    if not later:
        return
    for key in known:
        if key.pk in later:
            agreement_services.accept_by_use(key.instance.account, now=later[key.pk], by=by_key(key.pk, key.name))
    with transaction.atomic():
        for key_id, used_at in later.items():
            unused_since = Q(last_used_at=None) | Q(last_used_at__lt=used_at)
            Key.objects.filter(unused_since, pk=key_id).update(last_used_at=used_at)


def _is_later(noted: datetime | None, used_at: datetime) -> bool:
    return noted is None or used_at - noted >= LAST_USE_EVERY


def _record(
    deed: Deed,
    instance: Instance,
    by: By,
    now: datetime,
    *,
    key: Key | None = None,
    details: Mapping[str, object] | None = None,
) -> None:
    on = ("key", key.pk) if key else ("instance", instance.pk)
    record(deed, instance.account_id, by, now=now, on=on, instance=instance.pk, details=details)


def _check(row: Instance | Key) -> None:
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        problems = (f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
        raise Malformed("; ".join(problems)) from error


def _origin(text: str) -> str:
    """An origin as browsers send it: scheme://host[:port], lower case, no path."""
    origin = text.strip().lower().removesuffix("/")
    if not _ORIGIN.fullmatch(origin):
        raise Malformed(f"{text!r} is not an origin such as https://shop.example.com")
    return origin
