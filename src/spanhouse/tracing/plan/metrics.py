"""Numbers over time from spans, and what comes back. Times in ns; a span counts at its start."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

from spanhouse.tracing.plan.predicates import Expression, Field, Predicate
from spanhouse.tracing.plan.requests import ReadCost, Sent
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.spansets import NumberOperator, Spanset
from spanhouse.tracing.spans.model import AttributeValue


class MetricFunction(Enum):
    RATE = "rate"
    COUNT = "count_over_time"
    MIN = "min_over_time"
    MAX = "max_over_time"
    AVG = "avg_over_time"
    SUM = "sum_over_time"
    QUANTILE = "quantile_over_time"
    HISTOGRAM = "histogram_over_time"


@dataclass(frozen=True, slots=True)
class Series:
    """One series per distinct values of `by`. `of` None: spans are counted. A value that is a duration counts in
    seconds in the answer."""

    spans: Spanset
    function: MetricFunction
    of: Expression | None = None
    quantiles: tuple[float, ...] = ()
    by: tuple[tuple[str, Field], ...] = ()
    """(label, field)"""


@dataclass(frozen=True, slots=True)
class Compared:
    """How often each value of each attribute occurs among the selected spans and among the others."""

    spans: Spanset
    selection: Predicate
    top: int = 10
    """values of each attribute"""
    window: TimeRange | None = None
    """spans outside it are never selected"""


@dataclass(frozen=True, slots=True)
class Ranked:
    of: Metrics
    most: bool
    count: int
    """series kept at each point"""


@dataclass(frozen=True, slots=True)
class Threshold:
    of: Metrics
    operator: NumberOperator
    value: float


@dataclass(frozen=True, slots=True)
class Combined:
    """Series of equal labels, point by point; with a number, each point with it."""

    operator: Literal["+", "-", "*", "/"]
    left: Metrics | float
    right: Metrics | float


Metrics: TypeAlias = Series | Compared | Ranked | Threshold | Combined


@dataclass(frozen=True, slots=True)
class MetricsRequest:
    scope: Scope
    range: TimeRange
    """the end is not included"""
    metrics: Metrics
    step: int | None = None
    """ns; None: one point for the whole range"""
    exemplars: int = 0
    """at most so many over all series"""


@dataclass(frozen=True, slots=True)
class Exemplar:
    trace_id: bytes
    span_id: bytes
    at: int
    value: float


@dataclass(frozen=True, slots=True)
class MetricSeries:
    labels: tuple[tuple[str, AttributeValue], ...]
    """None where the spans have no such value"""
    points: tuple[float | None, ...]
    """one for each of the answer's times; None: no number there. Counts have one, 0 where no span is"""
    exemplars: tuple[Exemplar, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsAnswer:
    times: tuple[int, ...]
    """the start of each step"""
    series: tuple[MetricSeries, ...]
    cost: ReadCost = field(default_factory=ReadCost)
    statements: tuple[Sent, ...] = ()
    warnings: tuple[str, ...] = ()
    """what a limit has left out, and what to narrow"""
