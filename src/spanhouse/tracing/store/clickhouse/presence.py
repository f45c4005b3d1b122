# ruff: noqa: S608 (every value is a parameter; the guard reads each statement again)
"""Of which types an attribute's values are, so that a statement reads the maps of those types and no others.

What is known is known for certain: a scope that had more names on a day than are kept is looked up in every type.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from spanhouse.tracing.plan.predicates import Attribute, Field
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.store.clickhouse.statements import ATTRIBUTE_TYPES, Build, Statement, TypesOf, every_type

__all__ = ["every_type", "types_of"]

Rows = Sequence[Sequence[Any]]

NAMES_KEPT_MAX: Final = 2_000
"""Names with their types of one scope and day, as `attribute_name_sets` keeps them."""


def types_of(ask: Callable[[Statement], Rows], scope: Scope, fields: Iterable[Field]) -> TypesOf:
    """For the attributes among these fields. Of a scope limited to some services nothing is known."""
    names = sorted({field.name for field in fields if isinstance(field, Attribute)})
    if not names or scope.services is not None:
        return every_type
    found: set[tuple[str, str, str]] = set()
    complete = True
    for attribute_scope, count, present in ask(_kept(scope, names)):
        complete = complete and count < NAMES_KEPT_MAX
        found |= {(attribute_scope, name, suffix) for name, suffix in present}
    if not complete:
        return every_type
    return lambda attribute_scope, name: _known(found, attribute_scope, name)


def _known(found: Collection[tuple[str, str, str]], scope: str, name: str) -> list[str]:
    return [suffix for suffix in ATTRIBUTE_TYPES if (scope, name, suffix) in found]


def _kept(scope: Scope, names: Sequence[str]) -> Statement:
    """Of each scope and day: scope, how many names are kept, [(name, type)] of those that are asked for."""
    build = Build(scope)
    wanted = ", ".join(build.parameter(name, "String") for name in names)
    return build.done(
        f"SELECT scope, count(), groupArrayIf(tuple(name, type), name IN ({wanted})) "
        f"FROM {build.source('attribute_names', service=None)} GROUP BY scope, received_day"
    )
