"""Arithmetic on constants."""

from __future__ import annotations

import math
from typing import Final

from spanhouse.tracing.traceql.syntax import Arithmetic

_EXACT: Final = 2.0**53
"""Whole numbers below it are exact in double precision."""


def calculated(left: int | float, operator: Arithmetic, right: int | float) -> int | float | None:
    """In double precision, as on fields; whole where both sides are whole and the result is. None: no finite result."""
    try:
        result = _doubles(float(left), operator, float(right))
    except (ArithmeticError, ValueError):
        return None
    if not math.isfinite(result):
        return None
    whole = isinstance(left, int) and isinstance(right, int) and result.is_integer() and abs(result) < _EXACT
    return int(result) if whole else result


def folded(left: int | float, operator: Arithmetic, right: int | float) -> int | float | None:
    """As between figures and metrics, where whole numbers stay whole: 7 / 2 is 3."""
    result = calculated(left, operator, right)
    if result is None or not (isinstance(left, int) and isinstance(right, int)):
        return result
    return math.trunc(result)


def negated(value: int | float) -> int | float:
    """Whole numbers stay within 64 bits."""
    return float(-value) if -value > 2**63 - 1 else -value


def _doubles(left: float, operator: Arithmetic, right: float) -> float:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
        case "%":
            return math.fmod(left, right)
        case "^":
            return math.pow(left, right)
