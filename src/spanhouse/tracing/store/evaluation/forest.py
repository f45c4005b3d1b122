"""The trees of many traces at once: who is whose parent, and nested-set numbers, without a step per span.

Trees of any depth, ids that occur twice and parents in a circle are all walked in steps that double, so that the number
of steps is the logarithm of the largest trace.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]
Ids: TypeAlias = NDArray[np.uint64]
Flags: TypeAlias = NDArray[np.bool_]

NONE: Final = -1


class Forest:
    """Spans sorted by trace and within it by start and id, one entry each. Rows are indices into the same arrays.

    Only spans that are reached from a span without a parent id are numbered. Of spans with the same id within a trace
    the first one is the parent of those that name it. What nobody asks for is not calculated.
    """

    def __init__(self, trace: Numbers, span_id: Ids, parent_id: Ids) -> None:
        """`trace` says which trace, 0, 1, 2 …; a parent id of 0 is none."""
        self.trace = trace
        self.traces = int(trace[-1]) + 1 if len(trace) else 0
        self.root: Flags = parent_id == 0
        """without a parent id"""
        self._span_id, self._parent_id = span_id, parent_id

    @property
    def parent(self) -> Numbers:
        """Row of the parent; NONE for roots and where it is not there."""
        return self._kin[0]

    @property
    def children(self) -> Numbers:
        """How many spans of the trace name this span's id as their parent."""
        return self._kin[1]

    @cached_property
    def numbered(self) -> Flags:
        return _reached(self.parent, self.root, self._largest)

    @property
    def left(self) -> Numbers:
        """Nested-set numbers, from 1 in each trace; 0 where not numbered."""
        return self._numbers[0]

    @property
    def right(self) -> Numbers:
        return self._numbers[1]

    @property
    def parent_number(self) -> Numbers:
        """nestedSetParent: the parent's left number, -1 of a root, 0 where not numbered."""
        numbers = np.zeros(len(self.trace), np.int64)
        inner = self.numbered & ~self.root
        numbers[inner] = self.left[self.parent[inner]]
        numbers[self.root] = -1
        return numbers

    @property
    def siblings(self) -> Numbers:
        """Of numbered spans: equal for those with the same parent, or roots of the same trace."""
        return np.where(self.root, len(self.trace) + self.trace, self.parent)

    @cached_property
    def _kin(self) -> tuple[Numbers, Numbers]:
        return _parents(self.trace, self._span_id, self._parent_id)

    @cached_property
    def _numbers(self) -> tuple[Numbers, Numbers]:
        return _nested_sets(self.trace, self.parent, self.numbered, self._largest)

    @cached_property
    def _largest(self) -> int:
        return int(np.bincount(self.trace).max()) if len(self.trace) else 0


def _parents(trace: Numbers, span_id: Ids, parent_id: Ids) -> tuple[Numbers, Numbers]:
    """(parent's row, number of children)"""
    size = len(trace)
    _, rank = np.unique(np.concatenate([span_id, parent_id]), return_inverse=True)
    key = trace * (2 * size + 1) + rank[:size]
    wanted = trace * (2 * size + 1) + rank[size:]
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    at = np.minimum(np.searchsorted(ordered, wanted), max(size - 1, 0))
    found = (ordered[at] == wanted) & (parent_id != 0) if size else np.zeros(0, bool)
    parent = np.where(found, order[at], NONE)
    named = np.bincount(parent[found], minlength=size)
    owner = order[np.searchsorted(ordered, key)]
    # A span that is its own parent hangs nowhere, but it is a child of its id.
    parent[parent == np.arange(size)] = NONE
    return parent, named[owner]


def _doublings(longest: int) -> int:
    """Steps after which a pointer that doubles has passed a path of that length."""
    return max(1, int(longest).bit_length() + 1)


def _reached(parent: Numbers, root: Flags, largest: int) -> Flags:
    size = len(parent)
    above = size  # where roots lead
    nowhere = size + 1
    up = np.concatenate([np.where(root, above, np.where(parent == NONE, nowhere, parent)), [above, nowhere]])
    for _ in range(_doublings(largest)):
        up = up[up]
    reached: Flags = up[:size] == above
    return reached


def _nested_sets(trace: Numbers, parent: Numbers, numbered: Flags, largest: int) -> tuple[Numbers, Numbers]:
    """Each span is entered and left once on a walk through its trace; a number is its place on that walk.

    The walk is a linked list: entering leads to the first child or to leaving, leaving to entering the next sibling or
    to leaving the parent. The distance of each place to the list's end is found by doubling.
    """
    size = len(trace)
    rows = np.flatnonzero(numbered)
    family = np.where(parent[rows] == NONE, size + trace[rows], parent[rows])
    order = np.argsort(family, kind="stable")
    rows, family = rows[order], family[order]
    end = 2 * size
    following = np.full(2 * size + 1, end)
    following[rows] = size + rows  # a leaf is left at once
    last = np.append(family[1:] != family[:-1], True)[: len(rows)]
    inner = last & (family < size)
    following[size + rows[inner]] = size + family[inner]
    following[size + rows[:-1][~last[:-1]]] = rows[1:][~last[:-1]]
    first = np.append(True, family[1:] != family[:-1])[: len(rows)] & (family < size)
    following[family[first]] = rows[first]
    distance = _distances(following, end, 2 * largest)
    length = 2 * np.bincount(trace[rows], minlength=int(trace[-1]) + 1 if size else 0)
    left, right = np.zeros(size, np.int64), np.zeros(size, np.int64)
    left[rows] = length[trace[rows]] - distance[rows] + 1
    right[rows] = length[trace[rows]] - distance[size + rows] + 1
    return left, right


def _distances(following: Numbers, end: int, longest: int) -> Numbers:
    distance = np.ones(len(following), np.int64)
    distance[end] = 0
    for _ in range(_doublings(longest)):
        distance += distance[following]
        following = following[following]
    return distance
