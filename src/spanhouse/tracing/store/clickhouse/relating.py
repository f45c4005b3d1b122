"""Two values of a span compared with each other, of whatever types they turn out to be.

In general each side is a list of values (several events may have the name), and each of these a list of elements (an
array's; of anything else the one). An element is (family, text, number, whole number, whether it is whole), so that one
expression compares all types. Where both sides have one value for certain they are simply compared.
"""

from __future__ import annotations

from typing import Final

from spanhouse.tracing.plan.predicates import (
    Attribute,
    Calculated,
    Expression,
    Fixed,
    Intrinsic,
    Negative,
    Operator,
)
from spanhouse.tracing.store.clickhouse.expressions import (
    FAMILIES,
    Expressions,
    Kind,
    OfScope,
    Possibility,
    joined,
    kind_of_constant,
)
from spanhouse.tracing.store.clickhouse.statements import Build

NUMBER: Final = 2
_CODES: Final = {"text": 1, "number": NUMBER, "bool": 3, "status": 4, "kind": 5}
_NO_ELEMENT: Final = "(toUInt8(0), '', toFloat64(0), toInt64(0), toUInt8(0))"
_NO_VALUES: Final = f"arrayResize([[{_NO_ELEMENT}]], 0)"
_NO_ELEMENTS: Final = f"arrayResize([{_NO_ELEMENT}], 0)"


def related(build: Build, values: Expressions, left: Expression, operator: Operator, right: Expression) -> str:
    ones, others = (_single(build, values, side) for side in (left, right))
    if ones is None or others is None:
        return _Relating(build, values, operator).sql(left, right)
    pairs = (
        f"{one.has} AND {other.has} AND {_compared(one, operator, other)}"
        for one in ones
        for other in others
        if one.kind in FAMILIES and FAMILIES[one.kind] == FAMILIES.get(other.kind)
    )
    return joined(" OR ", pairs, empty="0")


def every_value(build: Build, values: Expressions, field: Attribute) -> str:
    """All values of an attribute as JSON: a list of values, each a list of elements."""
    return f"toJSONString({_Relating(build, values, '=').side(field)})"


def _single(build: Build, values: Expressions, expression: Expression) -> list[Possibility] | None:
    """The possibilities of what has one value at most; None where there may be several."""
    match expression:
        case Negative() | Calculated():
            return [Possibility("float", *values.number(expression))]
        case Intrinsic():
            return [values.intrinsic(expression)]
        case Fixed(value):
            return [Possibility(kind_of_constant(value), "1", build.constant(value))]
        case Attribute(scope="any") | Attribute(scope="event") | Attribute(scope="link"):
            return None
        case Attribute():
            (scope,) = values.by_scope(expression)
            return scope.scalars if scope.has_arrays == "0" else None


def _compared(one: Possibility, operator: Operator, other: Possibility) -> str:
    if operator in ("=~", "!~"):
        matches = f"match({one.value}, concat('(?s)^(?:', {other.value}, ')$'))"
        return "0" if one.kind != "text" else f"NOT {matches}" if operator == "!~" else matches
    if operator not in ("=", "!=") and FAMILIES[one.kind] not in ("text", "number"):
        return "0"
    return f"{one.value} {operator} {other.value}"


class _Relating:
    def __init__(self, build: Build, values: Expressions, operator: Operator) -> None:
        self._build = build
        self._values = values
        self._operator = operator

    def sql(self, left: Expression, right: Expression) -> str:
        one, other = self._build.variable(), self._build.variable()
        return (
            f"arrayExists(({one}) -> arrayExists(({other}) -> {self._elements_compare(one, other)}, "
            f"{self.side(right)}), {self.side(left)})"
        )

    def _elements_compare(self, one: str, other: str) -> str:
        """Some elements compare so; different are only arrays of which no elements are equal."""
        x, y = self._build.variable(), self._build.variable()
        comparable, holds = f"({x}.1 = {y}.1 AND {x}.1 != 0)", self._compare(x, y)
        if self._operator in ("!=", "!~"):
            outcome = f"multiIf(NOT {comparable}, 0, {holds}, 1, 2)"
            return f"arrayMax(({x}) -> arrayMax(({y}) -> {outcome}, {other}), {one}) = 1"
        return f"arrayExists(({x}) -> arrayExists(({y}) -> {comparable} AND {holds}, {other}), {one})"

    def _compare(self, x: str, y: str) -> str:
        """Of two elements of one family."""
        operator = self._operator
        if operator in ("=~", "!~"):
            matches = f"match({x}.2, concat('(?s)^(?:', {y}.2, ')$'))"
            return f"({x}.1 = 1 AND {'NOT ' if operator == '!~' else ''}{matches})"
        numbers = f"if({x}.5 AND {y}.5, {x}.4 {operator} {y}.4, {x}.3 {operator} {y}.3)"
        ordered = "" if operator in ("=", "!=") else f" AND {x}.1 = 2"
        return f"if({x}.1 = 1, {x}.2 {operator} {y}.2, {numbers}{ordered})"

    # -- a side: a list of values, each a list of elements

    def side(self, expression: Expression) -> str:
        match expression:
            case Fixed(value):
                return f"[[{_element(kind_of_constant(value), self._build.constant(value))}]]"
            case Negative() | Calculated():
                has, number = self._values.number(expression)
                return f"if({has}, [[{_element('float', number)}]], {_NO_VALUES})"
            case Intrinsic():
                return self._first([self._values.intrinsic(expression)])
            case Attribute():
                return self._of_attribute(expression)

    def _of_attribute(self, field: Attribute) -> str:
        scopes = [scope for scope in self._values.by_scope(field) if scope.exists != "0"]
        if not scopes:
            return _NO_VALUES
        pairs = ", ".join(f"{scope.exists}, {self._of_scope(scope)}" for scope in scopes)
        return f"multiIf({pairs}, {_NO_VALUES})"

    def _of_scope(self, scope: OfScope) -> str:
        single = [each for each in scope.scalars if not each.each]
        parts = [self._first(single)] if single else []
        for each in scope.scalars:
            if each.each:
                ((variables, arrays),) = ((run.variables[0], run.arrays[0]) for run in each.each)
                having = f"arrayFilter(({variables}) -> {each.has}, {arrays})"
                parts.append(f"arrayMap(({variables}) -> [{_element(each.kind, each.value)}], {having})")
        if scope.has_arrays != "0":
            parts.append(f"arrayMap({self._array_elements()}, {scope.arrays})")
        return parts[0] if len(parts) == 1 else f"arrayConcat({', '.join(parts)})"

    def _array_elements(self) -> str:
        array, element = self._build.variable(), self._build.variable()
        pairs = ", ".join(f"{each.has}, {_element(each.kind, each.value)}" for each in self._values.elements(element))
        walked = f"arrayMap(({element}) -> multiIf({pairs}, {_NO_ELEMENT}), otlp_elements({array}))"
        return f"({array}) -> if(startsWith({array}, 'a'), {walked}, {_NO_ELEMENTS})"

    def _first(self, possible: list[Possibility]) -> str:
        pairs = ", ".join(
            f"{each.has}, [[{_element(each.kind, each.value)}]]" for each in possible if each.kind in FAMILIES
        )
        return f"multiIf({pairs}, {_NO_VALUES})" if pairs else _NO_VALUES


def _element(kind: Kind, value: str) -> str:
    code = f"toUInt8({_CODES[FAMILIES[kind]]})"
    if kind == "text":
        return f"({code}, toString({value}), toFloat64(0), toInt64(0), toUInt8(0))"
    whole = kind != "float"
    return f"({code}, '', toFloat64({value}), {f'toInt64({value})' if whole else 'toInt64(0)'}, toUInt8({int(whole)}))"
