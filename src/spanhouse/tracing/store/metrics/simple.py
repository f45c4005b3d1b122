"""Spansets of which a metric sees no more than a condition on single spans: how they are parted is nothing to it."""

from __future__ import annotations

from spanhouse.tracing.plan.predicates import And, Or, Predicate
from spanhouse.tracing.plan.spansets import Coalesce, Either, GroupBy, Keep, Piped, Select, Spanset, Stage


def condition_of(spanset: Spanset) -> Predicate | None:
    """The condition that exactly the resulting spans satisfy; None where whole traces decide."""
    match spanset:
        case Either(left, right):
            one, other = condition_of(left), condition_of(right)
            return None if one is None or other is None else Or((one, other))
        case Piped(first, stages):
            condition = condition_of(first)
            for stage in stages:
                condition = None if condition is None else _after(condition, stage)
            return condition
        case _:
            return spanset if isinstance(spanset, Predicate) else None


def _after(condition: Predicate, stage: Stage) -> Predicate | None:
    match stage:
        case Select() | GroupBy() | Coalesce():
            return condition
        case Keep(spans):
            kept = condition_of(spans)
            return None if kept is None else And((condition, kept))
    return None
