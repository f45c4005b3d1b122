"""What the data plane tells the control plane: what it refused, of whom, why and in which hour. Frozen, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from spanhouse.base.clock import NANOS_PER_SECOND

NANOS_PER_HOUR = 3600 * NANOS_PER_SECOND

REFUSED_FILES = "refused-*.json"
"""Beside the Grants, one for each process that takes spans in."""


def refused_file(index: int) -> str:
    return f"refused-{index}.json"


class RefusedIn(NamedTuple):
    """`hour`: of UTC, counted from the epoch. `reason`: the name of a limit, a rule of the protocol, or a kind of
    error; there are few."""

    instance: str
    reason: str
    hour: int


class Amount(NamedTuple):
    """`requests` are those refused whole; spans and bytes are known only where a body could be read."""

    requests: int = 0
    spans: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """Everything that one source refused in the hours it still holds: amounts only grow. A source is a file from the
    day it was begun, so that one begun anew adds to what was taken up before."""

    source: str
    amounts: Mapping[RefusedIn, Amount] = field(default_factory=dict)

    def to_json(self) -> bytes:
        rows = [[*at, *amount] for at, amount in self.amounts.items()]
        return json.dumps({"source": self.source, "amounts": rows}).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Refused:
        """Raises ValueError for what is no such file."""
        try:
            data = json.loads(content)
            rows = [(RefusedIn(*row[:3]), Amount(*row[3:])) for row in data["amounts"]]
            source = data["source"]
        except (TypeError, KeyError) as error:
            raise ValueError("not what was refused") from error
        for at, amount in rows:
            if not all(type(number) is int and number >= 0 for number in (at.hour, *amount)):
                raise ValueError("an amount is no whole number")
            if type(at.instance) is not str or type(at.reason) is not str:
                raise ValueError("an amount names no instance or reason")
        if type(source) is not str or not source:
            raise ValueError("no source")
        return cls(source, dict(rows))
