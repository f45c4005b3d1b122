"""What the evaluation asks of each span, and how its own answers are made of that.

An engine knows what is in a span; what only the whole trace tells (`walk.OF_TREE`) is calculated here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan.predicates import (
    Arithmetic,
    Attribute,
    Calculated,
    Compare,
    Constant,
    Expression,
    Intrinsic,
    Matches,
    Negative,
    Operator,
    Predicate,
    Relate,
)
from spanhouse.tracing.plan.walk import fields_of, is_of_tree
from spanhouse.tracing.spans.model import AttributeValue
from spanhouse.tracing.store.evaluation.atoms import atoms_of, variants
from spanhouse.tracing.store.evaluation.forest import Flags, Forest, Numbers

Reals: TypeAlias = NDArray[np.float64]
Figure: TypeAlias = tuple[Flags, Reals]
"""(whether there is one, the number)"""
Keys: TypeAlias = tuple[Numbers, Sequence[AttributeValue]]
"""(which value each span has, the values); equal values of one type are one"""

Lists: TypeAlias = tuple[Numbers, Sequence[Sequence[Sequence[float]]]]
"""(which of these each span has, lists of values, each the numbers among its elements)"""

MIRRORED: Final[dict[Operator, Operator]] = {
    "=": "=",
    "!=": "!=",
    ">": "<",
    ">=": "<=",
    "<": ">",
    "<=": ">=",
    "=~": "=~",
    "!~": "!~",
}


class Columns(Protocol):
    """One entry per span. Predicates and expressions asked for never mention a field of `walk.OF_TREE`."""

    def flags(self, predicate: Predicate) -> Flags: ...

    def number(self, expression: Expression) -> Figure: ...

    def keys(self, expression: Expression) -> Keys: ...

    def lists(self, field: Attribute) -> Lists:
        """All of its values: several events may have the name, and a value may be an array."""
        ...


@dataclass(slots=True)
class Asked:
    """Columns of no spans: an evaluation on these tells what one on spans will ask for."""

    predicates: list[Predicate] = field(default_factory=list)
    numbers: list[Expression] = field(default_factory=list)
    groups: list[Expression] = field(default_factory=list)
    listed: list[Expression] = field(default_factory=list)

    def flags(self, predicate: Predicate) -> Flags:
        _once(self.predicates, predicate)
        return np.zeros(0, bool)

    def number(self, expression: Expression) -> Figure:
        _once(self.numbers, expression)
        return np.zeros(0, bool), np.zeros(0)

    def keys(self, expression: Expression) -> Keys:
        _once(self.groups, expression)
        return np.zeros(0, np.int64), []

    def lists(self, field: Attribute) -> Lists:
        _once(self.listed, field)
        return np.zeros(0, np.int64), []


def _once(asked: list[Predicate] | list[Expression], part: Predicate | Expression) -> None:
    # By text: True and 1 are equal in Python, and they are not the same question.
    if repr(part) not in map(repr, asked):
        asked.append(part)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Spans:
    """The engine's columns together with the trees."""

    forest: Forest
    columns: Columns

    def flags(self, predicate: Predicate) -> Flags:
        """A condition that mentions the tree is asked for once for each way its parts about the tree can turn out."""
        atoms = atoms_of(predicate, is_of_tree)
        if not atoms:
            return self.columns.flags(predicate)
        of_tree = [self._atom(atom) for atom in atoms]
        found = np.zeros(len(self.forest.trace), bool)
        for outcome, rest in variants(predicate, atoms):
            here = np.ones(len(found), bool) if rest == Constant(True) else self.columns.flags(rest)
            for flags, expected in zip(of_tree, outcome, strict=True):
                here = here & (flags == expected)
            found |= here
        return found

    def number(self, expression: Expression) -> Figure:
        if not is_of_tree(expression):
            return self.columns.number(expression)
        match expression:
            case Negative(of):
                has, value = self.number(of)
                return has, -value
            case Calculated(operator, left, right):
                return calculate(operator, self.number(left), self.number(right))
            case _:
                numbers = tree_numbers(self.forest, expression)
                return np.ones(len(numbers), bool), numbers.astype(np.float64)

    def keys(self, expression: Expression) -> Keys:
        if not is_of_tree(expression):
            return self.columns.keys(expression)
        if isinstance(expression, Intrinsic):
            values, keys = np.unique(tree_numbers(self.forest, expression), return_inverse=True)
            return keys, [int(value) for value in values]
        has, number = self.number(expression)
        reals, keys = np.unique(np.where(has, number + 0.0, np.nan), return_inverse=True)
        return keys, [None if np.isnan(value) else _as_int_if_whole(float(value)) for value in reals]

    def _related(self, left: Figure, operator: Operator, right: Attribute) -> Flags:
        """Some value compares so: of an array some element, or for `!=` all numbers of it."""
        found = np.zeros(len(self.forest.trace), bool)
        which, lists = self.columns.lists(right)
        for key, values in enumerate(lists):
            here = which == key
            for numbers in filter(None, values):
                each = [compare(left, operator, _all_the_same(number, len(found))) for number in numbers]
                found |= here & (np.logical_and if operator == "!=" else np.logical_or).reduce(each)
        return found

    def _atom(self, atom: Predicate) -> Flags:
        _check(atom)
        match atom:
            case Compare(field=of, operator=operator, value=value):
                if isinstance(value, bool | str):
                    return np.zeros(len(self.forest.trace), bool)
                return compare(self.number(of), operator, _all_the_same(float(value), len(self.forest.trace)))
            case Relate(left, operator, right) if isinstance(right, Attribute):
                return self._related(self.number(left), operator, right)
            case Relate(left, operator, right) if isinstance(left, Attribute):
                return self._related(self.number(right), MIRRORED[operator], left)
            case Relate(left, operator, right):
                return compare(self.number(left), operator, self.number(right))
            case Matches(field=of, text=text):
                return self._atom(Compare(of, "=", float(text) if text.lstrip("-").isdecimal() else text))
            case _:
                return np.ones(len(self.forest.trace), bool)


def _check(atom: Predicate) -> None:
    for of in fields_of(atom):
        if isinstance(of, Attribute) and of.scope in ("event", "link") and not of.of_parent:
            raise InvalidQuery("a value of an event or a link does not compare with a span's place in its trace")


def tree_numbers(forest: Forest, field: Expression) -> Numbers:
    match field:
        case Intrinsic.CHILD_COUNT:
            return forest.children
        case Intrinsic.NESTED_SET_LEFT:
            return forest.left
        case Intrinsic.NESTED_SET_RIGHT:
            return forest.right
        case _:
            return forest.parent_number


def _as_int_if_whole(number: float) -> int | float:
    return int(number) if number.is_integer() else number


def _all_the_same(number: float, size: int) -> Figure:
    return np.ones(size, bool), np.full(size, number)


def compare(left: Figure, operator: Operator, right: Figure) -> Flags:
    """False where one is missing."""
    with np.errstate(invalid="ignore"):
        match operator:
            case "=":
                holds = left[1] == right[1]
            case "!=":
                holds = left[1] != right[1]
            case ">":
                holds = left[1] > right[1]
            case ">=":
                holds = left[1] >= right[1]
            case "<":
                holds = left[1] < right[1]
            case "<=":
                holds = left[1] <= right[1]
            case _:
                holds = np.zeros(len(left[1]), bool)
    compared: Flags = left[0] & right[0] & holds
    return compared


def calculate(operator: Arithmetic, left: Figure, right: Figure) -> Figure:
    """Missing where a side is, where it would be divided by nothing, and where the result is no number."""
    has = left[0] & right[0]
    with np.errstate(all="ignore"):
        match operator:
            case "+":
                value = left[1] + right[1]
            case "-":
                value = left[1] - right[1]
            case "*":
                value = left[1] * right[1]
            case "/":
                has, value = has & (right[1] != 0), left[1] / right[1]
            case "%":
                has, value = has & (right[1] != 0), np.fmod(left[1], right[1])
            case "^":
                value = np.power(left[1], right[1])
    return has & ~np.isnan(value), value


__all__ = ["Asked", "Columns", "Figure", "Keys", "Reals", "Spans", "calculate", "compare", "tree_numbers"]
