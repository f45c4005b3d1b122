"""The `Writer` on ClickHouse: a segment goes in as it is, through the engine's own Protobuf reader."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Final

from spanhouse.tracing.store.clickhouse.engine import Engine, EngineError
from spanhouse.tracing.store.protocols import Refusal

_ENVELOPE = (resources.files("spanhouse.tracing.store.clickhouse") / "schema" / "envelope.proto").read_text()

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

# One block in, one block out: blocks cut the same way every time are what makes a repeated load store nothing twice,
# and a segment that is read whole before the first row is written is refused whole.
_DETERMINISTIC: Final[dict[str, Any]] = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "input_format_parallel_parsing": 0,
    "max_insert_block_size": 16_777_216,
    "max_block_size": 16_777_216,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "async_insert": 0,
    "parallel_view_processing": 0,
    "materialized_views_ignore_errors": 0,
}

# An INSERT syncs nothing by default; the segment is removed after it.
_DURABLE: Final[dict[str, Any]] = {"fsync_metadata": 1}


class ClickHouseWriter:
    """Loads segments through `engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._settings = {
            **_DETERMINISTIC,
            **_DURABLE,
            "format_schema_source": "string",
            "format_schema": _ENVELOPE,
            "format_schema_message_name": "Envelope",
        }

    def load(self, segment: Path, token: str) -> None:
        """See `store.protocols.Writer`."""
        try:
            with segment.open("rb") as rows:
                self._engine.insert(
                    "batches", rows, "Protobuf", {**self._settings, "insert_deduplication_token": token}
                )
        except EngineError as error:
            if error.code in _REFUSAL_CODES:
                raise Refusal(str(error)) from error
            raise
