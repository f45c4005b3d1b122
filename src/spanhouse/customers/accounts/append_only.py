"""Rows that are written once: no change, no deletion, neither by this program nor by another on the same database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never, TypeVar

from django.db import models

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

M = TypeVar("M", bound=models.Model)


class AppendOnlyError(RuntimeError):
    """Somebody tried to change what was recorded: a bug, never a caller's mistake."""


class AppendOnlyQuerySet(models.QuerySet[M]):
    def update(self, **changes: Any) -> Never:
        raise AppendOnlyError(f"{self.model.__name__} rows are never changed")

    def delete(self) -> Never:
        raise AppendOnlyError(f"{self.model.__name__} rows are never deleted")

    def bulk_update(self, *rows: Any, **options: Any) -> Never:
        raise AppendOnlyError(f"{self.model.__name__} rows are never changed")


class AppendOnly(models.Model):
    """Base of the tables that `guard_table` guards."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError(f"{type(self).__name__} rows are never changed")
        super().save(*args, **{**options, "force_insert": True})

    def delete(self, *args: Any, **options: Any) -> Never:
        raise AppendOnlyError(f"{type(self).__name__} rows are never deleted")


def guard_table(schema_editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Triggers that refuse to change or delete rows of `table`.

    On SQLite a later migration that alters the table makes it anew without its triggers: it has to guard it again.
    """
    for statement in guard_statements(schema_editor.connection.vendor, table):
        schema_editor.execute(statement, params=None)


def guard_statements(vendor: str, table: str) -> list[str]:
    if vendor == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for event in ("UPDATE", "DELETE")
        ]
    function = (
        "CREATE OR REPLACE FUNCTION spanhouse_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    rows = f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION spanhouse_append_only()"
    whole = f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION spanhouse_append_only()"
    return [function, f"CREATE TRIGGER {table}_kept {rows}", f"CREATE TRIGGER {table}_kept_whole {whole}"]
