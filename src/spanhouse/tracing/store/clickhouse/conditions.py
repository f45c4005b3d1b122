# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Predicates of the plan as boolean SQL over one row of the spans table. The result is never NULL.

Three traps are met here. A map answers a missing key with its type's zero, so every look-up asks `mapContains`.
Conditions on events (or links) must hold within one event, so they go together into one `arrayExists`. A value's
type is part of the comparison: numbers compare with numbers, text with text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from spanhouse.tracing.plan.predicates import (
    And,
    Attribute,
    Compare,
    Constant,
    Exists,
    Expression,
    Field,
    Intrinsic,
    Matches,
    Not,
    Operator,
    Or,
    Predicate,
    Relate,
    Value,
)
from spanhouse.tracing.plan.walk import fields_of
from spanhouse.tracing.store.clickhouse.expressions import (
    ELEMENT_BASE,
    FAMILIES,
    LOOKUP_ORDER,
    PREFIXES,
    Column,
    Element,
    Expressions,
    OfScope,
    Possibility,
    among,
    joined,
)
from spanhouse.tracing.store.clickhouse.intrinsics import (
    COLUMNS,
    ELEMENT_COLUMNS,
    TRACE_LEVEL,
    compare_id,
    kind_number,
    status_number,
)
from spanhouse.tracing.store.clickhouse.relating import related
from spanhouse.tracing.store.clickhouse.statements import Build

__all__ = ["LOOKUP_ORDER", "PREFIXES", "Conditions"]


Holds = Callable[[Sequence[Possibility]], list[str]]
"""For each of these possibilities that can be compared at all, the condition."""


class Conditions:
    """Compiles predicates into one statement's `Build`.

    `bounded` limits the traces whose durations and roots are looked up, as a condition on their summaries' rows.
    """

    def __init__(self, build: Build, *, bounded: str = "") -> None:
        self._build = build
        self._bounded = bounded
        self._bound: dict[Element, set[str]] = {}
        self._columns: dict[Element, Column] = {}
        self._values = Expressions(build, self._columns)

    def sql(self, predicate: Predicate) -> str:
        elements = _elements(predicate) - self._bound.keys()
        match predicate:
            case Constant(value):
                return "1" if value else "0"
            case And(of):
                return self._and(of, elements)
            case Or(of):
                return joined(" OR ", (self.sql(part) for part in of), empty="0")
            case _ if elements:
                return self._some(sorted(elements), predicate)
            case Not(of):
                return f"(NOT ({self.sql(of)}))"
            case _:
                return self._leaf(predicate)

    def _leaf(self, predicate: Compare | Relate | Matches | Exists) -> str:
        match predicate:
            case Compare(field, operator, value):
                return self._compare(field, operator, value)
            case Relate(left, operator, right):
                return self._relate(left, operator, right)
            case Matches(field, text):
                return self._matches(field, text)
            case Exists(field):
                return self._exists(field)

    def _and(self, parts: Sequence[Predicate], elements: set[Element]) -> str:
        """Parts about events go into one group, so that one event satisfies them all; links likewise."""
        if not elements:
            return joined(" AND ", (self.sql(part) for part in parts), empty="1")
        groups: dict[frozenset[Element], list[Predicate]] = {}
        for part in parts:
            groups.setdefault(frozenset(_elements(part) - self._bound.keys()), []).append(part)
        if any(len(group) > 1 for group in groups):
            together = [part for part in parts if _elements(part)]
            groups = {frozenset(): groups.get(frozenset(), []), frozenset(elements): together}
        return joined(
            " AND ",
            (
                self._some(sorted(group), And(tuple(members))) if group else self.sql(And(tuple(members)))
                for group, members in groups.items()
                if members
            ),
            empty="1",
        )

    def _some(self, elements: Sequence[Element], predicate: Predicate) -> str:
        """There is one event (link) for which it holds; a span without any counts as one that lacks every field."""
        element, *others = elements
        used: set[str] = set()
        self._bound[element] = used
        self._columns[element] = self._element_column
        body = self._some(others, predicate) if others else self.sql(predicate)
        del self._bound[element], self._columns[element]
        columns = sorted(used) or [ELEMENT_BASE[element]]
        variables = ", ".join(f"one_{column}" for column in columns)
        found = f"arrayExists(({variables}) -> {body}, {', '.join(columns)})"
        without = _without(element, predicate)
        if without == Constant(False):
            return found
        return f"({found} OR (empty({ELEMENT_BASE[element]}) AND {self.sql(without)}))"

    # -- leaves

    def _compare(self, field: Field, operator: Operator, value: Value) -> str:
        if isinstance(field, Intrinsic):
            return self._compare_intrinsic(field, operator, value)
        return self._any_value(field, lambda possible: self._compares(possible, operator, value), operator)

    def _compare_intrinsic(self, field: Intrinsic, operator: Operator, value: Value) -> str:
        if field in TRACE_LEVEL:
            return self._of_trace(field, operator, value)
        possible = self._values.intrinsic(field)
        compared = compare_id(self._build, field, self._column(field), operator, value)
        if compared is not None:
            return compared
        if isinstance(value, str) != (possible.kind == "text") or isinstance(value, bool):
            return "0"
        return self._operate(possible.value, operator, value)

    def _compares(self, possible: Sequence[Possibility], operator: Operator, value: Value) -> list[str]:
        """One condition for each type that the value compares with."""
        family = "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        return [
            among(each.each, f"{each.has} AND {self._operate(each.value, operator, value)}")
            for each in possible
            if FAMILIES.get(each.kind) == family
        ]

    def _relate(self, left: Expression, operator: Operator, right: Expression) -> str:
        return related(self._build, self._values, left, operator, right)

    def _matches(self, field: Field, text: str) -> str:
        if isinstance(field, Intrinsic):
            return self._compare_intrinsic(field, "=", _value_of(field, text))
        values: list[Value] = [text]
        if text.lower() in ("true", "false"):
            values.append(text.lower() == "true")
        number = _number(text)
        if number is not None:
            values.append(number)
        return self._any_value(
            field, lambda possible: [part for value in values for part in self._compares(possible, "=", value)], "="
        )

    def _any_value(self, field: Attribute, holds: Holds, operator: Operator) -> str:
        """The attribute's value satisfies it, or an array's elements do, in the first scope that has the name."""
        scopes = self._values.by_scope(field)
        scalars = [joined(" OR ", holds(scope.scalars), empty="0") for scope in scopes]
        arrays = "0" if all(scope.has_arrays == "0" for scope in scopes) else self._in_arrays(scopes, holds, operator)
        conditions = [_first_that_exists(scopes, scalars, "0")] if scalars != ["0"] * len(scalars) else []
        if len(scopes) > 1 and conditions:
            # Said twice: that some scope satisfies it is implied, and is cheap to rule out before all types of all
            # scopes are read to see which of them has the name first.
            anywhere = joined(" OR ", (scalar for scalar in scalars if scalar != "0"), empty="0")
            conditions = [f"({anywhere} AND {conditions[0]})"]
        return joined(" OR ", [*conditions, *([arrays] if arrays != "0" else [])], empty="0")

    def _in_arrays(self, scopes: Sequence[OfScope], holds: Holds, operator: Operator) -> str:
        """Some element satisfies it; `!=` and `!~` all do that can be compared, and there is one."""
        array, element = self._build.variable(), self._build.variable()
        elements = self._values.elements(element)
        condition = joined(" OR ", holds(elements), empty="0")
        if condition == "0":
            return "0"
        some = joined(" OR ", (scope.has_arrays for scope in scopes if scope.has_arrays != "0"), empty="0")
        arrays = _first_that_exists(scopes, [scope.arrays for scope in scopes], "emptyArrayString()")
        inside = f"arrayExists(({element}) -> {condition}, otlp_elements({array}))"
        if operator in ("!=", "!~"):
            comparable = joined(" OR ", (each.has for each in elements if holds([each])), empty="0")
            outcome = f"multiIf({condition}, 1, {comparable}, 2, 0)"
            inside = f"arrayMax(({element}) -> {outcome}, otlp_elements({array})) = 1"
        return f"({some} AND arrayExists(({array}) -> startsWith({array}, 'a') AND {inside}, {arrays}))"

    def _exists(self, field: Field) -> str:
        if isinstance(field, Attribute):
            return joined(" OR ", (scope.exists for scope in self._values.by_scope(field)), empty="0")
        if field is Intrinsic.PARENT_ID:
            return "parent_span_id != toFixedString('', 8)"
        if field in (Intrinsic.ROOT_NAME, Intrinsic.ROOT_SERVICE):
            return self._of_trace(field, "!=", "")
        return "1"

    # -- intrinsics

    def _column(self, field: Intrinsic) -> str:
        if field in ELEMENT_COLUMNS:
            return self._element_column(ELEMENT_COLUMNS[field])
        return COLUMNS.get(field, "")

    def _element_column(self, column: str) -> str:
        element: Element = "event" if column.startswith("event") else "link"
        self._bound[element].add(column)
        return f"one_{column}"

    def _operate(self, left: str, operator: Operator, value: Value) -> str:
        if operator in ("=~", "!~"):
            pattern = self._build.parameter(f"(?s)^(?:{value})$", "String")
            return f"{'NOT ' if operator == '!~' else ''}match({left}, {pattern})"
        return f"{left} {operator} {self._build.constant(value)}"

    def _of_trace(self, field: Intrinsic, operator: Operator, value: Value) -> str:
        if isinstance(value, str) != (field in _TEXT) or isinstance(value, bool):
            return "0"
        condition = self._operate(TRACE_LEVEL[field], operator, value)
        if field in (Intrinsic.ROOT_NAME, Intrinsic.ROOT_SERVICE):
            condition = f"has_root AND {condition}"
        summaries = self._build.trace_summaries(self._bounded)
        return f"trace_id IN (SELECT trace_id FROM ({summaries}) WHERE {condition})"


_TEXT: Final = frozenset(
    {
        Intrinsic.NAME,
        Intrinsic.SERVICE,
        Intrinsic.STATUS_MESSAGE,
        Intrinsic.ROOT_NAME,
        Intrinsic.ROOT_SERVICE,
        Intrinsic.EVENT_NAME,
        Intrinsic.SCOPE_NAME,
        Intrinsic.SCOPE_VERSION,
    }
)


def _number(text: str) -> int | float | None:
    """The number a text stands for, if it is one."""
    for parse in (int, float):
        try:
            return parse(text) if text.isascii() and "_" not in text else None
        except ValueError:
            continue
    return None


def _value_of(field: Intrinsic, text: str) -> Value:
    """A form's text as a value of an intrinsic; text that names none becomes one that nothing equals."""
    if field is Intrinsic.KIND:
        return kind_number(text)
    if field is Intrinsic.STATUS:
        return status_number(text)
    if field in _TEXT or field in (Intrinsic.SPAN_ID, Intrinsic.PARENT_ID, Intrinsic.TRACE_ID):
        return text
    number = _number(text)
    return text if number is None else number


def _first_that_exists(scopes: Sequence[OfScope], values: Sequence[str], otherwise: str) -> str:
    """What stands for the first scope that has the name."""
    known = [(scope.exists, value) for scope, value in zip(scopes, values, strict=True) if scope.exists != "0"]
    if len(scopes) == 1 or not known:
        return values[0] if known else otherwise
    pairs = ", ".join(f"{exists}, {value}" for exists, value in known)
    return f"multiIf({pairs}, {otherwise})"


def _element_of(field: Field) -> Element | None:
    if isinstance(field, Attribute):
        if field.of_parent or field.scope not in ELEMENT_BASE:
            return None
        return "event" if field.scope == "event" else "link"
    if field in ELEMENT_COLUMNS:
        return "event" if ELEMENT_COLUMNS[field].startswith("event") else "link"
    return None


def _elements(predicate: Predicate) -> set[Element]:
    return {element for field in fields_of(predicate) if (element := _element_of(field))}


def _without(element: Element, predicate: Predicate) -> Predicate:
    """What is left of the predicate for a span that has no such element: its leaves about one are false."""
    match predicate:
        case Not(of):
            inner = _without(element, of)
            return Constant(not inner.value) if isinstance(inner, Constant) else Not(inner)
        case And(parts):
            return _folded(And, [_without(element, part) for part in parts], decisive=False)
        case Or(parts):
            return _folded(Or, [_without(element, part) for part in parts], decisive=True)
        case _:
            return Constant(False) if element in _elements(predicate) else predicate


def _folded(join: type[And] | type[Or], parts: list[Predicate], *, decisive: bool) -> Predicate:
    if Constant(decisive) in parts:
        return Constant(decisive)
    rest = tuple(part for part in parts if not isinstance(part, Constant))
    return join(rest) if rest else Constant(not decisive)
