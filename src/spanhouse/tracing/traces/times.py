"""Where time goes in a trace: the scale to draw on, each span's own time, the critical path. Pure, iterative, in ns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanhouse.tracing.plan.plausible import extent
from spanhouse.tracing.spans.model import Span
from spanhouse.tracing.traces.tree import Tree

Segment = tuple[int, int]
"""From, to; ns since the epoch."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the time axis shows."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


def scale_of(spans: Sequence[Span]) -> Scale:
    """From the trace's start to its end, so that one broken clock does not squeeze all others to nothing."""
    return Scale(*extent(spans)) if spans else Scale(0, 0)


def self_segments(tree: Tree, row: int) -> list[Segment]:
    """When the span itself was at work: its time less that of its children."""
    span = tree.spans[row]
    end = span.start_time + span.duration
    segments: list[Segment] = []
    reached = span.start_time
    for child in tree.children[row]:  # by start
        child_start = tree.spans[child].start_time
        child_end = min(child_start + tree.spans[child].duration, end)
        if child_end <= reached:
            continue
        if child_start > reached:
            segments.append((reached, min(child_start, end)))
        reached = child_end
    if reached < end:
        segments.append((reached, end))
    return segments


def critical_path(tree: Tree) -> dict[int, list[Segment]]:
    """By row, when the trace's length hung on that span: shortening it there would have ended the trace earlier.

    Walks back from the root's end: whatever child ended last before that moment is what was waited for. Children
    that outlive their parent count until its end only.
    """
    root = tree.root if tree.root is not None else (tree.roots[0] if tree.roots else None)
    if root is None:
        return {}
    path: dict[int, list[Segment]] = {}
    stack = [_visit(tree, root, _end(tree, root))]
    while stack:
        visit = stack[-1]
        child = _last_before(tree, visit)
        start = tree.spans[visit.row].start_time
        if child is None:
            _add(path, visit.row, start, visit.until)
            stack.pop()
            continue
        end = min(_end(tree, child), visit.end)
        _add(path, visit.row, end, visit.until)
        visit.until = max(start, tree.spans[child].start_time)
        stack.append(_visit(tree, child, end))
    return {row: segments[::-1] for row, segments in path.items()}


@dataclass(slots=True)
class _Visit:
    row: int
    end: int
    until: int
    """the moment down to which the span's time is explained"""
    children: list[int]
    """by end, latest first"""
    next: int = 0
    """of the children, the one to look at"""


def _visit(tree: Tree, row: int, end: int) -> _Visit:
    children = sorted(tree.children[row], key=lambda child: _end(tree, child), reverse=True)
    return _Visit(row, end, end, children)


def _last_before(tree: Tree, visit: _Visit) -> int | None:
    """The child that ended last at or before the moment reached, within the span."""
    while visit.next < len(visit.children):
        child = visit.children[visit.next]
        visit.next += 1
        started, ended = tree.spans[child].start_time, min(_end(tree, child), visit.end)
        if tree.spans[visit.row].start_time <= started < ended <= visit.until:
            return child
    return None


def _end(tree: Tree, row: int) -> int:
    return tree.spans[row].start_time + tree.spans[row].duration


def _add(path: dict[int, list[Segment]], row: int, start: int, end: int) -> None:
    if end > start:
        path.setdefault(row, []).append((start, end))
