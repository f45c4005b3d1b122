# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Rows of spans together with what is not in them: figures of their trace, and the row of their parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from spanhouse.tracing.plan.predicates import And, Attribute, Compare, Exists, Expression, Matches, Not, Or, Predicate
from spanhouse.tracing.plan.walk import fields_of, is_of_tree
from spanhouse.tracing.store.clickhouse.expressions import PARENT_FOUND, PARENT_PREFIX, PREFIXES, TYPES
from spanhouse.tracing.store.clickhouse.intrinsics import TRACE_LEVEL
from spanhouse.tracing.store.clickhouse.statements import Build


@dataclass(frozen=True, slots=True)
class Needs:
    """What a span's own row does not tell."""

    trace: bool = False
    """its trace's duration and root"""
    parent: bool = False
    """its parent's attributes"""
    tree: bool = False
    """its place in the tree: only the evaluation on whole traces knows it"""


NOTHING: Final = Needs()
_PARENT_KEY: Final = (
    "if(parent_span_id = span_id AND start_time = min(start_time) OVER (PARTITION BY trace_id, span_id), "
    "toFixedString('', 8), parent_span_id) AS parent_key"
)
"""The parent's id; none of a span that would be its own parent."""


def needs_of(*parts: Predicate | Expression) -> Needs:
    """Of a condition on a trace's duration or root alone nothing is joined: `Conditions` looks the traces up."""
    joining = [leaf for part in parts for leaf in _leaves(part) if not isinstance(leaf, Compare | Exists | Matches)]
    return Needs(
        trace=any(field in TRACE_LEVEL for leaf in joining for field in fields_of(leaf)),
        parent=any(isinstance(field, Attribute) and field.of_parent for part in parts for field in fields_of(part)),
        tree=any(is_of_tree(part) for part in parts),
    )


def _leaves(part: Predicate | Expression) -> Iterator[Predicate | Expression]:
    match part:
        case And(parts) | Or(parts):
            for each in parts:
                yield from _leaves(each)
        case Not(of):
            yield from _leaves(of)
        case _:
            yield part


def span_rows(build: Build, needs: Needs, *conditions: str) -> str:
    """What follows FROM: the spans of the scope that meet the conditions, which are about their own rows only.

    Joined are the columns that `needs` asks for. Conditions on those belong after it: `FROM (…) WHERE …`.
    """
    source = build.source("spans", *conditions)
    if not (needs.trace or needs.parent):
        return source
    traces = f"trace_id IN (SELECT trace_id FROM {source})"
    joined = f"(SELECT *, duration, end_time{', ' + _PARENT_KEY if needs.parent else ''} FROM {source}) AS own"
    if needs.trace:
        joined += f" ANY LEFT JOIN ({build.trace_summaries(traces)}) AS whole USING (trace_id)"
    if needs.parent:
        joined += f" ANY LEFT JOIN ({_parents(build, traces)}) AS parents USING (trace_id, parent_key)"
    return joined


def _parents(build: Build, traces: str) -> str:
    """Of spans with the same id the first is the parent."""
    source = build.source("spans", traces)
    columns = ", ".join(f"{column} AS {PARENT_PREFIX}{column}" for column in parent_columns())
    return (
        f"SELECT trace_id, span_id AS parent_key, 1 AS {PARENT_FOUND}, {columns} FROM {source} "
        "ORDER BY start_time, name LIMIT 1 BY trace_id, span_id"
    )


def parent_columns() -> Iterable[str]:
    yield "service"
    for prefix in PREFIXES.values():
        yield from (f"{prefix}_{suffix}" for suffix in TYPES)
