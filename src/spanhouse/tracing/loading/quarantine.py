"""Acknowledged bytes that the store does not take, kept for a person to look at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import Counter

from spanhouse.base.files import write_atomically

log = structlog.get_logger(__name__)

QUARANTINED = Counter("spanhouse_quarantined_batches_total", "Acknowledged batches that the store refused")


@dataclass(frozen=True, slots=True)
class Quarantine:
    """One file of bytes and one of the reason for each."""

    directory: Path

    def put(self, source: str, offset: int, content: bytes, reason: str) -> None:
        """Keep `content` durably under the name of where it came from; doing it again changes nothing."""
        self.directory.mkdir(parents=True, exist_ok=True)
        name = f"{source}-{offset}"
        if (self.directory / f"{name}.json").exists():
            return
        write_atomically(self.directory / f"{name}.bin", content)
        about = {"source": source, "offset": offset, "bytes": len(content), "reason": reason[:2000]}
        write_atomically(self.directory / f"{name}.json", json.dumps(about, indent=1).encode())
        QUARANTINED.inc()
        log.error("batch quarantined", source=source, offset=offset, bytes=len(content), reason=reason[:300])
