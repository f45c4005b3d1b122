"""What `compare()` tells of selected spans and of the others: how often each value of each attribute occurs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.traceql.syntax import Compare, Intrinsic
from tests.kit.traceql_family import Family
from tests.kit.traceql_spansets import flat, shown, spansets, typed
from tests.kit.traceql_values import first_value, satisfies

if TYPE_CHECKING:
    from tests.kit.traceql_metrics import Labels, Steps

INTRINSICS = {
    "name": "span:name",
    "kind": "span:kind",
    "status": "span:status",
    "statusMessage": "span:statusMessage",
    "rootName": "trace:rootName",
    "rootServiceName": "trace:rootService",
}
GROUPS = ("baseline", "selection")


class _Counts:
    """Of one group and one attribute."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.values: dict[Any, tuple[Any, list[float]]] = {}
        self.total = [0.0] * width

    def add(self, value: Any, step: int) -> None:
        _, points = self.values.setdefault(typed(value), (value, [0.0] * self.width))
        points[step] += 1
        self.total[step] += 1

    def most(self, count: int) -> list[tuple[Any, list[float]]]:
        """Of those that are as frequent the first by their texts; of 1 and "1" the number."""
        ranks = [
            ((-sum(points), text(value), isinstance(value, str)), value, points)
            for value, points in self.values.values()
        ]
        return [(value, points) for _, value, points in sorted(ranks, key=lambda rank: rank[0])[:count]]


def compared(node: Compare, families: Sequence[Family], steps: Steps) -> list[tuple[Labels, list[float]]]:
    width = len(steps.times)
    counts: dict[tuple[str, str], _Counts] = {}
    for family in families:
        for span in flat(spansets(node.spans, family, family.spans)):
            if steps.start <= span.start_time < steps.end:
                group = GROUPS[_selected(node, span, family)]
                for name, value in _facts(span, family):
                    counts.setdefault((group, name), _Counts(width)).add(value, steps.index(span.start_time))
    found: list[tuple[Labels, list[float]]] = []
    for (group, name), of_attribute in counts.items():
        found += [((("__meta_type", group), (name, value)), points) for value, points in of_attribute.most(node.top)]
        found.append(((("__meta_type", f"{group}_total"), (name, None)), of_attribute.total))
    too_many = {name for (_, name), of_attribute in counts.items() if len(of_attribute.values) > node.top}
    found += [((("__meta_error", "__too_many_values__"), (name, None)), [0.0] * width) for name in too_many]
    return found


def _selected(node: Compare, span: Span, family: Family) -> bool:
    bounded = bool(node.start or node.end)
    if bounded and not node.start <= span.start_time <= node.end:
        return False
    return satisfies(span, family, node.selection.expression)


def _facts(span: Span, family: Family) -> Iterable[tuple[str, Any]]:
    for label, name in INTRINSICS.items():
        value = shown(Intrinsic(name), first_value(Intrinsic(name), span, family))
        if value is not None and not (name == "span:statusMessage" and value == ""):
            yield label, value
    resource = {**span.resource.attributes, "service.name": span.service}
    for scope, attributes in (
        ("span", span.attributes),
        ("resource", resource),
        ("instrumentation", span.scope.attributes),
    ):
        for name, value in attributes.items():
            if isinstance(value, str | bool | int | float):
                yield f"{scope}.{name}", value


def text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)
