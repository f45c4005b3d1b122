"""The `Writer` on ClickHouse: a segment goes in as it is, through the engine's own Protobuf reader.

One load fills several tables, one after the other, and a crash in between leaves some of them filled. The engine's own
deduplication cannot be trusted then: its log is written before the part is there and is never synced, so that a killed
process may find a token without its part (spans lost), and a power cut a part without its token (spans doubled). What
is synced are the parts, and each insert gives its part a block number higher than any before: so the numbers from
before a load tell afterwards which tables it has reached.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any, Final

import structlog

from spanhouse.base.clock import NANOS_PER_DAY
from spanhouse.tracing.store.clickhouse.engine import Engine, EngineError
from spanhouse.tracing.store.protocols import Refusal

log = structlog.get_logger(__name__)

_ENVELOPE = resources.files("spanhouse.tracing.store.clickhouse") / "schema" / "envelope.proto"

_VIEWS: Final = {
    "usage_hours": "batches_to_usage_hours",
    "spans": "arrivals_to_spans",
    "trace_summaries": "arrivals_to_trace_summaries",
    "red_minutes": "arrivals_to_red_minutes",
}
"""Every table that a load must fill once, and what fills it. Not the names of attributes: a set of them added twice is
the same set."""

_BLOCKS: Final = """
SELECT table, max(max_block_number) FROM system.parts
WHERE database = currentDatabase() AND has({tables:Array(String)}, table) AND partition_id IN ('all', {day:String})
GROUP BY table
"""

_REFUSAL_CODES: Final = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        69,  # ARGUMENT_OUT_OF_BOUND
        117,  # INCORRECT_DATA
        131,  # TOO_LARGE_STRING_SIZE
        436,  # PROTOBUF_BAD_CAST
        444,  # UNKNOWN_PROTOBUF_FORMAT
        437,  # PROTOBUF_FIELD_NOT_REPEATED
    }
)

# One block in, one block out: a segment that is read whole before the first row is written is refused whole, each table
# gets one part of it, and a server knows a repeated load by blocks cut the same way every time.
_DETERMINISTIC: Final[dict[str, Any]] = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "input_format_parallel_parsing": 0,
    "max_insert_block_size": 16_777_216,
    "max_block_size": 16_777_216,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
    "async_insert": 0,
    "parallel_view_processing": 0,
    "materialized_views_ignore_errors": 0,
}

_DEDUPLICATED: Final[dict[str, Any]] = {
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}
_NOT_DEDUPLICATED: Final[dict[str, Any]] = dict.fromkeys(_DEDUPLICATED, 0)

# An INSERT syncs nothing by default; the segment is removed after it.
_DURABLE: Final[dict[str, Any]] = {"fsync_metadata": 1}


class ClickHouseWriter:
    """Loads segments through `engine`. On the embedded engine nothing else may insert into the tables of `_VIEWS`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._settings = {**_DETERMINISTIC, **_DURABLE, **_schema(engine), "format_schema_message_name": "Envelope"}

    def position(self, received_at: int) -> str:
        """See `store.protocols.Writer`. Empty on a server, whose tokens are kept as safely as its parts."""
        if not self._engine.embedded:
            return ""
        day = received_at // NANOS_PER_DAY
        return json.dumps({"day": day, "blocks": self._blocks(day)})

    def load(self, segment: Path, token: str) -> None:
        """See `store.protocols.Writer`."""
        if self._engine.embedded:
            self._insert(segment, _NOT_DEDUPLICATED)
        else:
            self._insert(segment, {**_DEDUPLICATED, "insert_deduplication_token": token})

    def resume(self, segment: Path, token: str, position: str) -> None:
        """See `store.protocols.Writer`."""
        if not position:
            self.load(segment, token)
            return
        before = json.loads(position)
        now = self._blocks(before["day"])
        filled = [table for table in _VIEWS if now.get(table, 0) > before["blocks"].get(table, 0)]
        log.warning("taking up a load that was cut short", token=token, filled=filled)
        detached = []
        try:
            for table in filled:
                self._engine.command(f"DETACH TABLE {_VIEWS[table]}")  # comes back by itself if we end here
                detached.append(_VIEWS[table])
            self._insert(segment, _NOT_DEDUPLICATED)
        finally:
            for view in detached:
                self._engine.command(f"ATTACH TABLE {view}")

    def _blocks(self, day: int) -> dict[str, int]:
        rows = self._engine.query(_BLOCKS, {"tables": list(_VIEWS), "day": str(day)}, {}).rows()
        return {str(table): int(block) for table, block in rows}

    def _insert(self, segment: Path, settings: dict[str, Any]) -> None:
        try:
            self._engine.insert_file("batches", segment, "Protobuf", {**self._settings, **settings})
        except EngineError as error:
            if error.code in _REFUSAL_CODES:
                raise Refusal(str(error)) from error
            raise


def _schema(engine: Engine) -> dict[str, str]:
    """The embedded engine reads the schema from its file: sent as text it would leave a copy in whatever directory the
    process was started from."""
    if engine.embedded and isinstance(_ENVELOPE, Path):
        return {"format_schema_source": "file", "format_schema": str(_ENVELOPE)}
    return {"format_schema_source": "string", "format_schema": _ENVELOPE.read_text()}
