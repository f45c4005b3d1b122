"""Names of attributes and the values they have."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Field, Query, Router

from spanhouse.api.rest import asked, schemas
from spanhouse.api.rest.answers import answers, statements_json
from spanhouse.api.rest.asked import Asking
from spanhouse.base.errors import Malformed
from spanhouse.tracing.search.completion import condition_of
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.search.tags import known_tags, tag_named

router = Router(tags=["tags"])


class TagsAsked(asked.Within):
    scope: Annotated[str, Field(pattern="^(|resource|span|event|link|instrumentation|intrinsic)$")] = Field(
        "", description="of this scope alone"
    )
    q: asked.Query = Field("", description="a TraceQL filter, whole or not: names on spans that satisfy it")
    limit: int = Field(1_000, ge=1, le=10_000, description="names of each scope")


class ValuesAsked(asked.Within):
    tag: str = Field(
        min_length=1, max_length=2_000, description="as in TraceQL", examples=["span.http.route", "name", "status"]
    )
    q: asked.Query = Field("", description="a TraceQL filter, whole or not: values on spans that satisfy it")
    limit: int = Field(100, ge=1, le=10_000)
    explain: bool = Field(False, description="also the statements that the answer took")


@router.get("/tags", response=answers(schemas.Tags), summary="Names of attributes and fields")
def tags(request: Asking, wanted: Query[TagsAsked]) -> dict[str, Any]:
    by_scope = known_tags(request.auth, wanted.range(), wanted.scope, condition_of(wanted.q))
    return {"scopes": [{"scope": scope, "names": names[: wanted.limit]} for scope, names in by_scope.items()]}


@router.get(
    "/values", response=answers(schemas.TagValues), summary="Values of an attribute or field", exclude_unset=True
)
def values(request: Asking, wanted: Query[ValuesAsked]) -> dict[str, Any]:
    """Of the newest spans of the range first, until there are as many as asked for, or enough spans were looked at."""
    field = tag_named(wanted.tag)
    if field is None:
        raise Malformed(f"{wanted.tag[:80]!r} is not a tag")
    found = reader().field_values(request.auth, wanted.range(), field, wanted.limit, condition_of(wanted.q))
    return {
        "values": [{"type": value.type, "value": value.text, "seen": value.seen} for value in found.values],
        "complete": found.complete,
        **({"statements": statements_json(found.statements)} if wanted.explain else {}),
    }
