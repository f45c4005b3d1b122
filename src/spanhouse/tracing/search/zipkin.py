"""What Zipkin's query API asks, as one question to the store.

The conditions of one question need not hold on one span: each holds on some span of the trace, and where a service is
named, on some span of that service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from spanhouse.base.clock import NANOS_PER_DAY
from spanhouse.tracing.plan.predicates import (
    And,
    Attribute,
    Compare,
    Constant,
    Exists,
    Intrinsic,
    Matches,
    Not,
    Or,
    Predicate,
)
from spanhouse.tracing.plan.requests import SearchAnswer, TraceSearch
from spanhouse.tracing.plan.scope import ALL_TIME, Scope, TimeRange
from spanhouse.tracing.plan.spansets import Both, Spanset
from spanhouse.tracing.search.find import all_of, tag_predicate
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.spans.model import SpanKind, StatusCode
from spanhouse.tracing.traces.zipkin import CALLER_NAMES, CALLING_KINDS, NS_IN_US, REMOTE_NAMES, is_address

NAMES_WITHIN_NS: Final = NANOS_PER_DAY
"""How far back names of other sides and values of tags are looked for."""
NAMES_MAX: Final = 1_000
_DERIVED_TAGS: Final = ("otel.status_code", "otel.scope.name", "otel.scope.version")


@dataclass(frozen=True, slots=True)
class ZipkinQuery:
    """Empty members ask nothing. Durations in µs, of one span."""

    range: TimeRange
    service: str = ""
    remote_service: str = ""
    span_name: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """tag → value; where the value is empty a tag or an annotation of that name will do"""
    duration_min: int | None = None
    duration_max: int | None = None
    limit: int = 10


def parse_annotation_query(text: str) -> dict[str, str]:
    """`error and http.method=GET`: parted by ` and `, each at its first `=`. A tag named twice has the last value."""
    found: dict[str, str] = {}
    for part in text.split(" and "):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key and (equals or key not in found):
            found[key] = value
    return found


def search(scope: Scope, query: ZipkinQuery) -> SearchAnswer:
    """Traces, newest first, of which a span that some condition names starts in the range."""
    return reader().search(
        TraceSearch(
            scope=scope,
            range=query.range,
            where=where(scope, query),
            limit=query.limit,
            spans_per_trace=1,
        )
    )


def where(scope: Scope, query: ZipkinQuery) -> Spanset:
    services = _services(scope, query.service)
    conditions = [_tag(key, value) for key, value in query.annotations.items()]
    if query.remote_service:
        conditions.append(_remote(query.remote_service))
    if query.span_name:
        of_one = services[0] if len(services) == 1 else None
        known = {name for _, name, _ in reader().operation_names(scope, ALL_TIME, of_one)}
        conditions.append(_any_of(Intrinsic.NAME, _spellings(query.span_name, known)))
    if query.duration_min is not None or query.duration_max is not None:
        conditions.append(_lasts(query.duration_min, query.duration_max))
    if query.service:
        of_service = _any_of(Intrinsic.SERVICE, services)
        conditions = [all_of([of_service, condition]) for condition in conditions or [Constant(True)]]
    first: Spanset = conditions[0] if conditions else Constant(True)
    return reduce(Both, conditions[1:], first)


def remote_services(scope: Scope, service: str, now_ns: int) -> Sequence[str]:
    """Names of the other sides of a service's calls of the last day, in order."""
    recent = TimeRange(max(0, now_ns - NAMES_WITHIN_NS), ALL_TIME.end)
    answering = frozenset(SpanKind) - frozenset(CALLING_KINDS)
    found: set[str] = set()
    for names, kinds in ((REMOTE_NAMES, CALLING_KINDS), (CALLER_NAMES, answering)):
        found.update(reader().first_attribute_values(scope, recent, service, names, kinds, NAMES_MAX))
    return sorted(name for name in found if not is_address(name))


def _services(scope: Scope, name: str) -> Sequence[str]:
    return _spellings(name, set(reader().service_names(scope, ALL_TIME))) if name else []


def _spellings(name: str, known: set[str]) -> Sequence[str]:
    """This name, or where nobody has it, those that differ in case: Zipkin itself knows lower case only."""
    return [name] if name in known else sorted(other for other in known if other.lower() == name.lower())


def _any_of(field: Intrinsic, names: Sequence[str]) -> Predicate:
    parts = tuple(Compare(field, "=", name) for name in names)
    return parts[0] if len(parts) == 1 else Or(parts) if parts else Constant(False)


def _tag(key: str, value: str) -> Predicate:
    if key == "error":
        return _failed(value)
    if key in _DERIVED_TAGS and value:
        return tag_predicate(key, value)
    own, of_resource = Attribute("span", key), Attribute("resource", key)
    if value:
        return Or((Matches(own, value), And((Not(Exists(own)), Matches(of_resource, value)))))
    return Or((Exists(own), Exists(of_resource), Compare(Intrinsic.EVENT_NAME, "=", key)))


def _failed(value: str) -> Predicate:
    """The tag `error`: its value is the status's message, or what a sender put there itself."""
    failed = Compare(Intrinsic.STATUS, "=", StatusCode.ERROR.value)
    own = Attribute("span", "error")
    if not value or value == "true":
        return Or((failed, And((Exists(own), Not(Matches(own, "false"))))))
    told = And((failed, Compare(Intrinsic.STATUS_MESSAGE, "=", value)))
    return Or((told, Matches(own, value)))


def _remote(name: str) -> Predicate:
    """Some attribute that may name the other side names it so, whichever is preferred."""
    if is_address(name):
        return Constant(False)
    calls = Or(tuple(Compare(Intrinsic.KIND, "=", kind.value) for kind in CALLING_KINDS))
    of_calls = [attribute for attribute in REMOTE_NAMES if attribute not in CALLER_NAMES]
    return Or((_one_of(CALLER_NAMES, name), And((calls, _one_of(of_calls, name)))))


def _one_of(attributes: Sequence[str], value: str) -> Predicate:
    return Or(tuple(Compare(Attribute("span", attribute), "=", value) for attribute in attributes))


def _lasts(shortest: int | None, longest: int | None) -> Predicate:
    """By the durations that the format shows: less than one µs counts as one."""
    parts: list[Predicate] = []
    if shortest:
        parts.append(Compare(Intrinsic.DURATION, ">=", 1 if shortest == 1 else shortest * NS_IN_US))
    if longest is not None:
        parts.append(Compare(Intrinsic.DURATION, "<", (longest + 1) * NS_IN_US if longest else 1))
    return all_of(parts)
