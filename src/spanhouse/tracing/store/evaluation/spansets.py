"""Spansets of many traces at once: operators and the stages of pipelines, on flags and numbers of spans.

At each point a span is in one spanset at most: a filter makes one of each trace, `by()` parts those there are. So all
spansets together are one array that says of each span which one it is in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from spanhouse.tracing.plan.predicates import Expression
from spanhouse.tracing.plan.spansets import (
    Aggregate,
    Both,
    Coalesce,
    Either,
    Figures,
    GroupBy,
    Having,
    Keep,
    OfPipeline,
    Piped,
    Related,
    Select,
    Spanset,
    Stage,
)
from spanhouse.tracing.plan.spansets import Figure as FigureOf
from spanhouse.tracing.plan.text import aggregate_text
from spanhouse.tracing.spans.model import AttributeValue
from spanhouse.tracing.store.evaluation.columns import Asked, Columns, Figure, Spans, calculate, compare
from spanhouse.tracing.store.evaluation.forest import NONE, Flags, Forest, Numbers
from spanhouse.tracing.store.evaluation.relations import INVERSE, standing
from spanhouse.tracing.store.metrics.labels import duration_text, in_seconds


@dataclass(frozen=True, slots=True)
class Note:
    """An attribute of spansets: `values[which[s]]` is that of spanset s; None where it has none."""

    name: str
    which: Numbers
    values: Sequence[AttributeValue] = ()
    numbers: Figure | None = None
    """instead of values"""
    durations: bool = False
    """whether the numbers are ns"""

    def of(self, spanset: int) -> AttributeValue:
        which = int(self.which[spanset])
        if self.numbers is not None:
            has, numbers = self.numbers
            return _plain(float(numbers[which]), self.durations) if has[which] else None
        return self.values[which]


def _plain(number: float, duration: bool) -> AttributeValue:
    if duration and math.isfinite(number):
        return duration_text(round(number))
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


@dataclass(frozen=True, slots=True)
class Sets:
    """Spansets, numbered so that those of a trace stand in order. One without a span is none."""

    member: Numbers
    """of each span: the spanset it is in, or NONE"""
    trace: Numbers
    """of each spanset: its trace"""
    notes: tuple[Note, ...] = ()

    @property
    def within(self) -> Flags:
        """Which spans are in some spanset."""
        within: Flags = self.member != NONE
        return within

    def attributes(self, spanset: int) -> tuple[tuple[str, AttributeValue], ...]:
        """What the spanset was parted by, and the figures that were compared, in the order of the stages."""
        return tuple((note.name, note.of(spanset)) for note in self.notes)


_NOTHING: Final = np.zeros(0, np.int64)


def asked_by(spanset: Spanset) -> Asked:
    """The columns that `evaluate` will ask for."""
    asked = Asked()
    evaluate(spanset, Forest(_NOTHING, np.zeros(0, np.uint64), np.zeros(0, np.uint64)), asked)
    return asked


def evaluate(spanset: Spanset, forest: Forest, columns: Columns) -> Sets:
    """What `spanset` yields of the traces of `forest`, decided on all of their spans."""
    return _Evaluation(Spans(forest, columns)).sets_of(spanset)


class _Evaluation:
    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._forest = spans.forest
        self._whole = Sets(self._forest.trace, np.arange(self._forest.traces))

    def sets_of(self, spanset: Spanset) -> Sets:
        return self._sets(spanset, self._whole)

    def _sets(self, spanset: Spanset, among: Sets) -> Sets:
        """What it yields of each of these spansets, which are its whole input."""
        if not isinstance(spanset, Piped):
            return _cut(among, self._flags(spanset, among))
        sets = self._sets(spanset.first, among)
        for stage in spanset.stages:
            sets = self._staged(stage, sets, among)
        return sets

    def _flags(self, spanset: Spanset, among: Sets) -> Flags:
        """The spans of all that it yields."""
        match spanset:
            case Both(left, right):
                first, second = self._flags(left, among), self._flags(right, among)
                return (first | second) & _of_sets(among, _some(among, first) & _some(among, second))
            case Either(left, right):
                return self._flags(left, among) | self._flags(right, among)
            case Related():
                return self._related(spanset, among)
            case Piped():
                return self._sets(spanset, among).within
            case _:
                return self._spans.flags(spanset) & among.within

    def _related(self, related: Related, among: Sets) -> Flags:
        left, right = self._flags(related.left, among), self._flags(related.right, among)
        found = standing(self._forest, among.member, related.relation, left, right)
        if related.negated:
            return right & ~found
        if related.union:
            found |= standing(self._forest, among.member, INVERSE[related.relation], right, left)
        return found

    # -- stages

    def _staged(self, stage: Stage, sets: Sets, among: Sets) -> Sets:
        match stage:
            case Keep(spans):
                return self._sets(spans, sets)
            case GroupBy():
                return self._parted(stage, sets)
            case Coalesce():
                return replace(among, member=np.where(sets.within, among.member, NONE))
            case Select():
                return sets
            case Having():
                return self._having(stage, sets)

    def _parted(self, by: GroupBy, sets: Sets) -> Sets:
        keys, values = self._spans.keys(by.of)
        rows = np.flatnonzero(sets.within)
        of_set = sets.member[rows] * max(len(values), 1) + keys[rows]
        groups, first, group = np.unique(of_set, return_index=True, return_inverse=True)
        old = groups // max(len(values), 1)
        order = np.lexsort((first, old))  # within a spanset by the first span
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        member = np.full(len(sets.member), NONE)
        member[rows] = place[group]
        old, key = old[order], (groups % max(len(values), 1))[order]
        notes = (*(replace(note, which=note.which[old]) for note in sets.notes), Note(f"by({by.label})", key, values))
        return Sets(member, sets.trace[old], notes)

    def _having(self, having: Having, sets: Sets) -> Sets:
        kept = compare(self._figure(having.left, sets), having.operator, self._figure(having.right, sets))
        every = np.arange(len(sets.trace))
        notes = [
            Note(aggregate_text(aggregate), every, (), self._aggregate(aggregate, sets), in_seconds(aggregate.of))
            for side in (having.left, having.right)
            for aggregate in _aggregates(side)
        ]
        return replace(_cut(sets, _of_sets(sets, kept)), notes=_merged(sets.notes, notes))

    def _figure(self, figure: FigureOf, sets: Sets) -> Figure:
        match figure:
            case Aggregate():
                return self._aggregate(figure, sets)
            case OfPipeline(spans, of):
                has, value = self._figure(of, _cut(self._whole, self._flags(spans, self._whole)))
                return has[sets.trace], value[sets.trace]
            case Figures(operator, left, right):
                return calculate(operator, self._figure(left, sets), self._figure(right, sets))
            case _:
                return np.ones(len(sets.trace), bool), np.full(len(sets.trace), float(figure))

    def _aggregate(self, aggregate: Aggregate, sets: Sets) -> Figure:
        if aggregate.function == "count" or aggregate.of is None:
            counts = np.bincount(sets.member[sets.within], minlength=len(sets.trace))
            return np.ones(len(counts), bool), counts.astype(np.float64)
        rows, numbers = self._numbers(aggregate.of, sets)
        of = sets.member[rows]
        count = np.bincount(of, minlength=len(sets.trace))
        if aggregate.function in ("min", "max"):
            least = aggregate.function == "min"
            value = np.full(len(count), np.inf if least else -np.inf)
            (np.minimum if least else np.maximum).at(value, of, numbers)
            return count > 0, value
        total = np.bincount(of, weights=numbers, minlength=len(sets.trace))
        value = total / np.maximum(count, 1) if aggregate.function == "avg" else total.astype(np.float64)
        return (count > 0) & ~np.isnan(value), value

    def _numbers(self, of: Expression, sets: Sets) -> Figure:
        has, numbers = self._spans.number(of)
        has = has & sets.within
        return has, numbers[has]


def _cut(sets: Sets, spans: Flags) -> Sets:
    return replace(sets, member=np.where(spans, sets.member, NONE))


def _some(sets: Sets, spans: Flags) -> Flags:
    """Which spansets have one of these spans."""
    return np.bincount(sets.member[spans], minlength=len(sets.trace)) > 0


def _of_sets(sets: Sets, chosen: Flags) -> Flags:
    """The spans of these spansets."""
    found = sets.within
    found[found] = chosen[sets.member[found]]
    return found


def _aggregates(figure: FigureOf) -> list[Aggregate]:
    match figure:
        case Aggregate():
            return [figure]
        case Figures(_, left, right):
            return [*_aggregates(left), *_aggregates(right)]
        case _:
            return []


def _merged(notes: tuple[Note, ...], more: list[Note]) -> tuple[Note, ...]:
    """A figure that is compared again stands once, as it is now."""
    names = {note.name for note in more}
    return (*(note for note in notes if note.name not in names), *{note.name: note for note in more}.values())


__all__ = ["Note", "Sets", "asked_by", "evaluate"]
