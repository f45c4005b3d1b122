"""What a query says that someone is still writing: its conditions that are whole already."""

from __future__ import annotations

import re
from typing import Final

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan.predicates import Constant, Predicate
from spanhouse.tracing.search.find import EVERYTHING, all_of
from spanhouse.tracing.traceql import to_predicate

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|`[^`]*`?|&&|\|\||[{}()]|[^"`&|{}()]+|.', re.DOTALL)
_COMPARES: Final = re.compile(r"[=<>]|!~")
_PARTS_MAX: Final = 50


def condition_of(text: str) -> Predicate:
    """The condition of a query of one filter, as far as it can be understood; `EVERYTHING` where it cannot.

    Conditions joined by `&&` count each for itself, so that one that is not whole yet does not spoil the others. With
    `||` between them leaving one out would change what the others mean, so there the filter counts whole or not at all.
    A name without a comparison is the beginning of a condition, not one.
    """
    parts = _parts(text)
    if parts is None:
        return EVERYTHING
    whole = [part for part in parts if _COMPARES.search(_outside_quotes(part))]
    if not whole:
        return EVERYTHING
    understood = _understood(" && ".join(whole))
    if understood is not None:
        return understood
    each = [_understood(part) for part in whole[:_PARTS_MAX]]
    return all_of([part for part in each if part is not None and not isinstance(part, Constant)])


def _understood(condition: str) -> Predicate | None:
    try:
        return to_predicate(f"{{ {condition} }}")
    except InvalidQuery:
        return None


def _parts(text: str) -> list[str] | None:
    """What `&&` joins at the filter's own level; None where there is not exactly one filter, perhaps still open."""
    signs = _TOKEN.findall(text.strip())
    if not signs or signs[0] != "{" or signs.count("{") != 1:
        return None
    end = signs.index("}") if "}" in signs else len(signs)
    if any(sign.strip() for sign in signs[end + 1 :]):
        return None
    parts, depth, either = [""], 0, False
    for sign in signs[1:end]:
        depth += (sign == "(") - (sign == ")")
        either = either or (sign == "||" and depth == 0)
        if sign == "&&" and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [" && ".join(parts)] if either else [part.strip() for part in parts]


def _outside_quotes(text: str) -> str:
    return "".join(sign for sign in _TOKEN.findall(text) if sign[0] not in '"`')
