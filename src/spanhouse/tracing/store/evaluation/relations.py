"""Which spans stand in a relation to some others: the structural operators, over many traces at once.

`domain` says of each span which group it may find partners in (its trace, or a spanset of it); `left` and `right` are
flags of spans that have one. Only numbered spans stand in a relation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from spanhouse.tracing.plan.spansets import Relation
from spanhouse.tracing.store.evaluation.forest import NONE, Flags, Forest, Numbers

INVERSE: Final = {
    Relation.CHILD: Relation.PARENT,
    Relation.PARENT: Relation.CHILD,
    Relation.DESCENDANT: Relation.ANCESTOR,
    Relation.ANCESTOR: Relation.DESCENDANT,
    Relation.SIBLING: Relation.SIBLING,
}


def standing(forest: Forest, domain: Numbers, relation: Relation, left: Flags, right: Flags) -> Flags:
    """The right spans to which some left span of the same domain stands so."""
    return _RELATIONS[relation](forest, domain, left & forest.numbered, right & forest.numbered)


def _children(forest: Forest, domain: Numbers, left: Flags, right: Flags) -> Flags:
    """The right ones whose parent is a left one."""
    found: Flags = right & (forest.parent != NONE)
    rows = np.flatnonzero(found)
    above = forest.parent[rows]
    found[rows] = left[above] & (domain[above] == domain[rows])
    return found


def _parents(forest: Forest, domain: Numbers, left: Flags, right: Flags) -> Flags:
    """The right ones that are the parent of a left one."""
    rows = np.flatnonzero(left & (forest.parent != NONE))
    above = forest.parent[rows]
    found = np.zeros(len(right), bool)
    found[above[domain[above] == domain[rows]]] = True
    return found & right


def _descendants(forest: Forest, domain: Numbers, left: Flags, right: Flags) -> Flags:
    """The right ones that lie within the numbers of a left one: more of those began before it than ended."""
    place = _places(forest, domain)
    began, ended = np.sort(place(left, forest.left)), np.sort(place(left, forest.right))
    rows = np.flatnonzero(right)
    at = place(right, forest.left)
    found = np.zeros(len(right), bool)
    found[rows] = np.searchsorted(began, at, "left") > np.searchsorted(ended, at, "left")
    return found


def _ancestors(forest: Forest, domain: Numbers, left: Flags, right: Flags) -> Flags:
    """The right ones within whose numbers a left one begins."""
    place = _places(forest, domain)
    began = np.sort(place(left, forest.left))
    first = np.searchsorted(began, place(right, forest.left), "right")
    found = np.zeros(len(right), bool)
    found[np.flatnonzero(right)] = np.searchsorted(began, place(right, forest.right), "left") > first
    return found


def _siblings(forest: Forest, domain: Numbers, left: Flags, right: Flags) -> Flags:
    """The right ones that have another span among the left ones of their family."""
    rows = np.flatnonzero(left | right)
    of_domain = forest.siblings[rows] * (int(domain.max(initial=0)) + 1) + domain[rows]
    _, family = np.unique(of_domain, return_inverse=True)
    others = np.bincount(family, weights=left[rows])[family] - left[rows]
    found = np.zeros(len(right), bool)
    found[rows] = right[rows] & (others > 0)
    return found


def _places(forest: Forest, domain: Numbers) -> Callable[[Flags, Numbers], Numbers]:
    """Numbers of one domain after those of another, so that all can be searched at once."""
    reach = int(forest.right.max(initial=0)) + 1
    return lambda of, numbers: domain[of] * reach + numbers[of]


_RELATIONS: Final[dict[Relation, Callable[[Forest, Numbers, Flags, Flags], Flags]]] = {
    Relation.CHILD: _children,
    Relation.PARENT: _parents,
    Relation.DESCENDANT: _descendants,
    Relation.ANCESTOR: _ancestors,
    Relation.SIBLING: _siblings,
}
