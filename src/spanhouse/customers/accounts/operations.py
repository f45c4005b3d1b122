"""What may be done for an account, and the roles that bundle it. Clauses G5.5, G8."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from django.db import models


class Operation(StrEnum):
    INGEST = "ingest"
    """send spans: make keys that do"""
    QUERY = "query"
    """read spans and what is computed of them"""
    READ = "read"
    """see settings, keys, papers and members"""
    CONFIGURE = "configure"
    """change instances and their keys"""
    DELETE = "delete"
    """delete spans, release instances"""
    ORDER = "order"
    """make instances, place orders"""
    PAY = "pay"
    MANAGE_MEMBERS = "manage_members"
    """invite, give and take rights, never more than one's own"""
    SIGN = "sign"
    """accept agreements for the account"""
    AUDIT = "audit"
    """read and export the audit log"""
    SUPPORT = "support"
    """open tickets and answer in them"""


ON_INSTANCES: Final = frozenset(
    {
        Operation.INGEST,
        Operation.QUERY,
        Operation.READ,
        Operation.CONFIGURE,
        Operation.DELETE,
        Operation.SUPPORT,
    }
)
"""May be granted on named instances. The rest concerns the account as a whole."""

ON_SERVICES: Final = frozenset({Operation.QUERY})
"""May be granted on named services: whoever may configure could lift any such limit."""


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"
    BILLING = "billing"


ROLES: Final[Mapping[str, frozenset[Operation]]] = {
    Role.OWNER: frozenset(Operation),
    Role.ADMIN: frozenset(Operation) - {Operation.SIGN, Operation.PAY, Operation.DELETE},
    Role.EDITOR: frozenset({Operation.INGEST, Operation.QUERY, Operation.READ, Operation.CONFIGURE, Operation.SUPPORT}),
    Role.VIEWER: frozenset({Operation.QUERY, Operation.READ}),
    Role.BILLING: frozenset({Operation.READ, Operation.PAY, Operation.SUPPORT}),
}


def may_manage(own: frozenset[Operation], role: str) -> bool:
    """Nobody gives, changes or takes a role that can more than oneself."""
    return Operation.MANAGE_MEMBERS in own and ROLES[role] <= own
