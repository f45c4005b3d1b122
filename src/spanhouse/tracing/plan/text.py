"""Expressions of the plan as TraceQL writes them: names of what an answer carries."""

from __future__ import annotations

from spanhouse.tracing.plan.predicates import Attribute, Calculated, Expression, Intrinsic, Negative
from spanhouse.tracing.plan.spansets import Aggregate


def aggregate_text(aggregate: Aggregate) -> str:
    return f"{aggregate.function}({'' if aggregate.of is None else expression_text(aggregate.of)})"


def expression_text(expression: Expression) -> str:
    match expression:
        case Attribute(scope, name, of_parent):
            parent = "parent." if of_parent else ""
            return f"{parent}{scope}.{name}" if scope != "any" else f"{parent}.{name}".replace("..", ".")
        case Intrinsic():
            return expression.value
        case Negative(of):
            return f"-{expression_text(of)}"
        case Calculated(operator, left, right):
            return f"({expression_text(left)} {operator} {expression_text(right)})"
        case _:
            return str(expression.value)
