"""Takes up what intake wrote of the last use of keys."""

from __future__ import annotations

from pathlib import Path

import structlog

from spanhouse.base.clock import to_datetime
from spanhouse.contracts.use import USE_FILES, KeyUses
from spanhouse.customers.instances import services

_log = structlog.get_logger(__name__)


def take_up(directory: Path, *, now_ns: int) -> None:
    """Note the uses in the files in `directory`. One that cannot be read is logged and left to its writer to mend."""
    last_ns: dict[str, int] = {}
    for path in sorted(directory.glob(USE_FILES)):
        for key_id, moment_ns in _read(path).last_ns.items():
            last_ns[key_id] = max(moment_ns, last_ns.get(key_id, 0))
    # A clock that was set back must not leave a key used in the future.
    services.note_uses({key_id: to_datetime(min(moment_ns, now_ns)) for key_id, moment_ns in last_ns.items()})


def _read(path: Path) -> KeyUses:
    try:
        return KeyUses.from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        _log.warning("last uses of keys cannot be read", path=str(path), error=str(error))
        return KeyUses()
