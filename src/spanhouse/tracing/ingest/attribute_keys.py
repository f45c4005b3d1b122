"""Which attribute keys each instance has used today, bounded by its limit.

Each different key costs the store a place in a dictionary of the table; a sender that makes keys up (an id in a key)
would slow everyone's loads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import structlog

from spanhouse.tracing.ingest.locked_file import locked

HASH_BYTES = 8
DAY_BYTES = 8

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Day:
    number: int
    known: set[str] = field(default_factory=set)


class AttributeKeys:
    """Of all instances, shared by the ingest processes of a node through a file of hashes for each instance."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._days: dict[str, _Day] = {}

    def of(self, instance: str, most: int, day: int) -> KeysOfDay:
        """Those of one request; `day` is of UTC, counted from the epoch."""
        known = self._days.get(instance)
        if known is None or known.number != day:
            known = self._days[instance] = _Day(day)
        return KeysOfDay(known.known, most, lambda hashes: self._claim(instance, hashes, most, day))

    def _claim(self, instance: str, hashes: set[bytes], most: int, day: int) -> set[bytes]:
        """Those used on the day, with these if they fit. When the file cannot be had keys are let in, as `Rates` lets
        in spans."""
        try:
            with locked(self._directory / f"{quote(instance, safe='')}.keys") as file:
                content = file.read()
                heading = day.to_bytes(DAY_BYTES, "big")
                used = _hashes(content[DAY_BYTES:]) if content[:DAY_BYTES] == heading else set()
                new = hashes - used
                if len(used) + len(new) > most:
                    return used
                if not used:
                    file.replace(heading + b"".join(new))
                elif new:
                    file.append(b"".join(new))
                return used | new
        except OSError as error:
            log.error("attribute keys cannot be counted, they are let in", instance=instance, error=str(error))
            return hashes


class KeysOfDay:
    """For one request. What does not fit is found out without the file: a batch of made-up keys is cheap to refuse."""

    def __init__(self, known: set[str], most: int, claim: Callable[[set[bytes]], set[bytes]]) -> None:
        self._known = known
        self._most = most
        self._claim = claim
        self._used: set[bytes] = set()

    def admit(self, keys: set[str]) -> bool:
        if keys <= self._known:
            return True
        unknown = keys - self._known
        hashes = {_hash(key) for key in unknown}
        if not hashes <= self._used:
            if len(self._used | hashes) > self._most:
                return False
            self._used = self._claim(hashes)
        if not hashes <= self._used:
            return False
        self._known |= unknown
        return True


def _hash(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=HASH_BYTES).digest()


def _hashes(content: bytes) -> set[bytes]:
    whole = len(content) - len(content) % HASH_BYTES
    return {content[at : at + HASH_BYTES] for at in range(0, whole, HASH_BYTES)}
