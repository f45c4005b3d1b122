"""What the control plane tells the data plane: who may send and read, and how much. Frozen, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from spanhouse.contracts.limits import NO_LIMITS, Limits

KeyScope = Literal["ingest", "query"]


@dataclass(frozen=True, slots=True)
class InstanceGrant:
    """What one instance may do now. Deadlines inside take effect by themselves at their nanosecond."""

    instance: str
    name: str
    retention_days: int
    ingest: bool = True
    query: bool = True
    denial: str = ""
    suspended_from_ns: int | None = None
    limits: Limits = NO_LIMITS

    def may_ingest(self, now_ns: int) -> bool:
        return self.ingest and not self._suspended(now_ns)

    def may_query(self, now_ns: int) -> bool:
        return self.query and not self._suspended(now_ns)

    def _suspended(self, now_ns: int) -> bool:
        return self.suspended_from_ns is not None and now_ns >= self.suspended_from_ns


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """One live key. `digest` is SHA-256 hex of the secret. `origins` bind a public browser key; empty = any client."""

    key_id: str
    digest: str
    instance: str
    scope: KeyScope
    expires_at_ns: int | None = None
    origins: tuple[str, ...] = ()

    def expired(self, now_ns: int) -> bool:
        return self.expires_at_ns is not None and now_ns >= self.expires_at_ns


@dataclass(frozen=True, slots=True)
class Grants:
    """A whole snapshot. `loopback_instance` takes spans and queries from loopback without a key, if set."""

    version: int
    instances: Mapping[str, InstanceGrant] = field(default_factory=dict)
    keys: Mapping[str, KeyGrant] = field(default_factory=dict)
    """by digest"""
    loopback_instance: str | None = None

    def to_json(self) -> bytes:
        return json.dumps(
            {
                "version": self.version,
                "loopback_instance": self.loopback_instance,
                "instances": [_instance_to_dict(instance) for instance in self.instances.values()],
                "keys": [asdict(key) for key in self.keys.values()],
            }
        ).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Grants:
        data = json.loads(content)
        instances = [_instance_from_dict(row) for row in data["instances"]]
        keys = [KeyGrant(**{**row, "origins": tuple(row["origins"])}) for row in data["keys"]]
        return cls(
            version=data["version"],
            instances={grant.instance: grant for grant in instances},
            keys={key.digest: key for key in keys},
            loopback_instance=data["loopback_instance"],
        )


def _instance_to_dict(instance: InstanceGrant) -> dict[str, Any]:
    return {**asdict(instance), "limits": instance.limits.to_dict()}


def _instance_from_dict(row: Mapping[str, Any]) -> InstanceGrant:
    """A snapshot from before there were limits has none."""
    return InstanceGrant(**{**row, "limits": Limits.from_dict(row.get("limits", {}))})
