"""Who asks, and whose spans they may read: a query token, a person's session, or a program on this machine."""

from __future__ import annotations

import base64
import binascii

from django.conf import settings
from django.http import HttpRequest

from spanhouse.base.clock import to_datetime
from spanhouse.base.errors import Forbidden, Unauthenticated
from spanhouse.customers.accounts.audit.requests import by_request
from spanhouse.customers.accounts.models import User
from spanhouse.customers.accounts.operations import Operation
from spanhouse.customers.agreements import services as agreements
from spanhouse.customers.instances import access, selectors, services
from spanhouse.customers.instances.access import Reading
from spanhouse.customers.instances.models import Instance
from spanhouse.tracing.ingest.admission import Caller, check_tenant, is_loopback
from spanhouse.tracing.plan.scope import QueryLimits, Scope

_HOW = "send a query token as Authorization: Bearer TOKEN, as a Basic password, or as x-api-key"


def query_scope(request: HttpRequest) -> Scope:
    """What this request may read.

    A token that is sent decides alone, even where a session or loopback would do. Raises Unauthenticated when nothing
    says who asks, Forbidden when that one may not read this now, Malformed for an X-Scope-OrgID that is no tenant id.
    """
    now_ns = settings.CLOCK.now_ns()
    caller = _caller(request)
    reading = _by_key(caller, now_ns) or _by_session(request, now_ns) or _by_loopback(caller)
    return _scope(reading, caller, now_ns)


def call_scope(caller: Caller) -> Scope:
    """What this gRPC call may read, by its metadata: the same rules, but a call has no session."""
    now_ns = settings.CLOCK.now_ns()
    return _scope(_by_key(caller, now_ns) or _by_loopback(caller), caller, now_ns)


def _scope(reading: Reading, caller: Caller, now_ns: int) -> Scope:
    instance = reading.instance
    check_tenant(caller.header("x-scope-orgid"), instance.pk)
    grant = selectors.instance_grant(instance)
    if not grant.may_query(now_ns):
        raise Forbidden(grant.denial or f"instance {instance.pk} answers no queries at present")
    return Scope(instance.pk, reading.services, QueryLimits.of(grant.limits))


def _by_key(caller: Caller, now_ns: int) -> Reading | None:
    secret = _secret(caller)
    return Reading(_by_token(secret, now_ns)) if secret is not None else None


def _secret(caller: Caller) -> str | None:
    """The token as sent, or None if there is none. Raises Unauthenticated when it is sent in no form we know."""
    authorization = caller.header("authorization")
    if authorization is None:
        return caller.header("x-api-key")
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer" and rest.strip():
        return rest.strip()
    if scheme.lower() == "basic":
        return _basic_password(rest)
    raise Unauthenticated(_HOW)


def _basic_password(encoded: str) -> str:
    """The password of `user:password`; any user name will do."""
    try:
        _, separator, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthenticated("the Basic credentials are not base64 of user:password") from error
    if not separator or not password:
        raise Unauthenticated("the Basic credentials have no password; it is the query token")
    return password


def _by_token(secret: str, now_ns: int) -> Instance:
    key = selectors.find_key(secret)
    if key is None:
        raise Unauthenticated("the token is unknown or revoked")
    grant = selectors.key_grant(key)
    if grant.expired(now_ns):
        raise Unauthenticated(f"token {key.pk} has expired")
    if grant.scope != "query":
        raise Forbidden(f"key {key.pk} is for sending spans; reading them takes a query token")
    services.note_use(key, now=to_datetime(now_ns))
    return key.instance


def _by_session(request: HttpRequest, now_ns: int) -> Reading | None:
    """What the person who is logged in may read of the instance they look at; None where nobody is."""
    if not isinstance(request.user, User):
        return None
    now, chosen = to_datetime(now_ns), request.session.get(selectors.CHOSEN_INSTANCE)
    instance = access.instance_for(request.user, Operation.QUERY, now, chosen)
    reading = access.scope_for(request.user, instance, now) if instance else None
    if reading is None:
        raise Forbidden("there is no instance that you may read")
    agreements.accept_by_use(reading.instance.account, now=now, by=by_request(request))
    return reading


def _by_loopback(caller: Caller) -> Reading:
    open_instance = selectors.loopback_instance()
    if open_instance is None or not is_loopback(caller):
        raise Unauthenticated(_HOW)
    # A page from elsewhere cannot read the answer, but it should not be able to make this machine work either.
    if (caller.header("sec-fetch-site") or "none") not in ("none", "same-origin"):
        raise Forbidden("pages of other sites may not query here without a token")
    return Reading(selectors.get_instance(open_instance))


def _caller(request: HttpRequest) -> Caller:
    # "" is no loopback name: HTTP/1.0 without a Host header gets no instance for free.
    return Caller(request.headers.get, request.META.get("REMOTE_ADDR") or "", request.headers.get("Host", ""))
