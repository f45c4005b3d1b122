"""Reads: instances, keys, and the Grants that they add up to."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db.models import QuerySet

from spanhouse.base.errors import NotFound
from spanhouse.base.ids import digest_secret
from spanhouse.contracts.grant import Grants, InstanceGrant, KeyGrant, KeyScope
from spanhouse.customers.accounts import selectors as accounts
from spanhouse.customers.accounts.models import Account, User
from spanhouse.customers.instances import standing
from spanhouse.customers.instances.models import LOCAL_INSTANCE, GrantsVersion, HoldRow, Instance, Key
from spanhouse.customers.instances.standing import to_ns

CHOSEN_INSTANCE = "instance"
"""Where a session remembers the instance that its person looks at."""


def all_instances() -> QuerySet[Instance]:
    """Every instance, for the operator's tools; pages use `access`."""
    return Instance.objects.all()


def instances_of_account(account: Account) -> QuerySet[Instance]:
    """Released ones too."""
    return Instance.objects.filter(account=account)


def instance_of_account(account: Account, instance_id: str) -> Instance:
    """Raises NotFound, also when the instance is another account's."""
    instance = Instance.objects.filter(pk=instance_id, account=account).first()
    if instance is None:
        raise NotFound(f"{account.name} has no instance {instance_id!r}")
    return instance


def get_instance(instance_id: str) -> Instance:
    """Raises NotFound."""
    instance = Instance.objects.filter(pk=instance_id).first()
    if instance is None:
        raise NotFound(f"there is no instance {instance_id!r}")
    return instance


def list_keys(instance: Instance, *, revoked: bool = False) -> QuerySet[Key]:
    """Keys of `instance`, oldest first; those revoked only if asked for."""
    keys = instance.keys.select_related("created_by")
    return keys if revoked else keys.filter(revoked_at=None)


def get_key(instance: Instance, key_id: str) -> Key:
    """Raises NotFound, also when the key is another instance's."""
    key = Key.objects.filter(pk=key_id, instance=instance).first()
    if key is None:
        raise NotFound(f"{instance.pk} has no key {key_id!r}")
    return key


def keys_made_by(user: User, account: Account) -> QuerySet[Key]:
    """Live keys of the account that `user` made: for review when that person leaves."""
    return Key.objects.filter(created_by=user, instance__account=account, revoked_at=None, grant=None)


def keys_of_all(*, revoked: bool = False) -> QuerySet[Key]:
    """Keys of every instance, for the operator's tools; pages use `list_keys`."""
    return Key.objects.all() if revoked else Key.objects.filter(revoked_at=None)


def key_of_any(key_id: str) -> Key:
    """For the operator's tools; pages use `get_key`. Raises NotFound."""
    key = Key.objects.filter(pk=key_id).first()
    if key is None:
        raise NotFound(f"there is no key {key_id!r}")
    return key


def find_key(secret: str) -> Key | None:
    """The key that `secret` is, unless it is unknown or revoked."""
    return Key.objects.select_related("instance__account").filter(digest=digest_secret(secret), revoked_at=None).first()


def loopback_instance() -> str | None:
    """The instance that loopback may use without a key: only while the operator's is the one account."""
    if not settings.LOOPBACK_OPEN or accounts.account_count() != 1:
        return None
    return LOCAL_INSTANCE if Instance.objects.filter(pk=LOCAL_INSTANCE, released_at=None).exists() else None


def instance_grant(instance: Instance, holds: Sequence[HoldRow] | None = None) -> InstanceGrant:
    """What the instance may do, with the end of its term as a moment inside. `holds`: its live ones, if at hand."""
    return standing.grant_of(instance, standing.live_holds(instance) if holds is None else holds)


def key_grant(key: Key) -> KeyGrant:
    return KeyGrant(
        key_id=key.pk,
        digest=key.digest,
        instance=key.instance_id,
        scope=_scope(key),
        expires_at_ns=to_ns(key.expires_at) if key.expires_at else None,
        origins=tuple(key.origins),
    )


def current_grants() -> Grants:
    """All Grants of this moment, never older than their version says."""
    # The version is read first: rows may then be newer than it, and the change that made them publishes again.
    row = GrantsVersion.objects.first()
    holds = standing.holds_by_instance()
    instances = [instance_grant(instance, holds[instance.pk]) for instance in Instance.objects.all()]
    keys = [key_grant(key) for key in Key.objects.filter(revoked_at=None)]
    return Grants(
        version=row.version if row else 0,
        instances={grant.instance: grant for grant in instances},
        keys={grant.digest: grant for grant in keys},
        loopback_instance=loopback_instance(),
    )


def _scope(key: Key) -> KeyScope:
    return "ingest" if key.scope == Key.Scope.INGEST else "query"
