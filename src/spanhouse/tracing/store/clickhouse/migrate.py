"""Brings the store's tables to the form this version needs. Files in `schema/` are applied once each, in order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

import structlog

from spanhouse.base.clock import Clock
from spanhouse.base.errors import ConfigurationError
from spanhouse.tracing.store.clickhouse.engine import Engine

log = structlog.get_logger(__name__)

_SCHEMA = resources.files("spanhouse.tracing.store.clickhouse") / "schema"
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32, name String, digest String, applied_at UInt64)
ENGINE = MergeTree ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def statements(self) -> Iterator[str]:
        """Statements end with a semicolon at the end of a line."""
        for statement in self.sql.split(";\n"):
            lines = [line for line in statement.splitlines() if not line.startswith("--")]
            if text := "\n".join(lines).strip():
                yield text


def migrations() -> Sequence[Migration]:
    """All that this version knows, in order."""
    found = []
    for entry in _SCHEMA.iterdir():
        if entry.name.endswith(".sql"):
            number, _, name = entry.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, entry.read_text()))
    return sorted(found, key=lambda migration: migration.version)


def migrate(engine: Engine, clock: Clock) -> int:
    """Apply what is missing; returns how many. `ConfigurationError` when the store is newer than this program, or
    was made by a migration that has since been changed: then nothing is touched."""
    engine.command(_TABLE)
    rows = engine.query("SELECT version, digest FROM schema_migrations", {}, {}).rows()
    applied = {int(version): str(digest) for version, digest in rows}
    known = migrations()
    _check(applied, known)
    missing = [migration for migration in known if migration.version not in applied]
    for migration in missing:
        _apply(engine, clock, migration)
    return len(missing)


def _check(applied: dict[int, str], known: Sequence[Migration]) -> None:
    newest = known[-1].version
    if applied and max(applied) > newest:
        raise ConfigurationError(
            f"the store has schema version {max(applied)}, this program knows {newest}: use a newer Spanhouse"
        )
    for migration in known:
        if applied.get(migration.version, migration.digest) != migration.digest:
            raise ConfigurationError(f"schema migration {migration.version} differs from the one that made this store")


def _apply(engine: Engine, clock: Clock, migration: Migration) -> None:
    log.info("applying schema migration", version=migration.version, name=migration.name)
    for statement in migration.statements():
        engine.command(_repeatable(statement))
    engine.command(
        "INSERT INTO schema_migrations VALUES ({version:UInt32}, {name:String}, {digest:String}, {applied_at:UInt64})",
        {
            "version": migration.version,
            "name": migration.name,
            "digest": migration.digest,
            "applied_at": clock.now_ns(),
        },
    )


def _repeatable(statement: str) -> str:
    """A crash in the middle of a migration leaves it unrecorded: making what is there already must do no harm."""
    for kind in ("CREATE TABLE ", "CREATE MATERIALIZED VIEW ", "CREATE VIEW "):
        if statement.startswith(kind):
            return statement.replace(kind, f"{kind}IF NOT EXISTS ", 1)
    return statement
