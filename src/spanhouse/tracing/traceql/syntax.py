"""The syntax tree of TraceQL: what was written, not what it means. Positions do not take part in equality."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

AttributeScope = Literal["span", "resource", "event", "link", "instrumentation", "any"]
Comparison = Literal["=", "!=", ">", ">=", "<", "<=", "=~", "!~"]
Arithmetic = Literal["+", "-", "*", "/", "%", "^"]
BinaryOperator = Literal["&&", "||"] | Comparison | Arithmetic
UnaryOperator = Literal["!", "-"]

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
    operator: UnaryOperator
    operand: Expression
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    operator: BinaryOperator
    left: Expression
    right: Expression
    at: Position = field(default=Position(), compare=False)


Constant: TypeAlias = Text | Number | Duration | Boolean | Nil | Keyword
Expression: TypeAlias = Attribute | Intrinsic | Constant | Unary | Binary


@dataclass(frozen=True, slots=True)
class Filter:
    """`{ expression }`; without one, every span."""

    expression: Expression | None = None


Query: TypeAlias = Filter
"""What a whole text is. Structural operators and pipelines join this union when they come."""

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
