"""Conditions on the spans of a trace together: structure, sets of spans, figures of a set.

What a spanset yields is decided on whole traces, of all the spans that the scope shows. A time range then says which of
the resulting spans count: those that start in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

from spanhouse.tracing.plan.predicates import Arithmetic, Expression, Field, Predicate

NumberOperator = Literal["=", "!=", ">", ">=", "<", "<="]


class Relation(Enum):
    """How the right span stands to the left one."""

    CHILD = ">"
    DESCENDANT = ">>"
    PARENT = "<"
    ANCESTOR = "<<"
    SIBLING = "~"


@dataclass(frozen=True, slots=True)
class Both:
    """The spans of both sides, of traces where each side has some."""

    left: Spanset
    right: Spanset


@dataclass(frozen=True, slots=True)
class Either:
    left: Spanset
    right: Spanset


@dataclass(frozen=True, slots=True)
class Related:
    """The right side's spans that stand so to some span of the left side; `negated`, to none of them; `union`, together
    with the left side's spans to which one of them stands so.

    Only spans that are reached from a root of their trace stand in a relation at all.
    """

    relation: Relation
    left: Spanset
    right: Spanset
    negated: bool = False
    union: bool = False


@dataclass(frozen=True, slots=True)
class Piped:
    first: Spanset
    stages: tuple[Stage, ...]


Spanset: TypeAlias = Predicate | Both | Either | Related | Piped


@dataclass(frozen=True, slots=True)
class Keep:
    """Of each spanset the spans that `spans` yields too."""

    spans: Spanset


@dataclass(frozen=True, slots=True)
class GroupBy:
    """Each spanset parted by the value, spans without one together."""

    of: Expression
    label: str
    """the expression as text"""


@dataclass(frozen=True, slots=True)
class Coalesce:
    pass


@dataclass(frozen=True, slots=True)
class Select:
    """What else is returned of each span."""

    fields: tuple[tuple[str, Field], ...]
    """(name in the answer, field)"""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Of the spans of one set; spans without the value do not count, and of none there is no figure."""

    function: Literal["count", "avg", "min", "max", "sum"]
    of: Expression | None = None


@dataclass(frozen=True, slots=True)
class OfPipeline:
    """The figure of the spans that another pipeline yields in the same trace."""

    spans: Spanset
    figure: Aggregate


@dataclass(frozen=True, slots=True)
class Figures:
    operator: Arithmetic
    left: Figure
    right: Figure


Figure: TypeAlias = Aggregate | OfPipeline | Figures | float


@dataclass(frozen=True, slots=True)
class Having:
    """The spansets whose figures compare so; a figure that is missing compares as false."""

    operator: NumberOperator
    left: Figure
    right: Figure


Stage: TypeAlias = Keep | GroupBy | Coalesce | Select | Having
