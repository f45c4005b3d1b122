"""Which values a field has, for completion and for menus."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from spanhouse.tracing.plan.requests import ReadCost, Sent

ValueType: TypeAlias = Literal["string", "int", "float", "bool", "keyword"]
"""`keyword`: the name of a status or a kind."""


@dataclass(frozen=True, slots=True)
class FieldValue:
    type: ValueType
    text: str
    seen: int
    """spans (of a trace's own fields: traces) that have it, among those looked at"""


@dataclass(frozen=True, slots=True)
class FieldValues:
    """Most frequent first; equally frequent ones by text."""

    values: tuple[FieldValue, ...]
    complete: bool = True
    """False: older spans of the range were not looked at, because the limit was reached before"""
    cost: ReadCost = field(default_factory=ReadCost)
    statements: tuple[Sent, ...] = ()
