"""Tempo's names and values of tags, as Grafana's editor completes by them. Errors are text/plain."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse

from spanhouse.api import parameters
from spanhouse.api.authentication import query_scope
from spanhouse.api.problem import answers_errors, json_response, text_answer
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import Malformed
from spanhouse.tracing.plan.values import ValueType
from spanhouse.tracing.search.completion import condition_of
from spanhouse.tracing.search.tags import known_tags, tag_named, tag_values

VALUES_MAX: Final = 10_000
NAMES_MAX: Final = 10_000
_OLD_TAGS: Final = {"error": ("true",), "status.code": ("error", "ok", "unset")}
"""Of version 1 alone, which knows nothing of intrinsic fields."""

answers = answers_errors(text_answer)


@answers
def tags(request: HttpRequest) -> HttpResponse:
    by_scope = _known_tags(request)
    return json_response({"tagNames": sorted({name for names in by_scope.values() for name in names})})


@answers
def tags_v2(request: HttpRequest) -> HttpResponse:
    by_scope = _known_tags(request)
    return json_response({"scopes": [{"name": scope, "tags": names} for scope, names in by_scope.items()]})


@answers
def values(request: HttpRequest, tag: str) -> HttpResponse:
    found = [value for _, value in _values(request, tag)]
    return json_response({"tagValues": [*_OLD_TAGS.get(tag, ()), *found]})


@answers
def values_v2(request: HttpRequest, tag: str) -> HttpResponse:
    return json_response({"tagValues": [{"type": kind, "value": value} for kind, value in _values(request, tag)]})


def _known_tags(request: HttpRequest) -> dict[str, list[str]]:
    """At most `limit` of each scope."""
    scope = query_scope(request)
    asked = request.GET.dict()
    limit = _limit(asked, NAMES_MAX)
    time_range = parameters.time_range(asked, NANOS_PER_SECOND)
    by_scope = known_tags(scope, time_range, asked.get("scope", ""), condition_of(asked.get("q", "")))
    return {name: names[:limit] for name, names in by_scope.items()}


def _values(request: HttpRequest, tag: str) -> list[tuple[ValueType, str]]:
    scope = query_scope(request)
    asked = request.GET.dict()
    field = tag_named(tag)
    if field is None:
        raise Malformed(f"{tag[:80]!r} is not a tag")
    time_range = parameters.time_range(asked, NANOS_PER_SECOND)
    return tag_values(scope, time_range, field, _limit(asked, VALUES_MAX), condition_of(asked.get("q", "")))


def _limit(asked: dict[str, str], most: int) -> int:
    """0 means no limit but ours."""
    return min(parameters.whole_number(asked, "limit", most, 0, 10**9) or most, most)
