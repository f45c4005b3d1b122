"""What a part of the plan mentions: fields, and the parts below it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from spanhouse.tracing.plan.predicates import (
    And,
    Attribute,
    Calculated,
    Compare,
    Constant,
    Exists,
    Expression,
    Field,
    Fixed,
    Intrinsic,
    Matches,
    Negative,
    Not,
    Or,
    Predicate,
    Relate,
)

OF_TREE: Final = frozenset(
    {
        Intrinsic.CHILD_COUNT,
        Intrinsic.NESTED_SET_LEFT,
        Intrinsic.NESTED_SET_RIGHT,
        Intrinsic.NESTED_SET_PARENT,
    }
)
"""What only the whole trace tells of a span."""


def fields_of(part: Predicate | Expression) -> Iterator[Field]:
    """Every field that a predicate or an expression mentions, in order, as often as it does."""
    match part:
        case Attribute() | Intrinsic():
            yield part
        case Compare(field=field) | Matches(field=field) | Exists(field=field):
            yield field
        case Negative(of) | Not(of):
            yield from fields_of(of)
        case Calculated(left=left, right=right) | Relate(left=left, right=right):
            yield from fields_of(left)
            yield from fields_of(right)
        case And(parts) | Or(parts):
            for each in parts:
                yield from fields_of(each)
        case Fixed() | Constant():
            return


def is_of_tree(part: Predicate | Expression) -> bool:
    return any(field in OF_TREE for field in fields_of(part))
