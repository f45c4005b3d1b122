"""Text to syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

from lark import Lark
from lark.exceptions import UnexpectedInput, VisitError

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.traceql import syntax
from spanhouse.tracing.traceql.building import OfQueries
from spanhouse.tracing.traceql.faults import explained

QUERY_CHARACTERS_MAX: Final = 32_768
DEPTH_MAX: Final = 100
"""of operators within operators: whoever walks the tree recurses so deep"""

_GRAMMAR: Final = (Path(__file__).parent / "grammar.lark").read_text()


def parse(text: str) -> syntax.Query:
    """The tree of `text`; `InvalidQuery` says where it is wrong and what was expected."""
    if len(text) > QUERY_CHARACTERS_MAX:
        raise InvalidQuery(f"a query has at most {QUERY_CHARACTERS_MAX} characters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidQuery("the query is not Unicode text")
    try:
        query = cast(syntax.Query, _parser().parse(text))
    except UnexpectedInput as error:
        raise explained(error, text) from None
    except VisitError as error:
        raise error.orig_exc from None
    _refuse_depth(query)
    return query


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(
        _GRAMMAR,
        parser="lalr",
        lexer="contextual",
        start="query",
        maybe_placeholders=True,
        transformer=OfQueries(visit_tokens=False),
    )


def _refuse_depth(query: syntax.Query) -> None:
    """A chain of && (or of ||) counts as one, however long: those who walk the tree take it as a list."""
    waiting: list[tuple[Any, int]] = [(query.root, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise InvalidQuery(f"operators are nested more than {DEPTH_MAX} deep")
        for child in _children(node):
            chained = isinstance(node, syntax.Binary) and child is node.left and syntax.same_logic(node, child)
            waiting.append((child, depth if chained else depth + 1))


def _children(node: Any) -> Iterator[Any]:
    for each in fields(node):
        value = getattr(node, each.name)
        for child in value if isinstance(value, tuple) else (value,):
            if is_dataclass(child):
                yield child
