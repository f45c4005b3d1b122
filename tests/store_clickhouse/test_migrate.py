"""Migrations, on a database of their own beside the shared one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from spanhouse.base.clock import FixedClock
from spanhouse.base.errors import ConfigurationError
from spanhouse.tracing.store.clickhouse import migrate as module
from spanhouse.tracing.store.clickhouse.engine import Answer, Engine
from spanhouse.tracing.store.clickhouse.migrate import Migration, migrate, migrations
from tests.kit.spans import BASE
from tests.kit.store import Store

CLOCK = FixedClock(BASE)
TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"


class Crash(BaseException):
    pass


class CrashingEngine:
    """Ends the process, so to speak, before the statement of that number."""

    def __init__(self, engine: Engine, statement: int) -> None:
        self._engine = engine
        self._left = statement

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Any = None) -> None:
        if self._left == 0:
            raise Crash
        self._left -= 1
        self._engine.command(sql, parameters, settings)

    def query(self, sql: str, parameters: Mapping[str, Any], settings: Any) -> Answer:
        return self._engine.query(sql, parameters, settings)


@pytest.fixture
def engine(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """On an empty database."""
    store.engine.command("CREATE DATABASE migrating")
    with monkeypatch.context() as patch:
        patch.setattr("spanhouse.tracing.store.clickhouse.engine.DATABASE", "migrating")
        own = Engine.open(f"chdb://{store.directory / 'store'}", connections=1)
    yield own
    own.close()
    store.engine.command("DROP DATABASE migrating SYNC")


def tables(engine: Engine) -> list[str]:
    return [str(row[0]) for row in engine.query(TABLES, {}, {}).rows()]


def test_an_empty_store_gets_all_and_a_second_time_nothing(engine: Engine) -> None:
    assert migrate(engine, CLOCK) == len(migrations())
    assert migrate(engine, CLOCK) == 0

    assert {"spans", "usage_hours", "schema_migrations"} <= set(tables(engine))


@pytest.mark.parametrize("statement", [1, 3, 9, 11, 14, 20])
def test_a_crash_in_the_middle_is_made_good_at_the_next_start(engine: Engine, statement: int) -> None:
    with pytest.raises(Crash):
        migrate(CrashingEngine(engine, statement), CLOCK)  # type: ignore[arg-type]

    migrate(engine, CLOCK)

    assert set(tables(engine)) >= {"spans", "arrivals_to_spans", "trace_summaries", "red_minutes", "edges"}
    versions = engine.query("SELECT version FROM schema_migrations ORDER BY version", {}, {}).rows()
    assert [int(row[0]) for row in versions] == [migration.version for migration in migrations()]


def test_a_newer_store_is_refused_and_left_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(engine, CLOCK)
    before = tables(engine)
    known = migrations()[:-1]
    monkeypatch.setattr(module, "migrations", lambda: known)

    with pytest.raises(ConfigurationError, match="newer Spanhouse"):
        migrate(engine, CLOCK)

    assert tables(engine) == before


def test_a_migration_that_was_changed_since_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(engine, CLOCK)
    changed = [*migrations()[:-1], Migration(migrations()[-1].version, "edges", "CREATE TABLE other (a UInt8)")]
    monkeypatch.setattr(module, "migrations", lambda: changed)

    with pytest.raises(ConfigurationError, match="differs"):
        migrate(engine, CLOCK)

    assert "other" not in tables(engine)
