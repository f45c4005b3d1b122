"""Who sends a request, for the log: one place says what an address is."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from spanhouse.customers.accounts.audit.actors import By, by_nobody, by_user
from spanhouse.customers.accounts.models import User


def client_ip(request: HttpRequest) -> str:
    """The other end's address.

    Behind N trusted proxies it is the Nth from the right of X-Forwarded-For: what stands left of it anybody may write.
    """
    peer = str(request.META.get("REMOTE_ADDR") or "")
    trusted: int = settings.TRUSTED_PROXIES
    if not trusted:
        return peer
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    return hops[-trusted] if len(hops) >= trusted else peer


def by_request(request: HttpRequest, user: User | None = None) -> By:
    """The person of the request's session, or `user` who is just logging in; nobody where there is neither."""
    person = user or (request.user if isinstance(getattr(request, "user", None), User) else None)
    ip, host = client_ip(request), request.headers.get("Host", "")
    agent = request.headers.get("User-Agent", "")
    if not isinstance(person, User):
        return by_nobody(ip=ip, host=host, user_agent=agent)
    return by_user(person, ip=ip, host=host, user_agent=agent)
