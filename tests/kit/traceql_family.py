"""How the spans of one trace stand to one another.

Every span that is reached from a true root (a span without a parent id) gets two numbers, on the way down and on the
way up again; those of its descendants lie between them. All roots of a trace share one count. A span whose parent is
not there, what hangs below it and what is its own ancestor is not reached: its numbers are 0, and it stands in no
relation. Roots and children are counted by (start time, span id). Of spans with one id the first by start time is the
parent of the children; the others have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanhouse.tracing.plan.plausible import extent
from spanhouse.tracing.spans.model import Span

OF_A_ROOT = -1


@dataclass
class Numbers:
    left: int = 0
    right: int = 0
    parent: int = 0


class Family:
    """One trace. Spans are told apart as objects: two may have the same id."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = sorted(spans, key=lambda span: (span.start_time, span.span_id))
        self.start, self.end = extent(self.spans)
        self._holders: dict[bytes, Span] = {}
        for span in self.spans:
            self._holders.setdefault(span.span_id, span)
        self._children: dict[int, list[Span]] = {id(span): [] for span in self.spans}
        for span in self.spans:
            parent = self.parent(span)
            if parent is not None:
                self._children[id(parent)].append(span)
        self._numbers = {id(span): Numbers() for span in self.spans}
        self._walk()
        roots = sorted(
            (span for span in self.spans if not span.parent_span_id),
            key=lambda span: (span.start_time, span.service, span.name),
        )
        self.root = roots[0] if roots else None

    @property
    def duration(self) -> int:
        return max(0, self.end - self.start)

    def parent(self, span: Span) -> Span | None:
        """Within the trace; never the span itself."""
        found = self._holders.get(span.parent_span_id) if span.parent_span_id else None
        return None if found is span else found

    def child_count(self, span: Span) -> int:
        """Spans that name this one's id as their parent."""
        return sum(other.parent_span_id == span.span_id for other in self.spans)

    def numbers(self, span: Span) -> Numbers:
        return self._numbers[id(span)]

    def _walk(self) -> None:
        count = 0
        steps = [(span, OF_A_ROOT, "down") for span in reversed(self.spans) if not span.parent_span_id]
        while steps:
            span, parent, way = steps.pop()
            mine = self._numbers[id(span)]
            count += 1
            if way == "up":
                mine.right = count
                continue
            mine.left, mine.parent = count, parent
            steps.append((span, parent, "up"))
            steps += [(child, count, "down") for child in reversed(self._children[id(span)])]

    def related(self, left: Span, relation: str, right: Span) -> bool:
        """Whether `left > right` and so on hold of these two."""
        one, other = self.numbers(left), self.numbers(right)
        if not one.left or not other.left:
            return False
        match relation:
            case ">":
                return other.parent == one.left
            case ">>":
                return one.left < other.left < one.right
            case "<":
                return one.parent == other.left
            case "<<":
                return other.left < one.left < other.right
            case "~":
                return one.parent == other.parent and left is not right
        raise AssertionError(relation)
