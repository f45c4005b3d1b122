"""What must be so of a trace for a spanset to yield something of it: how an engine finds the traces to look at."""

from __future__ import annotations

from collections.abc import Iterator

from spanhouse.tracing.plan.predicates import Constant, Expression, Field, Predicate
from spanhouse.tracing.plan.spansets import (
    Aggregate,
    Both,
    Either,
    Figure,
    Figures,
    GroupBy,
    Having,
    Keep,
    OfPipeline,
    Piped,
    Related,
    Select,
    Spanset,
)
from spanhouse.tracing.plan.walk import fields_of


def sources(spanset: Spanset) -> tuple[Predicate, ...]:
    """Every span that comes out satisfies one of these."""
    match spanset:
        case Both(left, right) | Either(left, right):
            return _once(*sources(left), *sources(right))
        case Related(left=left, right=right, union=union):
            return _once(*sources(right), *(sources(left) if union else ()))
        case Piped(first):
            return sources(first)
        case _:
            return (spanset,)


def required(spanset: Spanset) -> tuple[Predicate, ...]:
    """Of each of these a trace has some span if anything comes out of it; what every span satisfies is left out."""
    return tuple(part for part in _required(spanset) if part != Constant(True))


def _required(spanset: Spanset) -> tuple[Predicate, ...]:
    match spanset:
        case Both(left, right):
            return _once(*_required(left), *_required(right))
        case Either(left, right):
            known = list(map(repr, _required(right)))
            return tuple(part for part in _required(left) if repr(part) in known)
        case Related(left=left, right=right, negated=negated):
            return _required(right) if negated else _once(*_required(left), *_required(right))
        case Piped(first, stages):
            kept = [part for stage in stages if isinstance(stage, Keep) for part in _required(stage.spans)]
            return _once(*_required(first), *kept)
        case _:
            return (spanset,)


def named_fields(spanset: Spanset) -> Iterator[tuple[str | None, Field]]:
    """Fields that the spanset mentions, in order: (the name that it gives them, or None, field)."""
    match spanset:
        case Both(left, right) | Either(left, right) | Related(left=left, right=right):
            yield from named_fields(left)
            yield from named_fields(right)
        case Piped(first, stages):
            yield from named_fields(first)
            for stage in stages:
                match stage:
                    case Keep(spans):
                        yield from named_fields(spans)
                    case GroupBy(of):
                        yield from _unnamed(of)
                    case Select(fields):
                        yield from fields
                    case Having(_, one, other):
                        yield from _of_figure(one)
                        yield from _of_figure(other)
        case _:
            yield from _unnamed(spanset)


def _of_figure(figure: Figure) -> Iterator[tuple[str | None, Field]]:
    match figure:
        case Aggregate(_, of) if of is not None:
            yield from _unnamed(of)
        case OfPipeline(spans, of):
            yield from named_fields(spans)
            yield from _of_figure(of)
        case Figures(_, left, right):
            yield from _of_figure(left)
            yield from _of_figure(right)


def _unnamed(part: Predicate | Expression) -> Iterator[tuple[str | None, Field]]:
    for field in fields_of(part):
        yield None, field


def _once(*parts: Predicate) -> tuple[Predicate, ...]:
    return tuple({repr(part): part for part in parts}.values())
