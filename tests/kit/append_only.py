"""The triggers of append-only tables, for tests that have to get around them."""

from __future__ import annotations

from django.db import connection


def allow_emptying() -> None:
    """Drop what refuses DELETE, so that tables can be emptied between tests. What refuses UPDATE stays."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_no_delete'")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {name}")


def allow_changes(table: str) -> None:
    """Drop what refuses UPDATE too: what somebody with the database's own tools could do."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {table}_no_update")
