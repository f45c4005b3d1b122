"""Identifiers and secrets that we make ourselves."""

from __future__ import annotations

import hashlib
import secrets
import string

_ALPHABET = string.ascii_lowercase + string.digits


def new_id(prefix: str) -> str:
    """A short unguessable id such as `i-4k9x0d2mfq7c` (62 bits)."""
    return f"{prefix}-{''.join(secrets.choice(_ALPHABET) for _ in range(12))}"


def new_secret(prefix: str) -> str:
    """A bearer secret such as `shi_…` with 256 bits; the prefix says what it opens and lets scanners find leaks."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest_secret(secret: str) -> str:
    """SHA-256 hex of a bearer secret. The secret has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
