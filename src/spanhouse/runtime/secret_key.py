"""The key that signs sessions and links: from the settings, or generated once into the data directory."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from spanhouse.runtime.settings import Settings

_FILE_NAME = "secret-key"


def read_secret_key(settings: Settings) -> str:
    """The key in force. Where none was made yet, one of this process alone, so that reading writes nothing."""
    configured = settings.secret_key.get_secret_value()
    if configured:
        return configured
    path = settings.data / _FILE_NAME
    return path.read_text().strip() if path.exists() else secrets.token_urlsafe(48)


def ensure_secret_key(settings: Settings) -> None:
    """Make the key unless there is one; of several processes that try at once, one wins."""
    path = settings.data / _FILE_NAME
    if settings.secret_key.get_secret_value() or path.exists():
        return
    temporary = path.with_name(f".{_FILE_NAME}.{os.getpid()}")
    _write_private(temporary, secrets.token_urlsafe(48))
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _write_private(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
