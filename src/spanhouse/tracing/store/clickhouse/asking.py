"""The statements of one question: checked, bounded together, and remembered."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import numpy as np

from spanhouse.base.errors import InvalidQuery, QueryLimitReached
from spanhouse.tracing.plan.predicates import Attribute, Field
from spanhouse.tracing.plan.requests import ReadCost, Sent
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.store.clickhouse import guard
from spanhouse.tracing.store.clickhouse.compile import extent
from spanhouse.tracing.store.clickhouse.engine import Engine, EngineError, EngineLimitReached
from spanhouse.tracing.store.clickhouse.presence import every_type, types_of
from spanhouse.tracing.store.clickhouse.statements import BUCKET_NS, Statement, TypesOf

Rows: TypeAlias = Sequence[Sequence[Any]]
COLUMN_ROWS_MAX: Final = 8_000_000
"""rows that one statement gives as columns"""
LONG_RANGE_NS: Final = 7 * 86_400_000_000_000
LEAST_SECONDS: Final = 0.001

_CANNOT_COMPILE_REGEXP: Final = 427
_HOUR_NS: Final = 3_600_000_000_000


class Asking:
    """One question of one scope. Its statements share the scope's limits; `statements` tells what each one took."""

    def __init__(self, engine: Engine, scope: Scope) -> None:
        self._engine = engine
        self._scope = scope
        self._limits = scope.limits
        self._until = time.monotonic() + scope.limits.seconds
        self.statements: list[Sent] = []
        self._names: set[str] = set()
        self._types: TypesOf = every_type

    @property
    def cost(self) -> ReadCost:
        return ReadCost(sum(sent.rows for sent in self.statements), sum(sent.bytes for sent in self.statements))

    def rows(self, statement: Statement, purpose: str = "") -> Rows:
        """Raises `QueryLimitReached`, which says what to narrow, `InvalidQuery` or `QueryCancelled`."""
        settings = self._settings(statement)
        with self._translated():
            started = time.monotonic_ns()
            answer = self._engine.query(statement.sql, statement.parameters, settings)
        self._remember(statement, purpose, answer.cost, started)
        rows: Rows = answer.rows()
        return rows

    def columns(self, statement: Statement, purpose: str = "") -> Mapping[str, np.ndarray[Any, Any]]:
        """As `rows`, column by column, for many rows."""
        settings = self._settings(statement, result_rows=COLUMN_ROWS_MAX)
        with self._translated():
            started = time.monotonic_ns()
            answer = self._engine.columns(statement.sql, statement.parameters, settings)
        self._remember(statement, purpose, answer.cost, started)
        return answer.columns

    def types_of(self, fields: Iterable[Field]) -> TypesOf:
        """In which types of value these attributes are looked up; each name is asked for once."""
        names = {field.name for field in fields if isinstance(field, Attribute)}
        if not names <= self._names:
            self._names |= names
            every = [Attribute("any", name) for name in sorted(self._names)]
            self._types = types_of(lambda statement: self.rows(statement, "types of attributes"), self._scope, every)
        return self._types

    def check_range(self, time_range: TimeRange) -> None:
        """Refuse a range longer than the scope may ask for."""
        most = self._limits.range_ns
        if most and time_range.end - time_range.start > most:
            raise QueryLimitReached(
                f"the time range is longer than {most / _HOUR_NS:g} h, the most that one query may cover; narrow it",
                retry_after_seconds=0,
            )

    def plausible_part(self, time_range: TimeRange) -> TimeRange:
        """The part of a range that holds all of its spans of plausible time; a short range as it is."""
        if time_range.end - time_range.start < LONG_RANGE_NS:
            return time_range
        ((count, first, last),) = self.rows(extent(self._scope, time_range), "when there are spans")
        if not count:
            return TimeRange(time_range.start, time_range.start)
        start = max(time_range.start, first * BUCKET_NS)
        return TimeRange(start, max(start, min(time_range.end, (last + 1) * BUCKET_NS - 1)))

    def _settings(self, statement: Statement, **bounds: int) -> dict[str, str | int | float]:
        guard.check(statement, self._scope)
        seconds = self._until - time.monotonic()
        rows = self._limits.rows - self.cost.rows if self._limits.rows else 0
        if seconds < LEAST_SECONDS:
            raise self._reached(159)
        if self._limits.rows and rows <= 0:
            raise self._reached(158)
        return guard.settings(self._limits, seconds=seconds, rows=rows, **bounds)

    def _remember(self, statement: Statement, purpose: str, cost: ReadCost, started: int) -> None:
        took = time.monotonic_ns() - started
        self.statements.append(Sent(purpose, statement.sql, dict(statement.parameters), cost.rows, cost.bytes, took))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except EngineLimitReached as error:
            raise self._reached(error.code) from error
        except EngineError as error:
            if error.code == _CANNOT_COMPILE_REGEXP:
                raise InvalidQuery("a regular expression of the query is not in RE2's syntax") from error
            raise

    def _reached(self, code: int) -> QueryLimitReached:
        most = self._limits
        what = {
            158: f"the query would read more than {most.rows:,} rows",
            241: f"the query needs more than {most.memory_bytes / 2**20:,.0f} MiB of memory",
            307: "the query would read too many bytes",
            396: "the query looks at more spans at once than an answer can hold",
        }.get(code, f"the query took longer than {most.seconds} s")
        return QueryLimitReached(f"{what}; narrow the time range or add a condition", retry_after_seconds=0)
