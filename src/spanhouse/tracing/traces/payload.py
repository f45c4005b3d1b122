"""One trace as columns, for the page that draws it: compact enough for 100 000 spans.

Offsets and durations are ns from `start`. Rows are those of the tree. Names and services are held once and referred to
by number. What few rows have (events, own time of spans with children, the critical path) is held by row.
"""

from __future__ import annotations

from typing import Any

from spanhouse.tracing.plan.plausible import plausible
from spanhouse.tracing.traces.times import Scale, critical_path, scale_of, self_segments
from spanhouse.tracing.traces.tree import Notice, Tree

Payload = dict[str, Any]


def payload(tree: Tree, *, truncated: bool = False) -> Payload:
    """JSON-ready. `start` is ns since the epoch as text: JavaScript's numbers do not hold it."""
    scale = scale_of(tree.spans)
    services, names = _Numbered(), _Numbered()
    rows = {
        "id": [span.span_id.hex() for span in tree.spans],
        "parent": list(tree.parents),
        "depth": list(tree.depths),
        "start": [span.start_time - scale.start for span in tree.spans],
        "duration": [span.duration for span in tree.spans],
        "service": [services.number(span.service) for span in tree.spans],
        "name": [names.number(span.name) for span in tree.spans],
        "kind": [span.kind for span in tree.spans],
        "error": [int(span.is_error) for span in tree.spans],
    }
    return {
        "trace_id": tree.spans[0].trace_id.hex() if tree.spans else "",
        "start": str(scale.start),
        "duration": scale.length,
        "root": tree.root,
        "services": _services(services.values, tree),
        "names": names.values,
        "rows": rows,
        "events": _events(tree, scale),
        "self": {
            str(row): _offsets(self_segments(tree, row), scale) for row, below in enumerate(tree.children) if below
        },
        "critical": {str(row): _offsets(segments, scale) for row, segments in critical_path(tree).items()},
        "notices": [{"kind": notice.kind, "rows": list(notice.rows)} for notice in notices_of(tree)],
        "truncated": truncated,
    }


def notices_of(tree: Tree) -> list[Notice]:
    """The tree's notices and those about its times."""
    odd = tuple(row for row, span in enumerate(tree.spans) if not plausible(span))
    return [*tree.notices, *([Notice("implausible_time", odd)] if odd else [])]


class _Numbered:
    def __init__(self) -> None:
        self.values: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: str) -> int:
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self.values)
            self.values.append(value)
        return found


def _services(names: list[str], tree: Tree) -> list[Payload]:
    counts = {name: [0, 0] for name in names}
    for span in tree.spans:
        counts[span.service][0] += 1
        counts[span.service][1] += span.is_error
    return [{"name": name, "spans": spans, "errors": errors} for name, (spans, errors) in counts.items()]


def _events(tree: Tree, scale: Scale) -> dict[str, list[int]]:
    return {
        str(row): [event.time - scale.start for event in span.events]
        for row, span in enumerate(tree.spans)
        if span.events
    }


def _offsets(segments: list[tuple[int, int]], scale: Scale) -> list[int]:
    """Flat: from, to, from, to …"""
    return [moment - scale.start for segment in segments for moment in segment]
