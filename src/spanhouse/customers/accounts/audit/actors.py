"""Who does something, and from where. Every write service takes one as `by`."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from spanhouse.customers.accounts.audit.text import storable

if TYPE_CHECKING:
    from spanhouse.customers.accounts.models import User


class ActorKind(StrEnum):
    USER = "user"
    STAFF = "staff"
    """One who runs this installation."""
    KEY = "key"
    COMMAND = "command"
    """Whoever may run `spanhouse` on the machine."""
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class By:
    kind: ActorKind
    id: str = ""
    name: str = ""
    ip: str = ""
    host: str = ""
    user_agent: str = ""
    user: User | None = None
    """Set where a person acts: then the deed needs that person's right to it."""


SYSTEM = By(ActorKind.SYSTEM)


def by_user(user: User, *, ip: str = "", host: str = "", user_agent: str = "") -> By:
    kind = ActorKind.STAFF if user.is_operator else ActorKind.USER
    return By(
        kind,
        id=str(user.pk),
        name=storable(user.username, 254),
        ip=storable(ip, 45),
        host=storable(host, 255),
        user_agent=storable(user_agent, 300),
        user=user,
    )


def by_nobody(*, ip: str = "", host: str = "", user_agent: str = "") -> By:
    """Somebody who is not known: before a login."""
    return By(ActorKind.USER, ip=storable(ip, 45), host=storable(host, 255), user_agent=storable(user_agent, 300))


def by_key(key_id: str, name: str) -> By:
    """A program with a key or token."""
    return By(ActorKind.KEY, id=key_id, name=storable(name, 254))


def by_command(name: str = "") -> By:
    """A command on this machine; `name` is the system's name of who runs it."""
    return By(ActorKind.COMMAND, name=storable(name, 254), host=storable(socket.gethostname(), 255))
