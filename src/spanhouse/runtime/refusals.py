"""Requests that no view gets to see."""

from __future__ import annotations

import structlog
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest

_log = structlog.get_logger(__name__)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400; a Host that is none of ours is told how it could become one."""
    if isinstance(exception, DisallowedHost):
        _log.warning("refused a foreign Host", host=request.headers.get("Host", ""))
        message = "The console does not answer to this host name. SPANHOUSE_ALLOWED_HOSTS can allow it.\n"
    else:
        message = "This request makes no sense.\n"
    return HttpResponseBadRequest(message, content_type="text/plain")
