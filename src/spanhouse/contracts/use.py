"""What the data plane tells the control plane: when each key was last used. Frozen, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

USE_FILES = "use-*.json"
"""Beside the Grants, one for each process that takes spans in."""


def use_file(index: int) -> str:
    return f"use-{index}.json"


@dataclass(frozen=True, slots=True)
class KeyUses:
    last_ns: Mapping[str, int] = field(default_factory=dict)
    """by key id"""

    def to_json(self) -> bytes:
        return json.dumps({"last_ns": dict(self.last_ns)}).encode()

    @classmethod
    def from_json(cls, content: bytes) -> KeyUses:
        """Raises ValueError for what is no such file."""
        data = json.loads(content)
        uses = data.get("last_ns") if isinstance(data, dict) else None
        if not isinstance(uses, dict) or not all(type(moment) is int and moment >= 0 for moment in uses.values()):
            raise ValueError("not the last uses of keys")
        return cls(uses)
