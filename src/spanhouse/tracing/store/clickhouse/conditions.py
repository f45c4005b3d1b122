# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Predicates of the plan as boolean SQL over one row of the spans table. The result is never NULL.

Three traps are met here. A map answers a missing key with its type's zero, so every look-up asks `mapContains`.
Conditions on events (or links) must hold within one event, so they go together into one `arrayExists`. A value's
type is part of the comparison: numbers compare with numbers, text with text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from spanhouse.tracing.plan.predicates import (
    And,
    Attribute,
    AttributeScope,
    Compare,
    Constant,
    Exists,
    Field,
    Intrinsic,
    Matches,
    Not,
    Operator,
    Or,
    Predicate,
    Value,
)
from spanhouse.tracing.store.clickhouse.intrinsics import (
    COLUMNS,
    ELEMENT_COLUMNS,
    TRACE_LEVEL,
    compare_id,
    kind_number,
    status_number,
)
from spanhouse.tracing.store.clickhouse.statements import Build

Element = Literal["event", "link"]
Column = Callable[[str], str]

ELEMENT_BASE: Final[dict[Element, str]] = {"event": "event_time", "link": "link_trace_id"}
PREFIXES: Final[dict[str, str]] = {
    "span": "attributes",
    "resource": "resource",
    "event": "event",
    "link": "link",
    "instrumentation": "scope",
}
LOOKUP_ORDER: Final = ("span", "resource", "event", "link", "instrumentation")
INT64: Final = range(-(2**63), 2**63)
UINT64: Final = range(2**64)


class Conditions:
    """Compiles predicates into one statement's `Build`."""

    def __init__(self, build: Build, *, bounded: str = "") -> None:
        self._build = build
        self._bounded = bounded
        self._bound: dict[Element, set[str]] = {}

    def sql(self, predicate: Predicate) -> str:
        elements = _elements(predicate) - self._bound.keys()
        match predicate:
            case Constant(value):
                return "1" if value else "0"
            case And(of):
                return self._and(of, elements)
            case Or(of):
                return _joined(" OR ", (self.sql(part) for part in of), empty="0")
            case _ if elements:
                return self._some(sorted(elements), predicate)
            case Not(of):
                return f"(NOT {self.sql(of)})"
            case Compare(field, operator, value):
                return self._compare(field, operator, value)
            case Matches(field, text):
                return self._matches(field, text)
            case Exists(field):
                return self._exists(field)

    def _and(self, parts: Sequence[Predicate], elements: set[Element]) -> str:
        """Parts about events go into one group, so that one event satisfies them all; links likewise."""
        if not elements:
            return _joined(" AND ", (self.sql(part) for part in parts), empty="1")
        groups: dict[frozenset[Element], list[Predicate]] = {}
        for part in parts:
            groups.setdefault(frozenset(_elements(part) - self._bound.keys()), []).append(part)
        if any(len(group) > 1 for group in groups):
            together = [part for part in parts if _elements(part)]
            groups = {frozenset(): groups.get(frozenset(), []), frozenset(elements): together}
        return _joined(
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
        body = self._some(others, predicate) if others else self.sql(predicate)
        del self._bound[element]
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
        return self._per_scope(field, lambda scope, at: self._compare_typed(scope, at, field.name, operator, value))

    def _compare_intrinsic(self, field: Intrinsic, operator: Operator, value: Value) -> str:
        if field in TRACE_LEVEL:
            return self._of_trace(field, operator, value)
        column = self._element_column(ELEMENT_COLUMNS[field]) if field in ELEMENT_COLUMNS else COLUMNS.get(field, "")
        compared = compare_id(self._build, field, column, operator, value)
        if compared is not None:
            return compared
        if field is Intrinsic.EVENT_TIME_SINCE_START:
            column = f"(toInt128({column}) - toInt128(start_time))"
        if isinstance(value, str) != (field in _TEXT) or isinstance(value, bool):
            return "0"
        return self._operate(column, operator, value)

    def _compare_typed(self, scope: str, at: Column, name: str, operator: Operator, value: Value) -> str:
        if _is_service_name(scope, name):
            return self._compare_intrinsic(Intrinsic.SERVICE, operator, value)
        return _joined(
            " OR ",
            (
                f"({self._has(at(kind), name)} AND {self._operate(self._get(at(kind), name), operator, value)})"
                for kind in _kinds(value)
            ),
            empty="0",
        )

    def _matches(self, field: Field, text: str) -> str:
        if isinstance(field, Intrinsic):
            return self._compare_intrinsic(field, "=", _value_of(field, text))
        values: list[Value] = [text]
        if text.lower() in ("true", "false"):
            values.append(text.lower() == "true")
        number = _number(text)
        if number is not None:
            values.append(number)
        return self._per_scope(
            field,
            lambda scope, at: _joined(
                " OR ", (self._compare_typed(scope, at, field.name, "=", value) for value in values), empty="0"
            ),
        )

    def _exists(self, field: Field) -> str:
        if isinstance(field, Attribute):
            return self._per_scope(field, lambda scope, at: self._exists_typed(scope, at, field.name))
        if field in ELEMENT_COLUMNS:
            return "1"
        if field is Intrinsic.PARENT_ID:
            return "parent_span_id != toFixedString('', 8)"
        if field in (Intrinsic.ROOT_NAME, Intrinsic.ROOT_SERVICE):
            return self._of_trace(field, "!=", "")
        return "1"

    def _exists_typed(self, scope: str, at: Column, name: str) -> str:
        """A value that was sent unset (tag n) is no value."""
        if _is_service_name(scope, name):
            return "1"
        other = at("other")
        found = [self._has(at(kind), name) for kind in ("string", "int", "float", "bool")]
        found.append(f"({self._has(other, name)} AND {self._get(other, name)} != 'n')")
        return _joined(" OR ", found, empty="0")

    # -- attributes

    def _per_scope(self, field: Attribute, leaf: Callable[[str, Column], str]) -> str:
        if field.scope != "any":
            return leaf(field.scope, self._column(field.scope))
        found = [self._found_in(scope, field.name, leaf) for scope in LOOKUP_ORDER[:-1]]
        last = leaf(LOOKUP_ORDER[-1], self._column(LOOKUP_ORDER[-1]))
        first_of = f"multiIf({', '.join(part for pair in found for part in pair)}, {last})"
        # Said twice: that some scope satisfies it is implied, and is cheap to rule out before all types of all
        # scopes are read to see which of them has the name first.
        anywhere = _joined(" OR ", [*(holds for _, holds in found), last], empty="0")
        return f"({anywhere} AND {first_of})"

    def _found_in(self, scope: str, name: str, leaf: Callable[[str, Column], str]) -> tuple[str, str]:
        """Whether `scope` has the name, and the leaf there. Any of several events that have it will do."""
        if scope not in ELEMENT_BASE:
            at = self._column(scope)
            return self._exists_typed(scope, at, name), leaf(scope, at)
        kinds = ("string", "int", "float", "bool", "other")
        variables = ", ".join(f"any_{scope}_{kind}" for kind in kinds)
        arrays = ", ".join(f"{scope}_{kind}" for kind in kinds)

        def inside(kind: str) -> str:
            return f"any_{scope}_{kind}"

        exists, holds = self._exists_typed(scope, inside, name), leaf(scope, inside)
        return (
            f"arrayExists(({variables}) -> {exists}, {arrays})",
            f"arrayExists(({variables}) -> {holds}, {arrays})",
        )

    def _column(self, scope: AttributeScope | str) -> Column:
        prefix = PREFIXES[scope]
        if scope in ELEMENT_BASE:
            return lambda kind: self._element_column(f"{prefix}_{kind}")
        return lambda kind: f"{prefix}_{kind}"

    def _element_column(self, column: str) -> str:
        element: Element = "event" if column.startswith("event") else "link"
        self._bound[element].add(column)
        return f"one_{column}"

    def _has(self, column: str, name: str) -> str:
        return f"mapContains({column}, {self._build.parameter(name, 'String')})"

    def _get(self, column: str, name: str) -> str:
        return f"{column}[{self._build.parameter(name, 'String')}]"

    def _operate(self, left: str, operator: Operator, value: Value) -> str:
        if operator in ("=~", "!~"):
            pattern = self._build.parameter(f"(?s)^(?:{value})$", "String")
            return f"{'NOT ' if operator == '!~' else ''}match({left}, {pattern})"
        return f"{left} {operator} {self._build.parameter(*_typed(value))}"

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


def _is_service_name(scope: str, name: str) -> bool:
    """`service.name` of a resource is the service itself: one column, never missing."""
    return scope == "resource" and name == "service.name"


def _kinds(value: Value) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("bool",)
    return ("string",) if isinstance(value, str) else ("int", "float")


def _typed(value: Value) -> tuple[str | bool | int | float, str]:
    if isinstance(value, bool):
        return value, "Bool"
    if isinstance(value, str):
        return value, "String"
    if isinstance(value, int) and value in INT64:
        return value, "Int64"
    if isinstance(value, int) and value in UINT64:
        return value, "UInt64"
    return float(value), "Float64"


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


def _element_of(field: Field) -> Element | None:
    if isinstance(field, Attribute):
        return field.scope if field.scope in ("event", "link") else None
    if field in ELEMENT_COLUMNS:
        return "event" if ELEMENT_COLUMNS[field].startswith("event") else "link"
    return None


def _elements(predicate: Predicate) -> set[Element]:
    match predicate:
        case Compare(field) | Matches(field) | Exists(field):
            element = _element_of(field)
            return {element} if element else set()
        case Not(of):
            return _elements(of)
        case And(parts) | Or(parts):
            return set().union(*(_elements(part) for part in parts))
        case Constant():
            return set()


def _without(element: Element, predicate: Predicate) -> Predicate:
    """What is left of the predicate for a span that has no such element: its leaves about one are false."""
    match predicate:
        case Compare(field) | Matches(field) | Exists(field):
            return Constant(False) if _element_of(field) == element else predicate
        case Not(of):
            inner = _without(element, of)
            return Constant(not inner.value) if isinstance(inner, Constant) else Not(inner)
        case And(parts):
            return _folded(And, [_without(element, part) for part in parts], decisive=False)
        case Or(parts):
            return _folded(Or, [_without(element, part) for part in parts], decisive=True)
        case Constant():
            return predicate


def _folded(join: type[And] | type[Or], parts: list[Predicate], *, decisive: bool) -> Predicate:
    if Constant(decisive) in parts:
        return Constant(decisive)
    rest = tuple(part for part in parts if not isinstance(part, Constant))
    return join(rest) if rest else Constant(not decisive)


def _joined(operator: str, parts: Iterable[str], *, empty: str) -> str:
    """Every part is a whole expression of its own precedence, so it is put into brackets where it is joined."""
    joined = list(parts)
    if not joined:
        return empty
    return joined[0] if len(joined) == 1 else f"({operator.join(f'({part})' for part in joined)})"
