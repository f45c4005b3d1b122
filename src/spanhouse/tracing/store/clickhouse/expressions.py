"""Values of one span as SQL over its row. Nothing here is ever NULL: what may be missing says so in a column beside it.

A field may hold values of several types, so its value is a list of possibilities, each with a condition that says
whether it is the one. Functions for each need, of an expression of the plan:

- `number`: (has, value) in Float64, for arithmetic, figures and metrics;
- `key`: (kind, text), the same exactly where the values are equal, for `by()` and labels;
- `value`: (kind, text), for what an answer shows;
- `possibilities`: all of them, for comparisons.

Some fields are not in a span's own row: `needs` says what a statement has to join (`sources.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from spanhouse.tracing.plan.predicates import (
    Arithmetic,
    Attribute,
    Calculated,
    Expression,
    Fixed,
    Intrinsic,
    Negative,
    Value,
)
from spanhouse.tracing.plan.walk import OF_TREE
from spanhouse.tracing.spans.model import AttributeValue
from spanhouse.tracing.store.clickhouse.intrinsics import COLUMNS, ELEMENT_COLUMNS, ID_BYTES, TRACE_LEVEL
from spanhouse.tracing.store.clickhouse.rows import decode_other
from spanhouse.tracing.store.clickhouse.statements import Build, TypesOf

Kind = Literal["text", "int", "float", "bool", "duration", "status", "kind", "other", "missing"]
"""`duration` is a whole number of ns; `status` and `kind` are numbers of OTLP's enums; `other` is hex for `rows.py`."""
Family = Literal["text", "number", "bool", "status", "kind"]
"""Values compare within their family only."""
Element = Literal["event", "link"]
Column = Callable[[str], str]
"""The SQL of a column of the spans table."""

FAMILIES: Final[dict[Kind, Family]] = {
    "text": "text",
    "int": "number",
    "float": "number",
    "duration": "number",
    "bool": "bool",
    "status": "status",
    "kind": "kind",
}
PREFIXES: Final[dict[str, str]] = {
    "span": "attributes",
    "resource": "resource",
    "event": "event",
    "link": "link",
    "instrumentation": "scope",
}
LOOKUP_ORDER: Final = ("span", "resource", "event", "link", "instrumentation")
TYPES: Final[dict[str, Kind]] = {"string": "text", "int": "int", "float": "float", "bool": "bool", "other": "other"}
"""Suffixes of the typed maps."""
ELEMENT_BASE: Final[dict[str, str]] = {"event": "event_time", "link": "link_trace_id"}
PARENT_PREFIX: Final = "parent_row_"
"""Before the columns of the parent's row where a statement joins it."""
PARENT_FOUND: Final = "parent_row_found"

_KINDS_OF_INTRINSICS: Final[dict[Intrinsic, Kind]] = {
    Intrinsic.KIND: "kind",
    Intrinsic.STATUS: "status",
    Intrinsic.DURATION: "duration",
    Intrinsic.START: "int",
    Intrinsic.TRACE_DURATION: "duration",
    Intrinsic.EVENT_TIME_SINCE_START: "duration",
    Intrinsic.CHILD_COUNT: "int",
    Intrinsic.NESTED_SET_LEFT: "int",
    Intrinsic.NESTED_SET_RIGHT: "int",
    Intrinsic.NESTED_SET_PARENT: "int",
}
NO_NUMBER: Final = ("0", "toFloat64(0)")


@dataclass(frozen=True, slots=True)
class Each:
    """One variable for each of these arrays, together running over their elements."""

    variables: tuple[str, ...]
    arrays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Possibility:
    """What the value is if `has`. With `each`, one for every element: the value has them all."""

    kind: Kind
    has: str
    value: str
    each: tuple[Each, ...] = ()


@dataclass(frozen=True, slots=True)
class OfScope:
    """The values of a name in one scope."""

    exists: str
    """whether the scope has the name"""
    scalars: list[Possibility]
    has_arrays: str
    """whether there may be arrays among the values"""
    arrays: str
    """values that may be arrays, each as its tag and bytes"""


def kind_of(field: Intrinsic) -> Kind:
    return _KINDS_OF_INTRINSICS.get(field, "text")


class Expressions:
    """Compiles expressions into one statement's `Build`.

    `bound` gives the columns of the one event (link) that a condition is about. Without it a value of a span's events
    (links) is that of the first one that has it.
    """

    def __init__(
        self, build: Build, bound: Mapping[Element, Column] | None = None, types: TypesOf | None = None
    ) -> None:
        self._build = build
        self._bound = {} if bound is None else bound
        self._types = types or build.types

    def number(self, expression: Expression) -> tuple[str, str]:
        """(has, value): UInt8 and Float64. Numbers, durations and arithmetic on them; all else is missing, NaN too."""
        match expression:
            case Fixed(value):
                if isinstance(value, bool | str):
                    return NO_NUMBER
                return "1", f"toFloat64({self._build.constant(value)})"
            case Negative(of):
                has, value = self.number(of)
                return has, f"(-{value})"
            case Calculated(operator, left, right):
                return _calculated(operator, self.number(left), self.number(right))
            case _:
                return self._number_of(expression)

    def key(self, expression: Expression) -> tuple[str, str]:
        """(kind, text): two Strings, the same exactly where the values are equal; `value_of_key` makes a value of them.

        1 and 1.0 are one number; "1" and true are others. A missing value is ('missing', '').
        """
        return self._named(expression, _whole)

    def value(self, expression: Expression) -> tuple[str, str]:
        """As `key`, for an answer to show: 1 is an int and 1.0 a float."""
        return self._named(expression, _float)

    def _named(self, expression: Expression, of_float: Callable[[str], tuple[str, str]]) -> tuple[str, str]:
        if isinstance(expression, Calculated | Negative):
            has, value = self.number(expression)
            kind, text = of_float(value)
            return f"if({has}, {kind}, 'missing')", f"if({has}, {text}, '')"
        possible = self._single(expression)
        names = [of_float(each.value) if each.kind == "float" else _plain(each) for each in possible]
        _, kind = _first(possible, [kind for kind, _ in names], "'missing'")
        _, text = _first(possible, [text for _, text in names], "''")
        return kind, text

    def has(self, expression: Expression) -> str:
        """Whether there is a value, of whatever type."""
        if isinstance(expression, Calculated | Negative):
            return self.number(expression)[0]
        return _any(each.has for each in self._single(expression))

    def intrinsic(self, field: Intrinsic) -> Possibility:
        """Its only possibility."""
        kind = kind_of(field)
        if field in TRACE_LEVEL:
            return Possibility(kind, "1" if field is Intrinsic.TRACE_DURATION else "has_root", TRACE_LEVEL[field])
        if field in OF_TREE:
            raise ValueError(f"{field.value} is no column of a statement")
        has, column = self._element(field) if field in ELEMENT_COLUMNS else ("1", COLUMNS[field])
        if field is Intrinsic.PARENT_ID:
            has = "parent_span_id != toFixedString('', 8)"
        if field is Intrinsic.EVENT_TIME_SINCE_START:
            column = f"(toInt128({column}) - toInt128(start_time))"
        if field in ID_BYTES:
            column = f"lower(hex({column}))"
        return Possibility(kind, has, column)

    # -- one value of each span

    def _number_of(self, expression: Expression) -> tuple[str, str]:
        possible = [_no_nan(each) for each in self._single(expression)]
        numbers = [each for each in possible if FAMILIES.get(each.kind) == "number"]
        has, value = _first(numbers, [f"toFloat64({each.value})" for each in numbers], NO_NUMBER[1])
        if isinstance(expression, Attribute) and expression.scope == "any":
            # An earlier scope's text hides a later one's number.
            _, has = _first(possible, ["1" if each in numbers else "0" for each in possible], "0")
            _, value = _first(
                possible,
                [f"toFloat64({each.value})" if each in numbers else NO_NUMBER[1] for each in possible],
                NO_NUMBER[1],
            )
        return has, value

    def _single(self, expression: Expression) -> list[Possibility]:
        match expression:
            case Attribute(scope="any"):
                return self._first_scope(expression)
            case Attribute():
                return self._typed(expression, expression.scope)
            case Intrinsic():
                return [self.intrinsic(expression)]
            case Fixed(value):
                return [Possibility(kind_of_constant(value), "1", self._build.constant(value))]
            case _:
                raise ValueError(f"{expression} is calculated")

    def _first_scope(self, field: Attribute) -> list[Possibility]:
        """One scope after the other: what a later one has counts only where no earlier one has the name."""
        found: list[Possibility] = []
        for scope in LOOKUP_ORDER:
            found += self._typed(field, scope)
        return found

    def _typed(self, field: Attribute, scope: str) -> list[Possibility]:
        if is_service_name(scope, field.name):
            return [Possibility("text", self._found(field), self._column(field, "service"))]
        at = self._map(field, scope)
        return [self._of_type(field, at, suffix) for suffix in self._types(scope, field.name)]

    def _of_type(self, field: Attribute, at: Column, suffix: str) -> Possibility:
        key = self._build.parameter(field.name, "String")
        has, value = f"mapContains({at(suffix)}, {key})", f"{at(suffix)}[{key}]"
        if suffix == "other":  # tag n: sent unset, which is no value
            has = f"({has} AND {value} != 'n')"
        return Possibility(TYPES[suffix], has, value)

    def _map(self, field: Attribute, scope: str) -> Column:
        """The typed maps of the scope; of events (links) those of the one that is meant."""
        prefix = PREFIXES[scope]
        if scope not in ELEMENT_BASE:
            return lambda suffix: self._column(field, f"{prefix}_{suffix}")
        element: Element = "event" if scope == "event" else "link"
        if element in self._bound and field.scope == scope and not field.of_parent:
            bound = self._bound[element]
            return lambda suffix: bound(f"{prefix}_{suffix}")
        index = self._first_with(field, scope)
        return lambda suffix: f"{self._column(field, f'{prefix}_{suffix}')}[{index}]"

    def _first_with(self, field: Attribute, scope: str) -> str:
        """Which event (link) is the first that has the name; 0 if none, and there an empty map is found."""
        prefix = PREFIXES[scope]
        variables = {suffix: f"first_{prefix}_{suffix}" for suffix in self._types(scope, field.name)}
        has = _any(self._of_type(field, lambda suffix: variables[suffix], suffix).has for suffix in variables)
        arrays = ", ".join(self._column(field, f"{prefix}_{suffix}") for suffix in variables)
        return f"arrayFirstIndex(({', '.join(variables.values())}) -> {has}, {arrays})"

    def _column(self, field: Attribute, column: str) -> str:
        return PARENT_PREFIX + column if field.of_parent else column

    def _found(self, field: Attribute) -> str:
        return PARENT_FOUND if field.of_parent else "1"

    # -- every value of a span that a comparison may meet

    def by_scope(self, field: Attribute) -> list[OfScope]:
        """Each scope in which the name is looked up, in order."""
        return [self._of_scope(field, scope) for scope in (LOOKUP_ORDER if field.scope == "any" else (field.scope,))]

    def _of_scope(self, field: Attribute, scope: str) -> OfScope:
        bound = field.scope in self._bound and not field.of_parent
        every = self._typed(field, scope) if bound else self._typed_of_every(field, scope)
        exists = _any(among(each.each, each.has) for each in every)
        scalars = [each for each in every if each.kind != "other"]
        others = [_encoded(each) for each in every if each.kind == "other"]
        return OfScope(exists, scalars, *(others[0] if others else ("0", "emptyArrayString()")))

    def elements(self, variable: str) -> list[Possibility]:
        """Of an element of an array, as its bytes."""
        return [
            Possibility(kind, has.format(variable), value.format(variable)) for kind, (has, value) in ELEMENTS.items()
        ]

    def _typed_of_every(self, field: Attribute, scope: str) -> list[Possibility]:
        """As `_typed`, but of all events (links) of the span."""
        if scope not in ELEMENT_BASE:
            return self._typed(field, scope)
        prefix = PREFIXES[scope]
        variable = self._build.variable()
        found = []
        for suffix in self._types(scope, field.name):
            one = self._of_type(field, lambda _: variable, suffix)
            array = self._column(field, f"{prefix}_{suffix}")
            found.append(replace(one, each=(Each((variable,), (array,)),)))
        return found

    # -- intrinsics

    def _element(self, field: Intrinsic) -> tuple[str, str]:
        column = ELEMENT_COLUMNS[field]
        element: Element = "event" if column.startswith("event") else "link"
        if element in self._bound:
            return "1", self._bound[element](column)
        return f"notEmpty({ELEMENT_BASE[element]})", f"{column}[1]"


ELEMENTS: Final[dict[Kind, tuple[str, str]]] = {
    "text": ("otlp_is_text({0})", "otlp_text({0})"),
    "int": ("otlp_is_int({0})", "otlp_int({0})"),
    "float": ("otlp_is_float({0})", "otlp_float({0})"),
    "bool": ("otlp_is_bool({0})", "otlp_bool({0})"),
}
"""Of an element of an array, as its bytes: (whether it is of that kind, its value)."""


def value_of_key(kind: str, text: str) -> AttributeValue:
    """The value behind a `key`. Of `status` and `kind` it is the enum's number, of a duration ns."""
    match kind:
        case "missing":
            return None
        case "int" | "duration" | "status" | "kind":
            return int(text)
        case "float":
            return float(text)
        case "bool":
            return text == "true"
        case "other":
            return decode_other(text)
        case _:
            return text


def is_service_name(scope: str, name: str) -> bool:
    """`service.name` of a resource is the service itself: one column, never missing."""
    return scope == "resource" and name == "service.name"


def kind_of_constant(value: Value) -> Kind:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "text"
    return "int" if isinstance(value, int) else "float"


def _calculated(operator: Arithmetic, left: tuple[str, str], right: tuple[str, str]) -> tuple[str, str]:
    """By nothing nothing is divided; a power that is no number is missing."""
    conditions = [left[0], right[0]]
    if operator == "^":
        power = f"pow({left[1]}, {right[1]})"
        return _all(*conditions, f"NOT isNaN({power})"), power
    if operator in ("/", "%"):
        conditions.append(f"{right[1]} != 0")
    return _all(*conditions), f"({left[1]} {operator} {right[1]})"


def _no_nan(possibility: Possibility) -> Possibility:
    if possibility.kind != "float":
        return possibility
    return replace(possibility, has=_all(possibility.has, f"NOT isNaN({possibility.value})"))


def _plain(possibility: Possibility) -> tuple[str, str]:
    form = "hex" if possibility.kind == "other" else "toString"
    return f"'{possibility.kind}'", f"{form}({possibility.value})"


def _float(number: str) -> tuple[str, str]:
    """Of 0.0 and -0.0, which are equal, the same text."""
    return "'float'", f"toString({number} + 0)"


def _whole(number: str) -> tuple[str, str]:
    """A float that is a whole number as the int that it equals."""
    is_whole = f"({number} = trunc({number}) AND abs({number}) < 9223372036854775808)"
    return f"if({is_whole}, 'int', 'float')", f"if({is_whole}, toString(toInt64({number})), toString({number}))"


def _first(possible: list[Possibility], values: list[str], otherwise: str) -> tuple[str, str]:
    """(whether any holds, the value of the first that does)"""
    if not possible:
        return "0", otherwise
    if possible[0].has == "1":
        return "1", values[0]
    pairs = ", ".join(f"{each.has}, {value}" for each, value in zip(possible, values, strict=True))
    return _any(each.has for each in possible), f"multiIf({pairs}, {otherwise})"


def _encoded(other: Possibility) -> tuple[str, str]:
    """(whether there is such a value, the values as an array)"""
    if not other.each:
        return other.has, f"[{other.value}]"
    (each,) = other.each
    return among(other.each, other.has), f"arrayMap({each.variables[0]} -> {other.value}, {each.arrays[0]})"


def among(each: Sequence[Each], condition: str) -> str:
    """The condition holds for some element of the arrays that `each` run over."""
    for run in reversed(each):
        condition = f"arrayExists(({', '.join(run.variables)}) -> {condition}, {', '.join(run.arrays)})"
    return condition


def joined(operator: str, parts: Iterable[str], *, empty: str) -> str:
    """Every part is a whole expression of its own precedence, so it is put into brackets where it is joined."""
    whole = list(parts)
    if not whole:
        return empty
    return whole[0] if len(whole) == 1 else f"({operator.join(f'({part})' for part in whole)})"


def _all(*conditions: str) -> str:
    kept = [condition for condition in conditions if condition != "1"]
    if not kept:
        return "1"
    return kept[0] if len(kept) == 1 else f"({' AND '.join(kept)})"


def _any(conditions: Iterable[str]) -> str:
    parts = list(dict.fromkeys(conditions))
    if not parts:
        return "0"
    return "1" if "1" in parts else parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"
