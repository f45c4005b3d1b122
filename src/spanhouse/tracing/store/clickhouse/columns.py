# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Whole traces as columns: what the evaluation (store/evaluation) asks of each span, in one statement.

Spans of services that the scope does not include come without anything but their place in the tree: they satisfy no
condition and have no value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spanhouse.tracing.plan.predicates import Attribute, Expression, Predicate
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.walk import fields_of
from spanhouse.tracing.spans.model import AttributeValue
from spanhouse.tracing.store.clickhouse.asking import Asking
from spanhouse.tracing.store.clickhouse.compile import Condition
from spanhouse.tracing.store.clickhouse.conditions import Conditions
from spanhouse.tracing.store.clickhouse.expressions import Expressions, value_of_key
from spanhouse.tracing.store.clickhouse.relating import NUMBER, every_value
from spanhouse.tracing.store.clickhouse.sources import needs_of, span_rows
from spanhouse.tracing.store.clickhouse.statements import PLAUSIBLE, Build, Statement, TypesOf, every_type
from spanhouse.tracing.store.evaluation.columns import Asked, Figure, Keys, Lists
from spanhouse.tracing.store.evaluation.forest import Flags, Forest, Numbers
from spanhouse.tracing.store.metrics.labels import shown

PLACE_COLUMNS: Final = (
    "reinterpretAsUInt64(reverse(substring(trace_id, 1, 8))) AS place_trace_high, "
    "reinterpretAsUInt64(reverse(substring(trace_id, 9, 8))) AS place_trace_low, "
    "reinterpretAsUInt64(reverse(span_id)) AS place_span, "
    "reinterpretAsUInt64(reverse(parent_span_id)) AS place_parent, "
    "start_time AS place_start"
)
"""Where a span stands: what a reader may know even of a service that is hidden from it."""
PLACES: Final = ("place_trace_high", "place_trace_low", "place_span", "place_parent", "place_start")
PLAUSIBLE_COLUMN: Final = "place_plausible"
CANDIDATE_COLUMN: Final = "place_candidate"


@dataclass(frozen=True, slots=True)
class WholeTraces:
    """Columns of every span of some traces, sorted by trace, start and id. Answers what the evaluation asks."""

    ids: Sequence[bytes]
    """of each trace"""
    forest: Forest
    span: NDArray[np.uint64]
    start: NDArray[np.uint64]
    plausible: Flags
    """whether the start is believed"""
    candidate: Flags
    """what made their traces candidates; none where that was not asked"""
    _columns: Mapping[str, NDArray[Any]]
    _asked: Asked

    def flags(self, predicate: Predicate) -> Flags:
        return self._columns[f"flag_{_place(self._asked.predicates, predicate)}"].astype(bool)

    def number(self, expression: Expression) -> Figure:
        number = _place(self._asked.numbers, expression)
        return self._columns[f"has_{number}"].astype(bool), self._columns[f"number_{number}"].astype(np.float64)

    def keys(self, expression: Expression) -> Keys:
        number = _place(self._asked.groups, expression)
        return _numbered(self._columns[f"kind_{number}"], self._columns[f"text_{number}"])

    def lists(self, field: Attribute) -> Lists:
        texts = self._columns[f"listed_{_place(self._asked.listed, field)}"].tolist()
        numbers: dict[str, int] = {}
        which = np.fromiter((numbers.setdefault(text, len(numbers)) for text in texts), np.int64, len(texts))
        return which, [_numbers(text) if text else [] for text in numbers]


Candidate: TypeAlias = tuple[Condition, TimeRange]
"""A condition on spans that start in a part of time."""


def _numbers(text: str) -> list[list[float]]:
    """Of `relating.every_value` the numbers of each value; those that JSON has no number for come as text."""
    return [[float(element[2]) for element in value if element[0] == NUMBER] for value in json.loads(text)]


def fetch(
    asking: Asking, scope: Scope, asked: Asked, traces: Condition, candidate: Candidate | None = None
) -> WholeTraces:
    """All spans of the traces that `traces` names, with what was asked of them."""
    types = asking.types_of(field for part in _parts(asked) for field in fields_of(part))
    found = asking.columns(statement(scope, asked, traces, candidate, types), "columns of whole traces")
    columns = {name: found.get(name, np.zeros(0, np.uint64)) for name in _names(asked)}
    hidden: Mapping[str, NDArray[Any]] = {}
    if scope.services is not None:
        hidden = asking.columns(places(scope, traces), "places of hidden spans")
    return _sorted(_with(columns, hidden), asked)


def _parts(asked: Asked) -> Sequence[Predicate | Expression]:
    return [*asked.predicates, *asked.numbers, *asked.groups, *asked.listed]


def statement(
    scope: Scope, asked: Asked, traces: Condition, candidate: Candidate | None, types: TypesOf = every_type
) -> Statement:
    build = Build(scope, types=types)
    conditions, values = Conditions(build), Expressions(build)
    columns = [PLACE_COLUMNS, f"{PLAUSIBLE} AS {PLAUSIBLE_COLUMN}"]
    columns.append(f"{'0' if candidate is None else _is_candidate(build, *candidate)} AS {CANDIDATE_COLUMN}")
    columns += [f"{conditions.sql(predicate)} AS flag_{nth}" for nth, predicate in enumerate(asked.predicates)]
    for nth, expression in enumerate(asked.numbers):
        has, number = values.number(expression)
        columns += [f"{has} AS has_{nth}", f"{number} AS number_{nth}"]
    for nth, expression in enumerate(asked.groups):
        kind, text = values.key(expression)
        columns += [f"{kind} AS kind_{nth}", f"{text} AS text_{nth}"]
    columns += [
        f"{every_value(build, values, field)} AS listed_{nth}"
        for nth, field in enumerate(asked.listed)
        if isinstance(field, Attribute)
    ]
    needs = needs_of(*_parts(asked))
    return build.done(f"SELECT {', '.join(columns)} FROM {span_rows(build, needs, traces(build))}")


def _names(asked: Asked) -> Iterator[str]:
    """Of the statement's columns."""
    yield from PLACES
    yield from (PLAUSIBLE_COLUMN, CANDIDATE_COLUMN)
    yield from (f"flag_{nth}" for nth in range(len(asked.predicates)))
    yield from (f"{part}_{nth}" for nth in range(len(asked.numbers)) for part in ("has", "number"))
    yield from (f"{part}_{nth}" for nth in range(len(asked.groups)) for part in ("kind", "text"))
    yield from (f"listed_{nth}" for nth in range(len(asked.listed)))


def _is_candidate(build: Build, condition: Condition, part: TimeRange) -> str:
    first, last = (build.parameter(at, "UInt64") for at in (part.start, part.end))
    return f"({condition(build)} AND start_time BETWEEN {first} AND {last})"


def places(scope: Scope, traces: Condition) -> Statement:
    """The places of spans whose services `scope` does not include."""
    build = Build(scope)
    return build.done(f"SELECT {PLACE_COLUMNS} FROM {build.source('spans', traces(build), hidden=True)}")


def _with(columns: Mapping[str, NDArray[Any]], hidden: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    if not hidden:
        return dict(columns)
    size = len(hidden["place_span"])
    blank = {name: hidden.get(name, np.zeros(size, column.dtype)) for name, column in columns.items()}
    return {name: np.concatenate([column, blank[name]]) for name, column in columns.items()}


def _sorted(columns: Mapping[str, NDArray[Any]], asked: Asked) -> WholeTraces:
    high, low = columns["place_trace_high"], columns["place_trace_low"]
    order = np.lexsort((columns["place_span"], columns["place_start"], low, high))
    sorted_columns = {name: column[order] for name, column in columns.items()}
    high, low = high[order], low[order]
    first = np.append(True, (high[1:] != high[:-1]) | (low[1:] != low[:-1]))[: len(high)]
    trace: Numbers = np.cumsum(first) - 1
    halves = zip(high[first].tolist(), low[first].tolist(), strict=True)
    return WholeTraces(
        [(one << 64 | other).to_bytes(16) for one, other in halves],
        Forest(trace, sorted_columns["place_span"], sorted_columns["place_parent"]),
        sorted_columns["place_span"],
        sorted_columns["place_start"],
        sorted_columns[PLAUSIBLE_COLUMN].astype(bool),
        sorted_columns[CANDIDATE_COLUMN].astype(bool),
        sorted_columns,
        asked,
    )


def _place(asked: Sequence[Predicate] | Sequence[Expression], part: Predicate | Expression) -> int:
    return [repr(each) for each in asked].index(repr(part))


def _numbered(kinds: NDArray[Any], texts: NDArray[Any]) -> Keys:
    """Each pair of kind and text as a number, and what it stands for, as an answer shows it."""
    numbers: dict[tuple[str, str], int] = {}
    pairs = zip(kinds.tolist(), texts.tolist(), strict=True)
    which = np.fromiter((numbers.setdefault(pair, len(numbers)) for pair in pairs), np.int64, len(kinds))
    values: list[AttributeValue] = [shown(kind, value_of_key(kind, text)) for kind, text in numbers]
    return which, values


__all__ = ["WholeTraces", "fetch"]
