"""The engine and its driver: the only module that imports it. Embedded (`chdb:///dir`) or a server (`clickhouse://…`)."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect
import numpy as np
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from spanhouse.base.errors import ConfigurationError, QueryCancelled, QueryLimitReached, SpanhouseError
from spanhouse.tracing.plan.requests import ReadCost
from spanhouse.tracing.store import cancel

DATABASE = "spanhouse"

Settings = Mapping[str, Any]

_GLOB_CHARACTERS = frozenset("*?{}[]")

_LIMIT_CODES = {
    158: "too many rows to read",  # TOO_MANY_ROWS
    159: "the query took too long",  # TIMEOUT_EXCEEDED
    160: "the query would take too long",  # TOO_SLOW
    241: "the query needs too much memory",  # MEMORY_LIMIT_EXCEEDED
    307: "too many bytes to read",  # TOO_MANY_BYTES
    396: "the answer has too many rows",  # TOO_MANY_ROWS_OR_BYTES
}

_CANCELLED_CODE = 394  # QUERY_WAS_CANCELLED


class EngineLimitReached(QueryLimitReached):
    """`code` is ClickHouse's number."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, retry_after_seconds=0)
        self.code = code


class EngineError(SpanhouseError):
    """The engine refused or failed. `code` is ClickHouse's number, 0 if it gave none."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a SELECT: text as str, maps as dict, arrays as list, tuples as tuple."""

    _rows: Sequence[Sequence[Any]]
    column_names: tuple[str, ...]
    cost: ReadCost

    def rows(self) -> Sequence[Sequence[Any]]:
        return self._rows


@dataclass(frozen=True, slots=True)
class ColumnAnswer:
    """Columns of a SELECT by name; none at all where there are no rows."""

    columns: Mapping[str, np.ndarray[Any, Any]]
    cost: ReadCost


class Engine:
    """A pool of connections. Every method blocks and may be called from any thread."""

    def __init__(self, dsn: str, connections: int) -> None:
        self._dsn = dsn
        self._clients: queue.LifoQueue[Any] = queue.LifoQueue()
        self._all: list[Any] = []
        self._control = self._connect(dsn)
        """for killing, which must not wait until a statement ends"""
        self._controlling = threading.Lock()
        for _ in range(connections):
            client = self._connect(dsn)
            self._all.append(client)
            self._clients.put(client)

    @classmethod
    def open(cls, dsn: str, *, connections: int = 6) -> Engine:
        """Connect and create the database. `ConfigurationError` when the store cannot be opened.

        One process opens an embedded store; a second one finds it locked.
        """
        if dsn.startswith("chdb://"):
            Path(dsn.removeprefix("chdb://")).mkdir(parents=True, exist_ok=True)
        try:
            engine = cls(dsn, connections)
            engine.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        except (ClickHouseError, EngineError, OSError) as error:
            raise ConfigurationError(f"the store at {dsn} cannot be opened: {error}") from error
        for client in engine._all:
            client.database = DATABASE
        return engine

    @property
    def embedded(self) -> bool:
        return self._dsn.startswith("chdb://")

    def query(self, sql: str, parameters: Mapping[str, Any], settings: Settings) -> Answer:
        """Run a SELECT with `{name:Type}` placeholders. `QueryLimitReached`, `QueryCancelled` or `EngineError`."""
        with self._client() as client, self._cancellable(sql) as text:
            result = client.query(text, parameters=dict(parameters), settings=dict(settings))
        return Answer(result.result_rows, tuple(result.column_names), _cost(result))

    def columns(self, sql: str, parameters: Mapping[str, Any], settings: Settings) -> ColumnAnswer:
        """As `query`, for many rows of numbers, which come as arrays; texts come as arrays of str."""
        with self._client() as client, self._cancellable(sql) as text:
            context = client.create_query_context(
                query=text, parameters=dict(parameters), settings=dict(settings), use_numpy=True
            )
            result = client.query(context=context)
            table = result.np_result
        return ColumnAnswer(_arrays(table, tuple(result.column_names)), _cost(result))

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Settings | None = None) -> None:
        """Run a statement that returns nothing we read. Only for what we wrote ourselves."""
        with self._client() as client:
            client.command(sql, parameters=dict(parameters or {}), settings=dict(settings or {}))

    def insert_file(self, table: str, file: Path, fmt: str, settings: Settings) -> None:
        """Insert a file encoded in `fmt` as it is."""
        if self.embedded and not _GLOB_CHARACTERS & set(str(file)):
            # The engine reads the file where it is; the driver would first copy it to the system's temporary directory.
            source = f"FROM INFILE {quote(str(file))} COMPRESSION 'none'"
            self.command(f"INSERT INTO {table} {source} FORMAT {fmt}", settings=settings)
            return
        with file.open("rb") as rows, self._client() as client:
            client.raw_insert(table, insert_block=rows, fmt=fmt, settings=dict(settings))

    @contextmanager
    def _cancellable(self, sql: str) -> Iterator[str]:
        """The statement's text, marked so that it can be found and ended while it runs."""
        cancellation = cancel.current()
        if cancellation is None:
            yield sql
            return
        mark = f"spanhouse-{uuid.uuid4().hex}"
        with cancellation.running(lambda: self._kill(mark)):
            yield f"{sql} /* {mark} */"

    def _kill(self, mark: str) -> None:
        found = f"position(query, '{mark}') > 0 AND NOT startsWith(query, 'KILL')"
        with self._controlling:
            self._control.command(f"KILL QUERY WHERE {found} ASYNC")

    def close(self) -> None:
        for client in (self._control, *self._all):
            client.close()

    @staticmethod
    def _connect(dsn: str) -> Any:
        if dsn.startswith("chdb://"):
            return clickhouse_connect.get_client(interface="chdb", path=dsn.removeprefix("chdb://"))
        return clickhouse_connect.get_client(dsn=dsn, autogenerate_session_id=False)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        client = self._clients.get()
        try:
            yield client
        except DatabaseError as error:
            raise _translate(error) from error
        except ClickHouseError as error:
            raise EngineError(str(error)) from error
        finally:
            self._clients.put(client)


def quote(text: str) -> str:
    """`text` as a literal of the engine's SQL, for the few statements that take no parameters."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _cost(result: Any) -> ReadCost:
    summary = result.summary or {}
    return ReadCost(int(summary.get("read_rows", 0)), int(summary.get("read_bytes", 0)))


def _arrays(table: Any, names: tuple[str, ...]) -> dict[str, np.ndarray[Any, Any]]:
    """The driver gives records, a plain matrix where all columns are of one type, or nothing of no rows."""
    if not len(table):
        return {}
    if table.dtype.names is None:
        return {name: np.ascontiguousarray(table[:, number]) for number, name in enumerate(names)}
    return {name: np.ascontiguousarray(table[field]) for name, field in zip(names, table.dtype.names, strict=True)}


def _translate(error: DatabaseError) -> SpanhouseError:
    code = int(getattr(error, "code", 0) or 0)
    if code == _CANCELLED_CODE:
        return QueryCancelled("the query was cancelled")
    if code in _LIMIT_CODES:
        return EngineLimitReached(f"{_LIMIT_CODES[code]}; narrow the time range or add a condition", code)
    return EngineError(str(error), code)
