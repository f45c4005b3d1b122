"""The API put together: who may ask, how it fails, where it is described."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import structlog
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.security.base import AuthBase

from spanhouse.api import problem
from spanhouse.api.authentication import query_scope
from spanhouse.api.rest import metrics, services, tags, traces, usage
from spanhouse.base.errors import InvalidQuery, SpanhouseError
from spanhouse.tracing.plan.scope import Scope

_log = structlog.get_logger(__name__)
ROOT: Final = "/api/v1/"
PROBLEM_TYPE: Final = "application/problem+json"
View = Callable[..., HttpResponseBase]


class QueryToken(AuthBase):
    """Whoever `query_scope` lets read; what it gives is the operation's `request.auth`."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_description = (
        "A query token; also taken as the password of Basic credentials or as x-api-key. "
        "A person's session will do, and programs on this machine need none while there is one account."
    )

    def __call__(self, request: HttpRequest) -> Scope:
        return query_scope(request)


class Described(NinjaAPI):
    """Says what a generator of descriptions cannot know: types of failures, parameters that are left out or given."""

    def get_root_path(self, path_params: dict[str, Any]) -> str:
        return ROOT

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **chosen: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**chosen)
        for operation in (operation for path in schema["paths"].values() for operation in path.values()):
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {PROBLEM_TYPE: response["content"]["application/json"]}
            for parameter in operation["parameters"]:
                _without_null(parameter["schema"])
            operation["security"].append({})  # a session, or this machine while it has one account
        return schema


def _without_null(schema: dict[str, Any]) -> None:
    """A parameter is left out, never null."""
    alternatives = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(alternatives) == 1:
        del schema["anyOf"]
        schema.update(alternatives[0])


api = Described(
    title="Spanhouse",
    version="1",
    description="What one instance's spans say: traces, services, attributes, metrics, usage.",
    docs_url=None,
    auth=QueryToken(),
    urls_namespace="rest",
)
for _router in (traces.router, services.router, tags.router, metrics.router, usage.router):
    api.add_router("", _router)


@api.exception_handler(SpanhouseError)
def _refused(request: HttpRequest, error: SpanhouseError) -> HttpResponse:
    members: dict[str, Any] = {}
    if isinstance(error, InvalidQuery):
        members = {"line": error.line, "column": error.column, "expected": list(error.expected)}
    return problem.of_error(error, problem.problem(problem.status_of(error), str(error), **members))


@api.exception_handler(ValidationError)
def _unfit(request: HttpRequest, error: ValidationError) -> HttpResponse:
    faults = [{"parameter": str(fault["loc"][-1]), "detail": str(fault["msg"])} for fault in error.errors]
    said = "; ".join(f"{fault['parameter']}: {fault['detail']}" for fault in faults)
    return problem.problem(400, said, faults=faults)


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem.problem(error.status_code, str(error))


@api.exception_handler(Http404)
def _no_such(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem.problem(404, "there is nothing at this address")


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    _log.error("a request failed", path=request.path, exc_info=error)
    return problem.problem(500, "this failed; the log says why")


def nothing(request: HttpRequest, rest: str) -> HttpResponse:
    return problem.problem(404, "there is nothing at this address")


def _answering(view: View) -> View:
    """HEAD as GET; a method that is not answered said as a problem."""

    def answer(request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
        if request.method == "HEAD":
            request.method = "GET"
        response = view(request, *args, **named)
        if response.status_code == 405 and response.get("Content-Type") != PROBLEM_TYPE:
            refusal = problem.problem(405, f"{request.method} is not answered here")
            refusal["Allow"] = "GET, HEAD"
            return refusal
        return response

    answer.csrf_exempt = True  # type: ignore[attr-defined]
    return answer


def _addresses() -> Iterator[URLPattern]:
    """Those of the operations and of their description, not of a page about them."""
    patterns, _, _ = api.urls
    for pattern in patterns:
        if isinstance(pattern, URLPattern) and pattern.name != "api-root":
            pattern.callback = _answering(pattern.callback)
            yield pattern


urlpatterns = [*_addresses(), re_path(r"^(?P<rest>.*)$", nothing)]
