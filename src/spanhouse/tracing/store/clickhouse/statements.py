# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""A statement under construction: its parameters, and the one place where a tenant table is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from spanhouse.tracing.plan.plausible import CLOCK_AHEAD_MAX, EARLIEST_PLAUSIBLE
from spanhouse.tracing.plan.scope import Scope, TimeRange

_LATEST: Final = f"received_at + {CLOCK_AHEAD_MAX}"
PLAUSIBLE: Final = f"(start_time >= {EARLIEST_PLAUSIBLE} AND start_time <= {_LATEST})"
"""Of a row of spans: the rule of `plan/plausible.py`."""
_BELIEVED_END: Final = f"start_time + if(start_time + duration > {_LATEST}, 0, duration)"
NO_START: Final = 2**64 - 1

OF_SPANS: Final = (
    f"countIf({PLAUSIBLE}) AS believed, "
    f"if(believed > 0, minIf(start_time, {PLAUSIBLE}), min(start_time)) AS trace_start, "
    f"if(believed > 0, maxIf({_BELIEVED_END}, {PLAUSIBLE}), max(start_time + duration)) AS trace_end"
)
"""Columns trace_start and trace_end of the spans of a trace."""
OF_SUMMARIES: Final = (
    "min(good_start) AS first_good, "
    f"if(first_good = {NO_START}, min(start), first_good) AS trace_start, "
    f"if(first_good = {NO_START}, max(end), max(good_end)) AS trace_end"
)
"""The same, of the rows of trace_summaries."""
FIRST_ROOT: Final = "min(tuple(parent_span_id != toFixedString('', 8), start_time, service, name))"

BUCKET_NS: Final = 300_000_000_000
"""Length of `start_bucket`, by which the spans table is ordered."""

INT64: Final = range(-(2**63), 2**63)
UINT64: Final = range(2**64)

ParameterValue = str | bool | int | float | list[str]

ATTRIBUTE_TYPES: Final = ("string", "int", "float", "bool", "other")
"""Suffixes of the typed maps."""
TypesOf = Callable[[str, str], Iterable[str]]
"""Of a scope and a name: the suffixes of the maps that may have it."""


def every_type(scope: str, name: str) -> Iterable[str]:
    return ATTRIBUTE_TYPES


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with named placeholders, and their values. Nothing a person wrote is in the text."""

    sql: str
    parameters: Mapping[str, ParameterValue]


@dataclass(slots=True)
class Build:
    """Collects the parameters of one statement of one scope."""

    scope: Scope
    parameters: dict[str, ParameterValue] = field(default_factory=dict)
    types: TypesOf = every_type
    """the types of value in which an attribute is looked up"""
    _variables: int = 0

    def __post_init__(self) -> None:
        self.parameters["instance"] = self.scope.instance
        if self.scope.services is not None:
            self.parameters["services"] = sorted(self.scope.services)

    def parameter(self, value: ParameterValue, of_type: str) -> str:
        """A placeholder for `value`; equal values share one."""
        for name, known in self.parameters.items():
            if name.startswith("p") and type(known) is type(value) and repr(known) == repr(value):
                return f"{{{name}:{of_type}}}"
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{of_type}}}"

    def constant(self, value: str | bool | int | float) -> str:
        """A placeholder for a value of the plan, in the engine's type for it."""
        if isinstance(value, bool):
            return self.parameter(value, "Bool")
        if isinstance(value, str):
            return self.parameter(value, "String")
        if isinstance(value, int) and value in INT64:
            return self.parameter(value, "Int64")
        if isinstance(value, int) and value in UINT64:
            return self.parameter(value, "UInt64")
        return self.parameter(float(value), "Float64")

    def variable(self) -> str:
        """A name for a lambda's argument that no other in this statement has."""
        self._variables += 1
        return f"each_{self._variables}"

    def source(self, table: str, *conditions: str, service: str | None = "service", hidden: bool = False) -> str:
        """`table WHERE …`: the only way to name a tenant table, so that none is read without its scope.

        `service` is the column that a scope limited to some services is held against; `hidden` asks for the
        others' rows instead, of which only stubs may be read.
        """
        scoped = ["instance = {instance:String}"]
        if self.scope.services is not None:
            if service is None:
                raise ValueError(f"{table} has no service to limit the scope by")
            scoped.append(f"{service} {'NOT IN' if hidden else 'IN'} {{services:Array(String)}}")
        return f"{table} WHERE {' AND '.join([*scoped, *conditions])}"

    def trace_summaries(self, among: str = "") -> str:
        """SELECT of whole traces: trace_id, trace_start, trace_duration, has_root, root_service, root_name.

        From the rollup; a scope limited to some services sees other traces than the rollup has, so it looks at spans.
        """
        conditions = [among] if among else []
        if self.scope.services is None:
            figures = f"{OF_SUMMARIES}, min(root) AS first_root"
            source = self.source("trace_summaries", *conditions, service=None)
        else:
            figures = f"{OF_SPANS}, {FIRST_ROOT} AS first_root"
            source = self.source("spans", *conditions)
        return (
            f"SELECT trace_id, {figures}, trace_end - trace_start AS trace_duration, "
            f"first_root.1 = 0 AS has_root, first_root.3 AS root_service, first_root.4 AS root_name "
            f"FROM {source} GROUP BY trace_id"
        )

    def started_in(self, time_range: TimeRange) -> str:
        """Spans that start in `time_range`, both ends included; the bucket range makes it use the sorting key."""
        first = self.parameter(time_range.start, "UInt64")
        last = self.parameter(time_range.end, "UInt64")
        return f"{self.buckets(time_range)} AND start_time BETWEEN {first} AND {last}"

    def buckets(self, time_range: TimeRange, column: str = "start_bucket") -> str:
        first, last = (bucket_of(at) for at in (time_range.start, time_range.end))
        return f"{column} BETWEEN {self.parameter(first, 'UInt32')} AND {self.parameter(last, 'UInt32')}"

    def done(self, sql: str) -> Statement:
        return Statement(sql, dict(self.parameters))


def bucket_of(at: int) -> int:
    return at // BUCKET_NS


def whole_buckets(time_range: TimeRange) -> TimeRange:
    """The range from its first bucket that begins within it on; one that ends before that begins there nonetheless."""
    start = -(-time_range.start // BUCKET_NS) * BUCKET_NS
    return TimeRange(min(start, 2**64 - 1), max(time_range.end, min(start, 2**64 - 1)))
