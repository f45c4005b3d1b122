"""Our errors in the form of each protocol. One place says which status an error has."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, Final, ParamSpec, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from spanhouse.base.errors import (
    Conflict,
    Forbidden,
    NotFound,
    QueryCancelled,
    QueryLimitReached,
    RateLimited,
    Refused,
    SpanhouseError,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
Answer = Callable[[int, str], HttpResponse]

# The first that fits counts, so the more exact ones stand first.
_STATUSES: Final[tuple[tuple[type[SpanhouseError], int], ...]] = (
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (TooLarge, 413),
    (UnsupportedMedia, 415),
    (QueryCancelled, 503),
    (QueryLimitReached, 422),
    (RateLimited, 429),
    (Unavailable, 503),
    (Refused, 400),
)


def status_of(error: SpanhouseError) -> int:
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def json_response(data: Any, *, status: int = 200) -> HttpResponse:
    """Strict JSON: NaN and the infinities are refused here, so they must be text before."""
    return json_text_response(
        json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")), status=status
    )


def json_text_response(content: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(content.encode("utf-8", "replace"), content_type="application/json", status=status)


def text_answer(status: int, message: str) -> HttpResponse:
    return HttpResponse(message + "\n", content_type="text/plain; charset=utf-8", status=status)


def problem(status: int, message: str, **members: Any) -> HttpResponse:
    """RFC 9457; `members` are its extensions."""
    about = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": message}
    body = {**about, **members}
    answer = json_response(body, status=status)
    answer["Content-Type"] = "application/problem+json"
    return answer


def answers_errors(answer: Answer) -> Callable[[View[P]], View[P]]:
    """Let `answer` say what went wrong when a view raises one of our errors; GET and HEAD only."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method not in ("GET", "HEAD"):
                response = answer(405, f"{request.method} is not answered here")
                response["Allow"] = "GET, HEAD"
                return response
            try:
                return view(request, *args, **kwargs)
            except SpanhouseError as error:
                return of_error(error, answer(status_of(error), str(error)))

        return cast("View[P]", guarded)

    return decorate


def of_error(error: SpanhouseError, response: HttpResponse) -> HttpResponse:
    """With the headers that the error's status goes with."""
    if isinstance(error, Unavailable):
        response["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthenticated):
        response["WWW-Authenticate"] = 'Bearer realm="spanhouse", Basic realm="spanhouse"'
    return response
