"""The spans of one trace as a tree. Pure and iterative: a chain of any depth is only a longer loop.

Every span that came is in the tree exactly once. What does not fit (a missing parent, a cycle, a repeated id) is put
where a reader can make sense of it and said in a notice; stored data is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from spanhouse.tracing.spans.model import Span, SpanKind

NO_PARENT = -1

NoticeKind = Literal[
    "missing_parent", "several_roots", "no_root", "cycle", "repeated_id", "resent", "implausible_time", "ends_early"
]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the trace that a reader should know. `rows` are those it concerns."""

    kind: NoticeKind
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """Rows in the order they are drawn: each parent before its children, siblings by start.

    `parents`, `depths` and `children` are parallel to `spans`; a parent is a row or `NO_PARENT`.
    """

    spans: tuple[Span, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]
    notices: tuple[Notice, ...] = field(default=())

    @property
    def roots(self) -> tuple[int, ...]:
        return tuple(row for row, parent in enumerate(self.parents) if parent == NO_PARENT)

    @property
    def root(self) -> int | None:
        """The row of the trace's root: of the spans without a parent the one that starts first, ties as in a search."""
        candidates = [row for row in self.roots if not self.spans[row].parent_span_id]
        return min(candidates, key=lambda row: _precedence(self.spans[row]), default=None)


def _precedence(span: Span) -> tuple[int, str, str]:
    return span.start_time, span.service, span.name


def build(spans: Sequence[Span]) -> Tree:
    """The tree of the spans of one trace, given in any order."""
    ordered, resent = _without_resent(sorted(spans, key=lambda span: (span.start_time, span.span_id)))
    rows_by_id: dict[bytes, list[int]] = {}
    for index, span in enumerate(ordered):
        rows_by_id.setdefault(span.span_id, []).append(index)
    parents = [_parent_of(index, ordered, rows_by_id) for index in range(len(ordered))]
    cut = _cut_cycles(parents)
    order, depths, children = _walk(parents)
    row_of = {index: row for row, index in enumerate(order)}
    tree = Tree(
        spans=tuple(ordered[index] for index in order),
        parents=tuple(row_of.get(parents[index], NO_PARENT) for index in order),
        depths=tuple(depths[index] for index in order),
        children=tuple(tuple(row_of[child] for child in children[index]) for index in order),
    )
    repeated = [index for rows in rows_by_id.values() if len(rows) > 1 for index in rows]
    notices = [
        *_about("cycle", sorted(row_of[index] for index in cut)),
        *_about("repeated_id", sorted(row_of[index] for index in repeated)),
        *([Notice("resent", ())] if resent else []),
        *_about_roots(tree, {row_of[index] for index in cut}),
        *_about("ends_early", [row for row, span in enumerate(tree.spans) if span.end_time < span.start_time]),
    ]
    return replace(tree, notices=tuple(notices))


def _about(kind: NoticeKind, rows: Sequence[int]) -> list[Notice]:
    return [Notice(kind, tuple(rows))] if rows else []


def _about_roots(tree: Tree, cut: set[int]) -> list[Notice]:
    missing = [row for row in tree.roots if tree.spans[row].parent_span_id and row not in cut]
    true_roots = [row for row in tree.roots if not tree.spans[row].parent_span_id]
    return [
        *_about("missing_parent", missing),
        *_about("several_roots", true_roots if len(true_roots) > 1 else []),
        *([Notice("no_root", ())] if tree.spans and not true_roots else []),
    ]


def _without_resent(spans: Sequence[Span]) -> tuple[list[Span], int]:
    """Without spans that came twice, alike in everything but the time of receipt."""
    kept: list[Span] = []
    by_id: dict[bytes, list[Span]] = {}
    for span in spans:
        same_id = by_id.setdefault(span.span_id, [])
        if any(replace(span, received_at=other.received_at) == other for other in same_id):
            continue
        same_id.append(span)
        kept.append(span)
    return kept, len(spans) - len(kept)


def _parent_of(index: int, spans: Sequence[Span], rows_by_id: dict[bytes, list[int]]) -> int:
    span = spans[index]
    if span.kind == SpanKind.SERVER:
        # Zipkin lets a server go on under its client's id: the client is then its parent.
        for other in rows_by_id[span.span_id]:
            if spans[other].kind == SpanKind.CLIENT and spans[other].parent_span_id == span.parent_span_id:
                return other
    candidates = rows_by_id.get(span.parent_span_id, []) if span.parent_span_id else []
    if len(candidates) < 2:
        return candidates[0] if candidates else NO_PARENT
    for candidate in candidates:
        if candidate != index and spans[candidate].service == span.service:
            return candidate
    return candidates[0]


def _cut_cycles(parents: list[int]) -> list[int]:
    """Make every cycle's earliest span a root (spans are in order of start); return those spans."""
    cut: list[int] = []
    seen_in = [0] * len(parents)
    for walk, start in enumerate(range(len(parents)), start=1):
        index = start
        while index != NO_PARENT and seen_in[index] == 0:
            seen_in[index] = walk
            index = parents[index]
        if index == NO_PARENT or seen_in[index] != walk:
            continue
        entry = first = index
        index = parents[entry]
        while index != entry:
            first = min(first, index)
            index = parents[index]
        parents[first] = NO_PARENT
        cut.append(first)
    return cut


def _walk(parents: Sequence[int]) -> tuple[list[int], list[int], list[list[int]]]:
    """Depth first: the order of drawing, and by index each span's depth and children."""
    children: list[list[int]] = [[] for _ in parents]
    pending: list[int] = []
    for index, parent in enumerate(parents):
        (children[parent] if parent != NO_PARENT else pending).append(index)
    pending.reverse()
    order: list[int] = []
    depths = [0] * len(parents)
    while pending:
        index = pending.pop()
        order.append(index)
        for child in reversed(children[index]):
            depths[child] = depths[index] + 1
            pending.append(child)
    return order, depths, children
