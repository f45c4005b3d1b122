"""Names of attributes and what values they have, for completion."""

from __future__ import annotations

from typing import Final

from spanhouse.base.errors import InvalidQuery, Malformed
from spanhouse.tracing.plan.predicates import Attribute, AttributeScope, Field, Intrinsic
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.spans.model import SpanKind, StatusCode
from spanhouse.tracing.traceql import syntax
from spanhouse.tracing.traceql.lowering import INTRINSICS
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
    "span:id",
    "span:parentID",
    "status",
    "statusMessage",
    "trace:id",
    "traceDuration",
)


def known_tags(scope: Scope, time_range: TimeRange, of: str = "") -> dict[str, list[str]]:
    """Names by attribute scope, the intrinsic ones last. `of` limits it to one scope; `""` and `none` mean all."""
    if of not in ("", "none", INTRINSIC_SCOPE, *SCOPES):
        raise Malformed(f"{of[:40]!r} is not a scope: {', '.join((*SCOPES, INTRINSIC_SCOPE))}")
    by_scope: dict[str, list[str]] = {}
    if of != INTRINSIC_SCOPE:
        wanted: AttributeScope = of if of in SCOPES else "any"
        for name_scope, name in reader().attribute_names(scope, time_range, wanted):
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
        match query.expression:
            case syntax.Attribute(scope, name, of_parent=False):
                return Attribute(scope, name)
            case syntax.Intrinsic(name) if name in INTRINSICS:
                return INTRINSICS[name]
    return None


def tag_values(scope: Scope, time_range: TimeRange, field: Field, limit: int) -> list[tuple[str, str]]:
    """(type, text) pairs. Intrinsics without a list of values worth showing have none."""
    if isinstance(field, Attribute):
        if field.name == "service.name" and field.scope in ("resource", "any"):
            return _services(scope, time_range)[:limit]
        return list(reader().attribute_values(scope, time_range, field.scope, field.name, limit))
    match field:
        case Intrinsic.STATUS:
            return [("keyword", status.name.lower()) for status in (StatusCode.ERROR, StatusCode.OK, StatusCode.UNSET)]
        case Intrinsic.KIND:
            return [("keyword", kind.name.lower()) for kind in SpanKind]
        case Intrinsic.NAME | Intrinsic.ROOT_NAME:
            names = {name for _, name, _ in reader().operation_names(scope, time_range)}
            return [("string", name) for name in sorted(names)][:limit]
        case Intrinsic.ROOT_SERVICE | Intrinsic.SERVICE:
            return _services(scope, time_range)[:limit]
    return []


def _services(scope: Scope, time_range: TimeRange) -> list[tuple[str, str]]:
    return [("string", name) for name in reader().service_names(scope, time_range)]
