"""Every address asks who is there. A new one that does not must be named here, or fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.kit.accounts import operator, shop

PUBLIC = {
    "healthz",
    "readyz",
    "metrics",
    "static/<str:version>/<path:path>",
    "login",
    "login/link/<str:code>",
    "logout",
    "language",
    "favicon.ico",
    "tempo/ready",
    "tempo/api/echo",
    "tempo/api/status/buildinfo",
    "api/v1/openapi.json",
    "zipkin/config.json",
    "zipkin/health",
    "zipkin/info",
}
"""Addresses that say nothing of anybody's, or are the way in and out."""

SAMPLES = {"int": "1", "str": "x", "path": "x", "slug": "x", "uuid": "00000000-0000-0000-0000-000000000000"}


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


ROUTES = sorted(set(routes(get_resolver("spanhouse.runtime.urls").url_patterns)))
GUARDED = [route for route in ROUTES if route not in PUBLIC]


def filled(route: str) -> str:
    """The route with something in the place of each parameter."""
    path = route
    for kind, sample in SAMPLES.items():
        while f"<{kind}:" in path:
            start = path.index(f"<{kind}:")
            path = path[:start] + sample + path[path.index(">", start) + 1 :]
    return "/" + path


def test_public_addresses_are_those_that_exist() -> None:
    assert set(ROUTES) >= PUBLIC


@pytest.mark.clause("R6")
@pytest.mark.report("A01")
@pytest.mark.django_db
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("route", GUARDED)
def test_nobody_gets_past_an_address_without_saying_who_they_are(route: str, method: str) -> None:
    operator()
    shop()
    stranger = Client(headers={"host": "localhost"}, REMOTE_ADDR="203.0.113.7", raise_request_exception=False)

    answer = stranger.generic(method, filled(route))

    to_login = answer.status_code == 302 and answer.headers["Location"].startswith("/login?")
    assert to_login or answer.status_code in (400, 401, 403, 404, 405), answer.status_code
