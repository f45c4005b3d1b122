"""Whether an instance is in service: released or not, a right to service, a set of holds. Pure.

An instance is active exactly when it has a right to service and no hold. `RULES` is the whole of what may follow what;
nothing else places a hold, lifts one, or releases an instance. Clauses S1.1, S1.2, G6.3, G9.3, G10.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from spanhouse.base.errors import Malformed


class Hold(StrEnum):
    TERM = "term"
    """its term ended and was not renewed"""
    ARREARS = "arrears"
    """its account owes"""
    MEASURE = "measure"
    """the operator acts against a breach or abnormal use"""
    DANGER = "danger"
    """it endangers the network"""


class Right(StrEnum):
    """By what an instance has service."""

    OWN = "own"
    """it is the operator's own, outside contract and billing"""
    METERED = "metered"
    """pay-as-you-go"""
    TERM = "term"
    """a paid term, which ends"""


class Release(StrEnum):
    """Why an instance is gone for good."""

    CUSTOMER = "customer"
    TERM = "term"
    ARREARS = "arrears"
    BREACH = "breach"
    DANGER = "danger"
    NOTICE = "notice"


class Act(StrEnum):
    PLACE = "place"
    LIFT = "lift"
    RELEASE = "release"


Step = Hold | Release

_ANY = frozenset(Right)
_CONTRACT = frozenset({Right.METERED, Right.TERM})


@dataclass(frozen=True, slots=True)
class Rule:
    act: Act
    what: Step
    clause: str
    rights: frozenset[Right] = _ANY
    """Of instances that have service by one of these."""
    after: Hold | None = None
    """This hold must be on it."""


RULES: Final = (
    Rule(Act.PLACE, Hold.TERM, "S1.1.1", rights=frozenset({Right.TERM})),
    Rule(Act.PLACE, Hold.ARREARS, "S1.2.1", rights=frozenset({Right.METERED})),
    Rule(Act.PLACE, Hold.MEASURE, "G10.1"),
    Rule(Act.PLACE, Hold.DANGER, "G9.3.3"),
    Rule(Act.LIFT, Hold.TERM, "S1.1.2", after=Hold.TERM),
    Rule(Act.LIFT, Hold.ARREARS, "S1.2.2", after=Hold.ARREARS),
    Rule(Act.LIFT, Hold.MEASURE, "G10.1", after=Hold.MEASURE),
    Rule(Act.LIFT, Hold.DANGER, "G9.3.3", after=Hold.DANGER),
    Rule(Act.RELEASE, Release.CUSTOMER, "G6.3"),
    Rule(Act.RELEASE, Release.TERM, "S1.1.2", rights=frozenset({Right.TERM}), after=Hold.TERM),
    Rule(Act.RELEASE, Release.ARREARS, "S1.2.2", rights=frozenset({Right.METERED}), after=Hold.ARREARS),
    Rule(Act.RELEASE, Release.BREACH, "G9.3.2", rights=_CONTRACT, after=Hold.MEASURE),
    Rule(Act.RELEASE, Release.DANGER, "G9.3.3", rights=_CONTRACT, after=Hold.DANGER),
    Rule(Act.RELEASE, Release.NOTICE, "G9.3.4", rights=_CONTRACT),
)


@dataclass(frozen=True, slots=True)
class State:
    right: Right
    holds: frozenset[Hold] = frozenset()
    term_ends_at: datetime | None = None
    """Of a term: service ends at this moment by itself, whoever notices it when."""
    released: bool = False

    def has_right(self, now: datetime) -> bool:
        return self.right is not Right.TERM or (self.term_ends_at is not None and now < self.term_ends_at)

    def is_active(self, now: datetime) -> bool:
        return not self.released and not self.holds and self.has_right(now)


def possible(state: State) -> Iterator[Rule]:
    """What may happen to an instance in this state. Nothing follows a release; a hold is on it once."""
    for rule in RULES:
        fits = state.right in rule.rights and (rule.after is None or rule.after in state.holds)
        again = rule.act is Act.PLACE and rule.what in state.holds
        if fits and not again and not state.released:
            yield rule


def follow(state: State, act: Act, what: Step) -> State:
    """The state after it. Raises Malformed when the table does not allow it."""
    if not any(rule.act is act and rule.what is what for rule in possible(state)):
        held = ", ".join(sorted(state.holds)) or "no hold"
        at = "it is released" if state.released else f"it has service by {state.right!r} and {held}"
        raise Malformed(f"{act} {what} is not possible for this instance: {at}")
    if act is Act.RELEASE:
        return replace(state, released=True)
    changed = frozenset({Hold(what)})
    return replace(state, holds=state.holds | changed if act is Act.PLACE else state.holds - changed)
