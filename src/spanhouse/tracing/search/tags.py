"""Names of attributes and what values they have, for completion."""

from __future__ import annotations

from typing import Final

from spanhouse.base.errors import InvalidQuery, Malformed
from spanhouse.tracing.plan.predicates import AttributeScope, Field, Intrinsic, Predicate
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.values import ValueType
from spanhouse.tracing.search.find import EVERYTHING
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.spans.model import SpanKind, StatusCode
from spanhouse.tracing.traceql import syntax
from spanhouse.tracing.traceql.fields import INTRINSICS, field_of
from spanhouse.tracing.traceql.parser import parse

SCOPES: Final[tuple[AttributeScope, ...]] = ("resource", "span", "event", "link", "instrumentation")
INTRINSIC_SCOPE: Final = "intrinsic"
INTRINSIC_NAMES: Final = (
    "duration",
    "event:name",
    "event:timeSinceStart",
    "instrumentation:name",
    "instrumentation:version",
    "kind",
    "link:spanID",
    "link:traceID",
    "name",
    "rootName",
    "rootServiceName",
    "span:childCount",
    "span:duration",
    "span:id",
    "span:kind",
    "span:name",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "status",
    "statusMessage",
    "trace:duration",
    "trace:id",
    "trace:rootName",
    "trace:rootService",
    "traceDuration",
)
"""Both spellings, since either may be what someone begins to write. Numbers of the tree are left out, as in Tempo."""

_KEYWORDS: Final = {
    Intrinsic.STATUS: tuple(member.name.lower() for member in (StatusCode.ERROR, StatusCode.OK, StatusCode.UNSET)),
    Intrinsic.KIND: tuple(kind.name.lower() for kind in SpanKind),
}


def known_tags(
    scope: Scope, time_range: TimeRange, of: str = "", where: Predicate = EVERYTHING
) -> dict[str, list[str]]:
    """Names by attribute scope, the intrinsic ones last. `of` limits it to one scope; `""` and `none` mean all.

    With a condition: attributes of spans that satisfy it.
    """
    if of not in ("", "none", INTRINSIC_SCOPE, *SCOPES):
        raise Malformed(f"{of[:40]!r} is not a scope: {', '.join((*SCOPES, INTRINSIC_SCOPE))}")
    by_scope: dict[str, list[str]] = {}
    if of != INTRINSIC_SCOPE:
        wanted: AttributeScope = of if of in SCOPES else "any"
        for name_scope, name in reader().attribute_names(scope, time_range, wanted, where):
            by_scope.setdefault(name_scope, []).append(name)
    found: dict[str, list[str]] = {name: sorted(by_scope[name]) for name in SCOPES if name in by_scope}
    if of in ("", "none", INTRINSIC_SCOPE):
        found[INTRINSIC_SCOPE] = list(INTRINSIC_NAMES)
    return found


def tag_named(text: str) -> Field | None:
    """The field that a tag's name in an address means: as in TraceQL, or an attribute's bare name. None: no name."""
    for written in (text, f".{text}"):
        try:
            query = parse(f"{{ {written} }}")
        except InvalidQuery:
            continue
        match query.root:
            case syntax.Filter(syntax.Attribute(of_parent=False) as attribute):
                return field_of(attribute)
            case syntax.Filter(syntax.Intrinsic(name) as intrinsic) if name in INTRINSICS:  # `parent` has no values
                return field_of(intrinsic)
    return None


def tag_values(
    scope: Scope, time_range: TimeRange, field: Field, limit: int, where: Predicate = EVERYTHING
) -> list[tuple[ValueType, str]]:
    """(type, text) pairs of the newest spans that satisfy `where`, most frequent first.

    Status and kind have all their words where there is no condition. See `Reader.field_values` for how far it looks.
    """
    if isinstance(field, Intrinsic) and field in _KEYWORDS and where == EVERYTHING:
        return [("keyword", word) for word in _KEYWORDS[field][:limit]]
    found = reader().field_values(scope, time_range, field, limit, where)
    return [(value.type, value.text) for value in found.values]
