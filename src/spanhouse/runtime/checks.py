"""Is this installation healthy: one finding per thing looked at. Looks only; changes nothing."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from spanhouse.contracts.grant import Grants
from spanhouse.runtime.settings import Settings, closest_setting, unknown_variables

DISK_FREE_BYTES_MIN = 1024**3
JOURNAL_SHARE_MAX = 0.5
ANSWER_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    state: Literal["good", "warning", "bad"]
    detail: str


def check(settings: Settings) -> list[Finding]:
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _variables,
        _data_directory,
        _secrets,
        _disk,
        _journal,
        _grants,
        _listeners,
        _readiness,
    )
    return [finding for look in looks for finding in look(settings)]


def _variables(settings: Settings) -> Iterator[Finding]:
    for name in unknown_variables():
        closest = closest_setting(name)
        meant = f"; did you mean {closest}?" if closest else ""
        yield Finding("settings", "warning", f"{name} is set but is not a setting{meant}")


def _data_directory(settings: Settings) -> Iterator[Finding]:
    if not settings.data.is_dir():
        yield Finding("data directory", "bad", f"{settings.data} does not exist; `spanhouse serve` makes it")
    elif not os.access(settings.data, os.W_OK | os.X_OK):
        yield Finding("data directory", "bad", f"{settings.data} is not writable")
    else:
        yield Finding("data directory", "good", f"{settings.data} is writable")


def _secrets(settings: Settings) -> Iterator[Finding]:
    for path in (settings.data / "secret-key", settings.grants_path, settings.data / "accounts.sqlite3"):
        if path.exists() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077 and _others_reach(path):
            yield Finding("permissions", "bad", f"{path} is open to other users (mode {mode:o})")


def _others_reach(path: Path) -> bool:
    """Whether every directory above lets other users through."""
    return all(stat.S_IMODE(parent.stat().st_mode) & 0o011 for parent in path.parents)


def _disk(settings: Settings) -> Iterator[Finding]:
    if settings.data.is_dir():
        free = shutil.disk_usage(settings.data).free
        state: Literal["good", "bad"] = "good" if free >= DISK_FREE_BYTES_MIN else "bad"
        yield Finding("disk", state, f"{free / 1024**3:.1f} GiB free")


def _journal(settings: Settings) -> Iterator[Finding]:
    held = sum(_size(path) for path in settings.journal_path.rglob("*"))
    share = held / settings.journal_bytes_max
    state: Literal["good", "warning"] = "good" if share <= JOURNAL_SHARE_MAX else "warning"
    yield Finding("journal", state, f"{held / 1024**2:.1f} MiB wait to be loaded, {share:.0%} of the bound")


def _size(path: Path) -> int:
    """0 for what is no file, or was loaded and removed meanwhile."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _grants(settings: Settings) -> Iterator[Finding]:
    try:
        grants = Grants.from_json(settings.grants_path.read_bytes())
    except FileNotFoundError:
        yield Finding("grants", "bad", "none published yet: intake refuses everything")
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Finding("grants", "bad", f"{settings.grants_path} cannot be read: {error}")
    else:
        detail = f"version {grants.version}, {len(grants.instances)} instances, {len(grants.keys)} keys"
        yield Finding("grants", "good", f"{detail}, loopback without a key: {grants.loopback_instance or 'off'}")


def _listeners(settings: Settings) -> Iterator[Finding]:
    host = settings.reachable_host.strip("[]")
    for name, port in settings.listeners().items():
        if not port:
            continue
        try:
            socket.create_connection((host, port), ANSWER_SECONDS_MAX).close()
        except OSError as error:
            yield Finding(name, "bad", f"{host}:{port} does not answer: {error.strerror or error}")
        else:
            yield Finding(name, "good", f"{host}:{port} answers")


def _readiness(settings: Settings) -> Iterator[Finding]:
    """The console's process holds the store and the keeper, so it is the one to ask about both."""
    if not settings.console_port:
        return
    url = f"http://{settings.reachable_host}:{settings.console_port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS_MAX):
            yield Finding("store and keeper", "good", "ready")
    except urllib.error.HTTPError as error:
        waiting = error.code == HTTPStatus.SERVICE_UNAVAILABLE
        detail = error.read(4096).decode(errors="replace").strip() if waiting else f"{url} answers {error.code}"
        yield Finding("store and keeper", "bad", detail)
    except OSError as error:
        yield Finding("store and keeper", "bad", f"cannot ask {url}: {error}")
