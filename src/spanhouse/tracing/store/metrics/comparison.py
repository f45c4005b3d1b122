"""Selected spans beside the others: which values of which attributes, how often. From counts to series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from spanhouse.base.errors import QueryLimitReached
from spanhouse.tracing.plan.metrics import MetricSeries
from spanhouse.tracing.spans.model import AttributeValue
from spanhouse.tracing.store.metrics.figures import points
from spanhouse.tracing.store.metrics.grid import Grid
from spanhouse.tracing.store.metrics.labels import META_ERROR, META_TYPE, TOO_MANY_VALUES, Key, key

GROUPS: Final = ("baseline", "selection")
COUNTS_MAX: Final = 2_000_000
"""Values of all attributes that are kept at once"""


@dataclass(slots=True)
class _Value:
    value: AttributeValue
    steps: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def total(self) -> int:
        return sum(self.steps.values())


@dataclass(slots=True)
class _Attribute:
    """Of one group."""

    values: dict[Key, _Value] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=lambda: defaultdict(int))


class Comparison:
    """Counts come in any order and in any number of parts."""

    def __init__(self, grid: Grid, top: int) -> None:
        self._grid = grid
        self._top = top
        self._attributes: dict[tuple[bool, str], _Attribute] = defaultdict(_Attribute)
        self._size = 0

    def add_value(self, selected: bool, name: str, value: AttributeValue, steps: Iterable[tuple[int, int]]) -> None:
        of_attribute = self._attributes[selected, name].values
        found = of_attribute.setdefault(key(((name, value),)), _Value(value))
        before = len(found.steps)
        for step, count in steps:
            found.steps[step] += count
        self._size += len(found.steps) - before
        if self._size > COUNTS_MAX:
            raise QueryLimitReached(
                "the attributes have more values than are kept in memory; narrow the time range or add a condition",
                retry_after_seconds=0,
            )

    def add_total(self, selected: bool, name: str, steps: Iterable[tuple[int, int]]) -> None:
        """How many spans have the attribute."""
        total = self._attributes[selected, name].steps
        for step, count in steps:
            total[step] += count

    def series(self) -> Iterator[MetricSeries]:
        """The `top` most frequent values of each attribute and group, equally frequent ones by their text; totals; and
        which attributes have more values."""
        many = set()
        for (selected, name), of_attribute in self._attributes.items():
            group = GROUPS[selected]
            yield self._one((META_TYPE, f"{group}_total"), name, None, of_attribute.steps)
            ordered = sorted(of_attribute.values.values(), key=lambda one: (-one.total, _text(one.value)))
            for one in ordered[: self._top]:
                yield self._one((META_TYPE, group), name, one.value, one.steps)
            if len(ordered) > self._top:
                many.add(name)
        for name in many:
            yield self._one((META_ERROR, TOO_MANY_VALUES), name, None, {})

    def _one(self, meta: tuple[str, str], name: str, value: AttributeValue, steps: dict[int, int]) -> MetricSeries:
        return MetricSeries((meta, (name, value)), points(self._grid, steps.items(), 1.0, filled=True))


def _text(value: AttributeValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
