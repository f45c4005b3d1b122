"""Who may send: a key, or loopback, → the instance that the spans belong to. The tenant comes from the key alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from spanhouse.base.errors import Forbidden, Malformed, Unauthenticated
from spanhouse.base.ids import digest_secret
from spanhouse.contracts.grant import Grants, KeyGrant
from spanhouse.contracts.limits import NO_LIMITS, Limits

FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
TENANT_BYTES_MAX = 150

_TENANT = re.compile(r"[0-9A-Za-z!\-_.*'()]+")
_LOOPBACK_HOST = re.compile(r"(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request says of its sender. `header` looks a header or metadata value up by its lower-case name."""

    header: Callable[[str], str | None]
    peer: str
    """IP address of the other end of the connection."""
    host: str | None = None
    """Host header, or None where the protocol is one that no browser can be led to speak."""
    path_key: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    instance: str
    key_id: str = ""
    """"" when loopback stood in for a key."""
    limits: Limits = NO_LIMITS


def admit(grants: Grants, caller: Caller, now_ns: int) -> Admitted:
    """Raises Unauthenticated, Forbidden, or Malformed for an X-Scope-OrgID that is no tenant id."""
    secret = _secret(caller)
    admitted = _by_key(grants, caller, secret, now_ns) if secret else _by_loopback(grants, caller)
    check_tenant(caller.header("x-scope-orgid"), admitted.instance)
    instance = grants.instances.get(admitted.instance)
    if instance is None:
        raise Forbidden("the instance of this key is gone")
    if not instance.may_ingest(now_ns):
        raise Forbidden(instance.denial or f"instance {instance.instance} takes no spans at present")
    return replace(admitted, limits=instance.limits)


def _secret(caller: Caller) -> str:
    """The key as given in the path or in the first header that holds one; "" for none."""
    if caller.path_key:
        return caller.path_key
    authorization = caller.header("authorization")
    if authorization:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthenticated("Authorization must be: Bearer KEY")
        return key.strip()
    return (caller.header("x-api-key") or caller.header("authentication") or "").strip()


def _by_key(grants: Grants, caller: Caller, secret: str, now_ns: int) -> Admitted:
    key = grants.keys.get(digest_secret(secret))
    if key is None:
        raise Unauthenticated("the key is unknown or revoked")
    if key.expired(now_ns):
        raise Unauthenticated(f"key {key.key_id} has expired")
    if key.scope != "ingest":
        raise Forbidden(f"key {key.key_id} is for queries; sending spans takes an ingest key")
    _check_origin(key, caller.header("origin"))
    return Admitted(key.instance, key.key_id)


def _check_origin(key: KeyGrant, origin: str | None) -> None:
    if not key.origins or (origin and origin.lower() in _lowered(key.origins)):
        return
    of = " and ".join(key.origins)
    named = f"the request comes from {origin}" if origin else "the request names no origin"
    raise Forbidden(f"key {key.key_id}: this key is for browsers of {of}; {named}")


def _by_loopback(grants: Grants, caller: Caller) -> Admitted:
    if grants.loopback_instance is None or not is_loopback(caller):
        raise Unauthenticated("no key: send Authorization: Bearer KEY")
    origin = caller.header("origin")
    if origin is not None and not _is_loopback_origin(origin):
        raise Forbidden(f"without a key pages of {origin} may not send here")
    return Admitted(grants.loopback_instance)


def is_loopback(caller: Caller) -> bool:
    """Whether a program on this machine speaks to us directly: no proxy between, and no page of a rebound name."""
    if not _is_loopback_address(caller.peer) or any(caller.header(name) for name in FORWARDING_HEADERS):
        return False
    return caller.host is None or _LOOPBACK_HOST.fullmatch(caller.host) is not None


def may_share(grants: Grants, caller: Caller, origin: str) -> bool:
    """Whether scripts of `origin` may send here and read the answer (CORS); asked before there is a key."""
    if grants.loopback_instance is not None and _is_loopback_origin(origin) and is_loopback(caller):
        return True
    keys: Mapping[str, KeyGrant] = grants.keys
    if caller.path_key:
        digest = digest_secret(caller.path_key)
        keys = {digest: keys[digest]} if digest in keys else {}
    return any(origin.lower() in _lowered(key.origins) for key in keys.values() if key.scope == "ingest")


def _lowered(origins: tuple[str, ...]) -> set[str]:
    return {origin.lower() for origin in origins}


def _is_loopback_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and _LOOPBACK_HOST.fullmatch(parts.netloc) is not None


def _is_loopback_address(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_tenant(tenant: str | None, instance: str) -> None:
    """X-Scope-OrgID may be sent, as clients of other tracers do, but must name the key's own instance.

    Raises Malformed for what is no tenant id, Forbidden for another tenant.
    """
    if tenant is None:
        return
    if not _TENANT.fullmatch(tenant) or tenant in (".", "..") or len(tenant) > TENANT_BYTES_MAX:
        raise Malformed("X-Scope-OrgID is not one tenant id")
    if tenant != instance:
        raise Forbidden("X-Scope-OrgID names another tenant than the key")
