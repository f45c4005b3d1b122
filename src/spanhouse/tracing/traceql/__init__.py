"""TraceQL: text → tree → checks → the plan's predicates, and trees back to text."""

from __future__ import annotations

from spanhouse.tracing.plan.predicates import Predicate
from spanhouse.tracing.traceql.checks import check
from spanhouse.tracing.traceql.lowering import lower
from spanhouse.tracing.traceql.parser import parse
from spanhouse.tracing.traceql.printing import to_text

__all__ = ["check", "lower", "parse", "to_predicate", "to_text"]


def to_predicate(text: str) -> Predicate:
    """The condition that a query of one filter puts on a span. `InvalidQuery` says where it is wrong."""
    query = parse(text)
    check(query)
    return lower(query)
