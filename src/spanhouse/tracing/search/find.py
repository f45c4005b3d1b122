"""What pages and APIs ask, in people's words → what the store is asked. All calls take a Scope."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spanhouse.base import limits
from spanhouse.base.errors import Malformed, NotFound
from spanhouse.tracing.plan.predicates import And, Attribute, Compare, Constant, Intrinsic, Matches, Not, Or, Predicate
from spanhouse.tracing.plan.requests import Order, Place, SearchAnswer, StoredTrace, TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.spansets import Keep, Piped, Spanset
from spanhouse.tracing.search.logfmt import parse_pairs
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.spans.model import SPAN_ID_BYTES, TRACE_ID_BYTES, SpanKind, StatusCode
from spanhouse.tracing.traceql import parse, syntax, to_spanset
from spanhouse.tracing.traceql.literals import parse_duration

EVERYTHING: Final = Constant(True)
_SCOPES: Final = ("span", "resource", "event", "link", "instrumentation")


@dataclass(frozen=True, slots=True)
class SpanForm:
    """The fields of a search form. Empty fields ask nothing. Durations in ns, of one span."""

    service: str = ""
    operation: str = ""
    status: str = ""
    """error, ok or unset"""
    kind: str = ""
    duration_min: int | None = None
    duration_max: int | None = None
    tags: str = ""
    """logfmt"""
    query: str = ""
    """TraceQL, in addition to the others"""


def spanset_of(form: SpanForm) -> Spanset:
    """What a form's fields ask together. Malformed or InvalidQuery when a field cannot be read."""
    parts: list[Predicate] = []
    if form.service:
        parts.append(Compare(Intrinsic.SERVICE, "=", form.service))
    if form.operation:
        parts.append(Compare(Intrinsic.NAME, "=", form.operation))
    if form.status:
        parts.append(Compare(Intrinsic.STATUS, "=", _member(StatusCode, form.status, "status")))
    if form.kind:
        parts.append(Compare(Intrinsic.KIND, "=", _member(SpanKind, form.kind, "kind")))
    if form.duration_min is not None:
        parts.append(Compare(Intrinsic.DURATION, ">=", form.duration_min))
    if form.duration_max is not None:
        parts.append(Compare(Intrinsic.DURATION, "<=", form.duration_max))
    parts += [tag_predicate(key, value) for key, value in parse_pairs(form.tags)]
    return spans_that(parts, form.query)


def spans_that(satisfy: Sequence[Predicate], query: str = "") -> Spanset:
    """The spans that a TraceQL query yields (without one, all spans) and that satisfy these conditions too."""
    condition = all_of(satisfy)
    if not query.strip():
        return condition
    spans = to_spanset(query)
    if isinstance(spans, Predicate):
        return all_of([condition, spans])
    return spans if condition == EVERYTHING else Piped(spans, (Keep(condition),))


def is_metrics(query: str) -> bool:
    """Whether a TraceQL query asks for numbers over time instead of spans. InvalidQuery when it cannot be read."""
    return not isinstance(parse(query).root, syntax.Filter | syntax.SpansetBinary | syntax.Pipeline)


def all_of(parts: Sequence[Predicate]) -> Predicate:
    parts = [part for part in parts if part != EVERYTHING]
    if not parts:
        return EVERYTHING
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def tag_predicate(key: str, value: str) -> Predicate:
    """A tag as people write it in a form: any type of value, a scope before the name or none.

    `error`, `service.name`, `name`, `status`, `span.kind` and `status.code` mean the span's own, as Jaeger has them.
    """
    lowered = value.lower()
    match key:
        case "error" if lowered in ("true", "false"):
            failed = Compare(Intrinsic.STATUS, "=", StatusCode.ERROR.value)
            return failed if lowered == "true" else Not(failed)
        case "service.name" | "resource.service.name":
            return Compare(Intrinsic.SERVICE, "=", value)
        case "name":
            return Compare(Intrinsic.NAME, "=", value)
        case "status" | "status.code" | "otel.status_code":
            return _is(Intrinsic.STATUS, StatusCode, value, "STATUS_CODE_")
        case "kind" | "span.kind":
            return _is(Intrinsic.KIND, SpanKind, value, "SPAN_KIND_")
        case "otel.scope.name":
            return Compare(Intrinsic.SCOPE_NAME, "=", value)
        case "otel.scope.version":
            return Compare(Intrinsic.SCOPE_VERSION, "=", value)
    scope, dot, name = key.partition(".")
    if dot and name and scope in _SCOPES:
        scoped = Matches(Attribute(scope, name), value)  # type: ignore[arg-type]
        # `span.x` may be the name itself: `resource.id` of V31 is one.
        return Or((scoped, Matches(Attribute("any", key), value)))
    return Matches(Attribute("any", key.removeprefix(".")), value)


def _is(field: Intrinsic, members: type[StatusCode] | type[SpanKind], name: str, prefix: str) -> Predicate:
    """The field is the member of this name; a name that is none is no span's."""
    member = members.__members__.get(name.upper().removeprefix(prefix))
    return Constant(False) if member is None else Compare(field, "=", member.value)


def search(
    scope: Scope,
    time_range: TimeRange,
    where: Spanset = EVERYTHING,
    *,
    order: Order = Order.NEWEST,
    limit: int = limits.SEARCH_LIMIT_DEFAULT,
    spans_per_trace: int = limits.SPANS_PER_TRACE_DEFAULT,
    trace_duration_min: int | None = None,
    trace_duration_max: int | None = None,
    after: Place | None = None,
) -> SearchAnswer:
    """Traces of `scope` with a span in `time_range` that `where` yields."""
    request = TraceSearch(
        scope=scope,
        range=time_range,
        where=where,
        order=order,
        limit=limit,
        spans_per_trace=spans_per_trace,
        trace_duration_min=trace_duration_min,
        trace_duration_max=trace_duration_max,
        after=after,
    )
    return reader().search(request)


def trace(
    scope: Scope, trace_id: bytes, span_limit: int = limits.TRACE_SPANS_MAX, *, within: TimeRange | None = None
) -> StoredTrace:
    """The spans of a trace, all of them. NotFound when there are none that this scope may see.

    With `within`, also when none of them was under way in that range.
    """
    found = reader().trace(scope, trace_id, span_limit)
    if not found.spans:
        raise NotFound(f"no trace {trace_id.hex()}")
    if within is not None and not any(
        span.start_time <= within.end and max(span.start_time, span.end_time) >= within.start for span in found.spans
    ):
        raise NotFound(f"the trace {trace_id.hex()} lies outside the time range asked for")
    return found


def traces(scope: Scope, trace_ids: Sequence[bytes]) -> dict[bytes, StoredTrace]:
    """Those of these traces that this scope may see, in the order asked for."""
    found = reader().traces(scope, trace_ids, limits.TRACE_SPANS_MAX)
    return {trace_id: found[trace_id] for trace_id in dict.fromkeys(trace_ids) if trace_id in found}


def parse_trace_id(text: str) -> bytes:
    """16 bytes of 1 to 32 hex digits in either case, leading zeros left off or not. Malformed otherwise.

    The all-zero id is no trace's, so it is NotFound.
    """
    return _parse_id(text, TRACE_ID_BYTES, "trace")


def parse_span_id(text: str) -> bytes:
    return _parse_id(text, SPAN_ID_BYTES, "span")


def _parse_id(text: str, size: int, kind: str) -> bytes:
    if not re.fullmatch(r"[0-9a-fA-F]{1,32}", text) or len(text.lstrip("0")) > 2 * size:
        raise Malformed(f"a {kind} id is up to {2 * size} hexadecimal characters")
    value = int(text, 16)
    if value == 0:
        raise NotFound(f"no {kind} has an id of zeros")
    return value.to_bytes(size, "big")


def parse_duration_text(text: str, name: str) -> int | None:
    """ns of `100ms`, `1.5s`; None when the text is empty. A bare number is refused: its unit would be a guess."""
    if not text.strip():
        return None
    try:
        return parse_duration(text.strip())
    except ValueError:
        raise Malformed(f"{name} is not a duration such as 100ms or 1.5s: {text[:40]!r}") from None


def _member(members: type[StatusCode] | type[SpanKind], name: str, what: str) -> int:
    try:
        return members[name.upper()].value
    except KeyError:
        known = ", ".join(member.name.lower() for member in members)
        raise Malformed(f"{name[:40]!r} is not a {what}: {known}") from None
