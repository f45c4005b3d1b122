"""What the store must answer, said slowly: predicates and searches evaluated on `Span` objects, one at a time.

Written from the meaning of the plan, not from the engine's SQL, so that the two can be held against each other.
"""

from __future__ import annotations

import operator
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any, cast

from spanhouse.tracing.plan.predicates import (
    And,
    Compare,
    Constant,
    Exists,
    Field,
    Intrinsic,
    Matches,
    Not,
    Or,
    Predicate,
    Relate,
    Value,
)
from spanhouse.tracing.plan.requests import FoundSpanset, FoundTrace, MatchedSpan, Order, TraceSearch, TraceSummary
from spanhouse.tracing.spans.model import Attributes, Event, Link, Span, SpanKind, StatusCode
from tests.kit.traceql_family import Family
from tests.kit.traceql_from_plan import condition
from tests.kit.traceql_values import Here, true

MISSING = object()
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_IDS = {
    Intrinsic.SPAN_ID: 8,
    Intrinsic.PARENT_ID: 8,
    Intrinsic.TRACE_ID: 16,
    Intrinsic.LINK_SPAN_ID: 8,
    Intrinsic.LINK_TRACE_ID: 16,
}


class Seen:
    """One span with one of its events and one of its links, or none where it has none."""

    def __init__(self, span: Span, event: Event | None, link: Link | None, trace: TraceSummary, family: Family) -> None:
        self.span, self.event, self.link, self.trace, self.family = span, event, link, trace, family

    @property
    def here(self) -> Here:
        events, links = (self.event,) if self.event else (), (self.link,) if self.link else ()
        return Here(self.span, self.family, events, links)

    def values(self, field: Field) -> list[Any]:
        """The values the field has; one of them has to satisfy a condition. Empty: it is missing."""
        if isinstance(field, Intrinsic):
            value = self._intrinsic(field)
            return [] if value is MISSING else [value]
        if field.scope != "any":
            return _named(self._attributes(field.scope), field.name)
        for scope in ("span", "resource", "event", "link", "instrumentation"):
            if scope == "event":
                found = [value for event in self.span.events for value in _named(event.attributes, field.name)]
            elif scope == "link":
                found = [value for link in self.span.links for value in _named(link.attributes, field.name)]
            else:
                found = _named(self._attributes(scope), field.name)
            if found:
                return found
        return []

    def _attributes(self, scope: str) -> Attributes:
        if scope == "span":
            return self.span.attributes
        if scope == "resource":
            return {**self.span.resource.attributes, "service.name": self.span.service}
        if scope == "instrumentation":
            return self.span.scope.attributes
        owner = self.event if scope == "event" else self.link
        return owner.attributes if owner else {}

    def _intrinsic(self, field: Intrinsic) -> Any:
        span, event, link = self.span, self.event, self.link
        values: dict[Intrinsic, Callable[[], Any]] = {
            Intrinsic.NAME: lambda: span.name,
            Intrinsic.SERVICE: lambda: span.service,
            Intrinsic.KIND: lambda: span.kind,
            Intrinsic.STATUS: lambda: span.status_code,
            Intrinsic.STATUS_MESSAGE: lambda: span.status_message,
            Intrinsic.DURATION: lambda: span.duration,
            Intrinsic.START: lambda: span.start_time,
            Intrinsic.SPAN_ID: lambda: span.span_id.hex(),
            Intrinsic.PARENT_ID: lambda: span.parent_span_id.hex() or MISSING,
            Intrinsic.TRACE_ID: lambda: span.trace_id.hex(),
            Intrinsic.TRACE_DURATION: lambda: self.trace.duration,
            Intrinsic.ROOT_NAME: lambda: self.trace.root_name if self.trace.root_service else MISSING,
            Intrinsic.ROOT_SERVICE: lambda: self.trace.root_service or MISSING,
            Intrinsic.EVENT_NAME: lambda: event.name if event else MISSING,
            Intrinsic.EVENT_TIME_SINCE_START: lambda: event.time - span.start_time if event else MISSING,
            Intrinsic.LINK_TRACE_ID: lambda: link.trace_id.hex() if link else MISSING,
            Intrinsic.LINK_SPAN_ID: lambda: link.span_id.hex() if link else MISSING,
            Intrinsic.SCOPE_NAME: lambda: span.scope.name,
            Intrinsic.SCOPE_VERSION: lambda: span.scope.version,
            Intrinsic.CHILD_COUNT: lambda: self.family.child_count(span),
            Intrinsic.NESTED_SET_LEFT: lambda: self.family.numbers(span).left,
            Intrinsic.NESTED_SET_RIGHT: lambda: self.family.numbers(span).right,
            Intrinsic.NESTED_SET_PARENT: lambda: self.family.numbers(span).parent,
        }
        return values[field]()


def _named(attributes: Attributes, name: str) -> list[Any]:
    value = attributes.get(name)
    return [] if value is None else [value]


def satisfies(span: Span, predicate: Predicate, trace: TraceSummary, family: Family | None = None) -> bool:
    """There is an event and a link (or none) with which the span satisfies the predicate. Without its family the span
    is judged as if it were alone."""
    family = family or Family([span])
    events: Iterable[Event | None] = span.events or (None,)
    links: Iterable[Link | None] = span.links or (None,)
    return any(_holds(Seen(span, event, link, trace, family), predicate) for event, link in product(events, links))


def _holds(seen: Seen, predicate: Predicate) -> bool:
    match predicate:
        case Constant(value):
            return value
        case Not(of):
            return not _holds(seen, of)
        case And(parts):
            return all(_holds(seen, part) for part in parts)
        case Or(parts):
            return any(_holds(seen, part) for part in parts)
        case Exists(field):
            return bool(seen.values(field))
        case Compare(field, how, value):
            return any(_compares(found, how, _padded(field, how, value)) for found in seen.values(field))
        case Relate():
            return true(condition(predicate), seen.here)
        case Matches(field, text):
            return any(_reads(field, found, text) for found in _elements(seen.values(field)))


def _elements(values: list[Any]) -> list[Any]:
    """Of an array each element."""
    return [one for value in values for one in (value if isinstance(value, list) else [value])]


def _compares(found: Any, how: str, value: Value) -> bool:
    """Of an array some element; different is one only if all elements are that can be compared."""
    results = [compares(one, how, value) for one in _elements([found]) if _family(one) == _family(value)]
    return bool(results) and all(results) if how in ("!=", "!~") else any(results)


def compares(found: Any, how: str, value: Value) -> bool:
    """Numbers with numbers, text with text, booleans with booleans for equality; else false."""
    if _family(found) != _family(value) or _family(found) is None:
        return False
    if how in ("=~", "!~"):
        matched = re.fullmatch(str(value), found, re.DOTALL) is not None
        return matched == (how == "=~")
    return bool(_OPERATORS[how](found, value))


def _family(value: Any) -> str | None:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


def _padded(field: Field, how: str, value: Value) -> Value:
    size = _IDS.get(field) if isinstance(field, Intrinsic) else None
    if size and how in ("=", "!=") and isinstance(value, str):
        return value.lower().rjust(size * 2, "0")
    return value


def _reads(field: Field, found: Any, text: str) -> bool:
    if field is Intrinsic.KIND:
        return bool(SpanKind.__members__.get(text.upper().removeprefix("SPAN_KIND_")) == found)
    if field is Intrinsic.STATUS:
        return bool(StatusCode.__members__.get(text.upper().removeprefix("STATUS_CODE_")) == found)
    if isinstance(found, bool):
        return bool(text.lower() == str(found).lower())
    if isinstance(found, int | float):
        try:
            return bool(float(text) == found)
        except ValueError:
            return False
    return bool(found == text)


DAY = 86_400 * 10**9


def believed(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """Start and end of each span whose time is plausible; of every span when none is."""
    good = []
    for span in spans:
        latest = span.received_at + DAY
        if datetime.fromtimestamp(span.start_time // 10**9, UTC).year >= 2000 and span.start_time <= latest:
            end = max(span.start_time, span.end_time)
            good.append((span.start_time, end if end <= latest else span.start_time))
    return good or [(span.start_time, max(span.start_time, span.end_time)) for span in spans]


def summarise(spans: Sequence[Span]) -> TraceSummary:
    times = believed(spans)
    start, end = min(first for first, _ in times), max(last for _, last in times)
    roots = sorted((s for s in spans if not s.parent_span_id), key=lambda s: (s.start_time, s.service, s.name))
    counts, errors = Counter(s.service for s in spans), Counter(s.service for s in spans if s.status_code == 2)
    return TraceSummary(
        trace_id=spans[0].trace_id,
        start=start,
        end=end,
        spans=len(spans),
        errors=sum(errors.values()),
        services=tuple((name, counts[name], errors[name]) for name in sorted(counts)),
        root_service=roots[0].service if roots else "",
        root_name=roots[0].name if roots else "",
    )


def search(spans: Iterable[Span], request: TraceSearch) -> list[FoundTrace]:
    """What `Reader.search` answers over exactly these spans, which are those of the request's instance."""
    traces: dict[bytes, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    found = []
    for members in traces.values():
        summary = summarise(members)
        family, where = Family(members), cast(Predicate, request.where)
        matched = [span for span in members if _in_range(span, request) and satisfies(span, where, summary, family)]
        if matched and _long_enough(summary, request):
            found.append(FoundTrace(summary, (FoundSpanset(len(matched), _first(matched, request.spans_per_trace)),)))
    found.sort(key=lambda each: _order(each.summary, request.order))
    return found[: request.limit]


def _in_range(span: Span, request: TraceSearch) -> bool:
    return request.range.start <= span.start_time <= request.range.end


def _long_enough(summary: TraceSummary, request: TraceSearch) -> bool:
    shortest, longest = request.trace_duration_min, request.trace_duration_max
    return (shortest is None or summary.duration >= shortest) and (longest is None or summary.duration <= longest)


def _order(summary: TraceSummary, order: Order) -> tuple[Any, ...]:
    if order is Order.NEWEST:
        return (-summary.start, summary.trace_id)
    return (-summary.duration, -summary.start, summary.trace_id)


def _first(spans: Sequence[Span], count: int) -> tuple[MatchedSpan, ...]:
    ordered = sorted(spans, key=lambda span: (span.start_time, span.span_id))
    return tuple(
        MatchedSpan(span.span_id, span.service, span.name, span.start_time, span.duration)
        for span in (ordered[:count] if count else ordered)
    )


__all__ = ["compares", "satisfies", "search", "summarise"]
