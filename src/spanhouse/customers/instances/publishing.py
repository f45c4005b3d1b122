"""Grants as a file that ingest reads: every committed change is in it before the service that made it returns."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F

from spanhouse.base.files import write_atomically
from spanhouse.contracts.grant import Grants
from spanhouse.customers.instances import selectors
from spanhouse.customers.instances.models import GrantsVersion


def changed() -> None:
    """Called by a service inside its transaction: bump the version now, publish after the commit."""
    GrantsVersion.objects.get_or_create(pk=1)
    GrantsVersion.objects.filter(pk=1).update(version=F("version") + 1)
    transaction.on_commit(publish)


def publish() -> None:
    """Write the snapshot, unless one that is as new is there already. Publishers take turns.

    Raises OSError when the file cannot be written; the change stays committed and the reconciler publishes it.
    """
    path: Path = settings.GRANTS_PATH
    with _turn(path):
        grants = selectors.current_grants()
        if _is_news(path, grants):
            write_atomically(path, grants.to_json())


def reconcile() -> None:
    """Publish what the database says, whatever the file holds: at start, and after a restore from a backup."""
    path: Path = settings.GRANTS_PATH
    with _turn(path), transaction.atomic():
        published = _published(path)
        behind = published is not None and published.version > selectors.current_grants().version
        if behind and published is not None:
            GrantsVersion.objects.update_or_create(pk=1, defaults={"version": published.version + 1})
        grants = selectors.current_grants()
        if published != grants:
            write_atomically(path, grants.to_json())


def _is_news(path: Path, grants: Grants) -> bool:
    published = _published(path)
    return published is None or published.version < grants.version


def _published(path: Path) -> Grants | None:
    """What the file says; None where there is none or it is not to be read."""
    try:
        return Grants.from_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return None


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path.with_name(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
