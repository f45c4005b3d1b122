"""TraceQL: text → tree → checks → the plan, and trees back to text.

All of it refuses by `InvalidQuery`, which says where the text is wrong and what was expected there.
"""

from __future__ import annotations

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan.metrics import Metrics
from spanhouse.tracing.plan.predicates import Predicate
from spanhouse.tracing.plan.spansets import Spanset
from spanhouse.tracing.traceql import syntax
from spanhouse.tracing.traceql.checks import check
from spanhouse.tracing.traceql.lowering import lower_filter
from spanhouse.tracing.traceql.parser import parse
from spanhouse.tracing.traceql.planning import lower_metrics, lower_spanset
from spanhouse.tracing.traceql.printing import to_text

__all__ = ["check", "hints", "parse", "to_metrics", "to_predicate", "to_spanset", "to_text"]


def to_predicate(text: str) -> Predicate:
    """The condition that a query of one filter puts on a span."""
    root = _checked(text).root
    if not isinstance(root, syntax.Filter):
        raise InvalidQuery("one filter { … } is expected here; spansets, pipelines and metrics are not supported yet")
    return lower_filter(root)


def to_spanset(text: str) -> Spanset:
    """What a search looks for."""
    root = _checked(text).root
    if not isinstance(root, syntax.Filter | syntax.SpansetBinary | syntax.Pipeline):
        raise InvalidQuery("this is a metrics query; a search takes spans, with no function such as rate() at the end")
    return lower_spanset(root)


def to_metrics(text: str) -> Metrics:
    """What a metrics query calculates."""
    root = _checked(text).root
    if isinstance(root, syntax.Filter | syntax.SpansetBinary | syntax.Pipeline):
        raise InvalidQuery("a metrics query ends in a function of its spans, such as { } | rate()")
    return lower_metrics(root)


def hints(text: str) -> dict[str, str | bool | int | float]:
    """What `with(…)` says, by name; of equal names the last. Durations in ns, statuses and kinds by name."""
    said: dict[str, str | bool | int | float] = {}
    for hint in parse(text).hints:
        match hint.value:
            case syntax.Keyword(_, name):
                said[hint.name] = name
            case syntax.Nil():
                continue
            case constant:
                said[hint.name] = constant.value
    return said


def _checked(text: str) -> syntax.Query:
    query = parse(text)
    check(query)
    return query
