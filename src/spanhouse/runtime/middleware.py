"""Headers on every page: what a browser may load and do. Pages load only what this process serves."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class SecurityHeaders:
    """Sets the content security policy. `request.csp_nonce` allows one inline script, such as an import map."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = SimpleLazyObject(lambda: nonce)  # type: ignore[attr-defined]
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", _policy(nonce))
        response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        return response


def _policy(nonce: str) -> str:
    return (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; connect-src 'self'; "
        "img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
        # Attributes only: bar widths in a page come as style attributes, never as inline style sheets.
        "style-src 'self'; style-src-attr 'unsafe-inline'; "
        f"script-src 'self' 'nonce-{nonce}'"
    )
