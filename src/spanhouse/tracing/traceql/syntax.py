"""The syntax tree of TraceQL: what was written, not what it means. Positions do not take part in equality."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

AttributeScope = Literal["span", "resource", "event", "link", "instrumentation", "any"]
Comparison = Literal["=", "!=", ">", ">=", "<", "<=", "=~", "!~"]
Arithmetic = Literal["+", "-", "*", "/", "%", "^"]
BinaryOperator = Literal["&&", "||"] | Comparison | Arithmetic
UnaryOperator = Literal["!", "-"]

SpansetOperator = Literal[
    "&&", "||", ">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~", "&>", "&>>", "&<", "&<<", "&~"
]
AggregateFunction = Literal["count", "avg", "min", "max", "sum"]
MetricFunction = Literal[
    "rate",
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "avg_over_time",
    "sum_over_time",
    "quantile_over_time",
    "histogram_over_time",
]

COMPARISONS = frozenset({"=", "!=", ">", ">=", "<", "<=", "=~", "!~"})
ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "^"})


class Position(NamedTuple):
    """Of the first character; both count from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Attribute:
    scope: AttributeScope
    name: str
    at: Position = field(default=Position(), compare=False)
    of_parent: bool = False


@dataclass(frozen=True, slots=True)
class Intrinsic:
    """`name` in the spelling with a scope, such as `span:duration`; those that have none as they are."""

    name: str
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Number:
    value: int | float
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Duration:
    """ns"""

    value: int
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Boolean:
    value: bool
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Nil:
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Keyword:
    """A status or a kind by its name."""

    of: Literal["status", "kind"]
    name: str
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """Never a minus before a number: that is the negative number."""

    operator: UnaryOperator
    operand: Expression
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    operator: BinaryOperator
    left: Expression
    right: Expression
    at: Position = field(default=Position(), compare=False)


def same_logic(expression: Expression, other: Expression) -> bool:
    """Whether both join by the same of && and ||."""
    return (
        isinstance(expression, Binary)
        and isinstance(other, Binary)
        and expression.operator in ("&&", "||")
        and expression.operator == other.operator
    )


def chain(expression: Binary) -> tuple[Expression, ...]:
    """What a chain of && (or of ||) joins, from the left. Such chains may be longer than a stack is deep."""
    operands: list[Expression] = []
    left: Expression = expression
    while isinstance(left, Binary) and (left is expression or same_logic(expression, left)):
        operands.append(left.right)
        left = left.left
    return (left, *reversed(operands))


Constant: TypeAlias = Text | Number | Duration | Boolean | Nil | Keyword
Expression: TypeAlias = Attribute | Intrinsic | Constant | Unary | Binary


@dataclass(frozen=True, slots=True)
class Filter:
    """`{ expression }`; without one, every span."""

    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class SpansetBinary:
    """Two spansets of one trace made one: `{ … } >> { … }`."""

    operator: SpansetOperator
    left: Spanset
    right: Spanset
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`first | stage | …`. One that is written without a first spanset, as `avg(.x) > 1`, begins with every span."""

    first: Spanset
    stages: tuple[Stage, ...]


Spanset: TypeAlias = Filter | SpansetBinary | Pipeline
"""A Pipeline below an operator is one in brackets."""


@dataclass(frozen=True, slots=True)
class By:
    """Each spanset parted by the value of the expression."""

    expression: Expression
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Coalesce:
    """A trace's spansets made one again."""


@dataclass(frozen=True, slots=True)
class Select:
    fields: tuple[Attribute | Intrinsic, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    function: AggregateFunction
    of: Expression | None = None
    """None of a count only"""
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class ScalarBinary:
    """At least one side is a figure of spans; constants are calculated while parsing, whole ones as whole ones."""

    operator: Arithmetic
    left: Scalar
    right: Scalar
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class ScalarPipeline:
    """`({ … } | count())`: a number of each trace."""

    pipeline: Spanset
    aggregate: Aggregate


Scalar: TypeAlias = Aggregate | ScalarBinary | ScalarPipeline | Number | Duration
"""A number of one spanset. Durations count in ns."""


@dataclass(frozen=True, slots=True)
class Having:
    """Keeps the spansets for which the comparison of two numbers holds."""

    operator: Comparison
    left: Scalar
    right: Scalar
    at: Position = field(default=Position(), compare=False)


Stage: TypeAlias = Filter | SpansetBinary | Pipeline | By | Coalesce | Select | Having


@dataclass(frozen=True, slots=True)
class Series:
    """A metric over spans: `rate() by (name)`."""

    spans: Spanset
    function: MetricFunction
    of: Expression | None = None
    quantiles: tuple[float, ...] = ()
    by: tuple[Attribute | Intrinsic, ...] = ()
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`compare({ … }, top, start, end)`: how the selected spans differ from the others. Times in ns since the epoch."""

    spans: Spanset
    selection: Filter
    top: int = 10
    start: int = 0
    end: int = 0
    """start and end both 0: the whole range"""
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Ranked:
    function: Literal["topk", "bottomk"]
    of: Metrics
    count: int
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Keeps a metric's points for which the comparison holds. What was written as a duration counts in seconds."""

    operator: Literal["=", "!=", ">", ">=", "<", "<="]
    of: Metrics
    value: float
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class MetricsBinary:
    """Of two numbers at least one is a metric; constants are calculated while parsing, whole ones as whole ones."""

    operator: Literal["+", "-", "*", "/"]
    left: Metrics | float
    right: Metrics | float
    at: Position = field(default=Position(), compare=False)


Metrics: TypeAlias = Series | Compare | Ranked | Threshold | MetricsBinary


@dataclass(frozen=True, slots=True)
class Hint:
    """`with(name=value)`; unknown ones are kept and mean nothing."""

    name: str
    value: Constant


@dataclass(frozen=True, slots=True)
class Query:
    """A whole text."""

    root: Spanset | Metrics
    hints: tuple[Hint, ...] = ()


OLD_SPELLINGS = {
    "duration": "span:duration",
    "name": "span:name",
    "status": "span:status",
    "statusMessage": "span:statusMessage",
    "kind": "span:kind",
    "childCount": "span:childCount",
    "rootName": "trace:rootName",
    "rootServiceName": "trace:rootService",
    "traceDuration": "trace:duration",
}

INTRINSICS = frozenset(
    {
        *OLD_SPELLINGS.values(),
        "span:id",
        "span:parentID",
        "trace:id",
        "event:name",
        "event:timeSinceStart",
        "link:traceID",
        "link:spanID",
        "instrumentation:name",
        "instrumentation:version",
        "nestedSetLeft",
        "nestedSetRight",
        "nestedSetParent",
        "parent",
    }
)
