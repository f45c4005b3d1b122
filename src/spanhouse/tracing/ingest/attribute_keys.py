"""Which attribute keys each instance has used today, bounded by its limit.

Each different key costs the store a place in a dictionary of the table; a sender that makes keys up (an id in a key)
would slow everyone's loads.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

import structlog

from spanhouse.tracing.ingest.locked_file import LockedFile, locked

HASH_BYTES = 8
DAY_BYTES = 8

log = structlog.get_logger(__name__)


class AttributeKeys:
    """Of all instances, shared by the ingest processes of a node through a file of hashes for each instance."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._of_instances: dict[str, KeysOfDay] = {}

    def of(self, instance: str, most: int, day: int) -> KeysOfDay:
        """`day` is of UTC, counted from the epoch."""
        found = self._of_instances.get(instance)
        if found is None or (found.most, found.day) != (most, day):
            path = self._directory / f"{quote(instance, safe='')}.keys"
            found = self._of_instances[instance] = KeysOfDay(path, most, day)
        return found


class KeysOfDay:
    """Of one instance. The file is asked only about a key that is new to this process and would fit, and only what
    others added to it is read: new keys are cheap to take in, and made-up ones past the limit cheaper to refuse."""

    def __init__(self, path: Path, most: int, day: int) -> None:
        self.most = most
        self.day = day
        self._path = path
        self._known: set[str] = set()
        self._used: set[bytes] = set()
        self._read_bytes = DAY_BYTES

    def admit(self, keys: set[str]) -> bool:
        if keys <= self._known:
            return True
        unknown = keys - self._known
        hashes = {_hash(key) for key in unknown}
        if not hashes <= self._used and self._fit(hashes):
            self._claim(hashes)
        if not hashes <= self._used:
            return False
        self._known |= unknown
        return True

    def _fit(self, hashes: set[bytes]) -> bool:
        return len(self._used) + len(hashes - self._used) <= self.most

    def _claim(self, hashes: set[bytes]) -> None:
        """Put these among those in use, if they fit with what other processes put there. When the file cannot be had,
        this process counts for itself."""
        try:
            with locked(self._path) as file:
                self._catch_up(file)
                if self._fit(hashes):
                    new = b"".join(hashes - self._used)
                    file.write(new, self._read_bytes)
                    self._read_bytes += len(new)
                    self._used |= hashes
        except OSError as error:
            log.error("attribute keys are not counted with other processes", path=str(self._path), error=str(error))
            self._used |= hashes

    def _catch_up(self, file: LockedFile) -> None:
        heading = self.day.to_bytes(DAY_BYTES, "big")
        if file.read(0, DAY_BYTES) != heading:
            file.replace(heading)
            self._read_bytes = DAY_BYTES
        added = file.read(self._read_bytes)
        whole = len(added) - len(added) % HASH_BYTES
        self._used.update(added[at : at + HASH_BYTES] for at in range(0, whole, HASH_BYTES))
        self._read_bytes += whole


def _hash(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=HASH_BYTES).digest()
