"""Predicates of which some parts cannot be said where they are asked: what is left without those parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Final

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan.predicates import And, Constant, Not, Or, Predicate

ATOMS_MAX: Final = 6
"""different parts of one filter: each doubles what is asked of the engine"""


def atoms_of(predicate: Predicate, unknown: Callable[[Predicate], bool]) -> list[Predicate]:
    """The comparisons that are unknown, each once."""
    # By text: True and 1 are equal in Python, and comparisons with them are not the same.
    return list({repr(atom): atom for atom in _leaves(predicate) if unknown(atom)}.values())


def variants(predicate: Predicate, atoms: Sequence[Predicate]) -> Iterator[tuple[tuple[bool, ...], Predicate]]:
    """What is left of the predicate for each way in which these parts of it can turn out; the impossible left out."""
    if len(atoms) > ATOMS_MAX:
        raise InvalidQuery(f"one filter has more than {ATOMS_MAX} different conditions on a span's place in its trace")
    for outcome in product((True, False), repeat=len(atoms)):
        rest = _with(predicate, dict(zip(map(repr, atoms), outcome, strict=True)))
        if rest != Constant(False):
            yield outcome, rest


def possible(predicate: Predicate, unknown: Callable[[Predicate], bool]) -> Predicate:
    """What every span satisfies that satisfies the predicate, whatever the unknown parts of it turn out to be."""
    atoms = atoms_of(predicate, unknown)
    if len(atoms) > ATOMS_MAX:
        return Constant(True)
    return _joined(Or, [rest for _, rest in variants(predicate, atoms)]) if atoms else predicate


def _leaves(predicate: Predicate) -> Iterator[Predicate]:
    match predicate:
        case Not(of):
            yield from _leaves(of)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _leaves(part)
        case _:
            yield predicate


def _with(predicate: Predicate, known: dict[str, bool]) -> Predicate:
    match predicate:
        case Not(of):
            inner = _with(of, known)
            return Constant(not inner.value) if isinstance(inner, Constant) else Not(inner)
        case And(parts):
            return _joined(And, [_with(part, known) for part in parts])
        case Or(parts):
            return _joined(Or, [_with(part, known) for part in parts])
        case _:
            return Constant(known[repr(predicate)]) if repr(predicate) in known else predicate


def _joined(join: type[And] | type[Or], parts: Sequence[Predicate]) -> Predicate:
    decisive = join is Or
    if Constant(decisive) in parts:
        return Constant(decisive)
    rest = tuple(part for part in parts if not isinstance(part, Constant))
    if not rest:
        return Constant(not decisive)
    return rest[0] if len(rest) == 1 else join(rest)
