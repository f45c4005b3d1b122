"""A Reader in memory, for tests of what stands on one: it answers from a list of spans, exactly and slowly.

Searches and metrics are the reference evaluator's.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from spanhouse.tracing.plan.metrics import MetricsAnswer, MetricSeries, MetricsRequest
from spanhouse.tracing.plan.predicates import (
    Attribute,
    AttributeScope,
    Field,
    Intrinsic,
    Predicate,
    Value,
)
from spanhouse.tracing.plan.requests import (
    EVERY_SPAN,
    Edge,
    FoundSpanset,
    FoundTrace,
    MatchedSpan,
    Order,
    RedPoint,
    RedRow,
    SearchAnswer,
    StoredTrace,
    TraceSearch,
    TraceSummary,
)
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.plan.spansets import Piped, Select, Spanset
from spanhouse.tracing.plan.values import FieldValue, FieldValues, ValueType
from spanhouse.tracing.spans.model import Span, SpanKind, StatusCode
from spanhouse.tracing.store.protocols import OPERATION_NAMES_MAX, OPERATIONS_DEFAULT
from spanhouse.tracing.traceql.fields import label_of
from tests.kit import traceql_from_plan as from_plan
from tests.kit import traceql_reference as reference
from tests.kit.traceql_values import satisfies

_INTRINSICS: dict[Intrinsic, Callable[[Span], Value]] = {
    Intrinsic.NAME: lambda span: span.name,
    Intrinsic.SERVICE: lambda span: span.service,
    Intrinsic.KIND: lambda span: span.kind,
    Intrinsic.STATUS: lambda span: span.status_code,
    Intrinsic.STATUS_MESSAGE: lambda span: span.status_message,
    Intrinsic.DURATION: lambda span: span.duration,
    Intrinsic.START: lambda span: span.start_time,
    Intrinsic.SPAN_ID: lambda span: span.span_id.hex(),
    Intrinsic.TRACE_ID: lambda span: span.trace_id.hex(),
}
_TYPES: dict[type, ValueType] = {str: "string", bool: "bool", int: "int", float: "float"}


class FakeReader:
    """Holds spans of one instance; any other instance has none."""

    def __init__(self, spans: Iterable[Span] = (), instance: str = "local") -> None:
        self.instance = instance
        self.spans = list(spans)

    def trace(self, scope: Scope, trace_id: bytes, span_limit: int) -> StoredTrace:
        found = sorted((s for s in self._seen(scope) if s.trace_id == trace_id), key=lambda span: span.start_time)
        return StoredTrace(tuple(found[:span_limit]), truncated=len(found) > span_limit)

    def traces(self, scope: Scope, trace_ids: Sequence[bytes], span_limit: int) -> Mapping[bytes, StoredTrace]:
        found = {trace_id: self.trace(scope, trace_id, span_limit) for trace_id in trace_ids}
        return {trace_id: trace for trace_id, trace in found.items() if trace.spans}

    def search(self, request: TraceSearch) -> SearchAnswer:
        families = reference.families(self._seen(request.scope))
        found = [
            _found(one, request)
            for one in reference.ranked(from_plan.spanset(request.where), families, request.range, request.order)
            if _long_enough(one.family, request)
        ]
        return SearchAnswer(tuple([each for each in found if _stands_after(each, request)][: request.limit]))

    def metrics(self, request: MetricsRequest) -> MetricsAnswer:
        steps = reference.Steps(request.range.start, request.range.end, request.step)
        lines = reference.lines(
            from_plan.metrics(request.metrics), reference.families(self._seen(request.scope)), steps
        )
        series = [MetricSeries(line.labels, tuple(line.points)) for line in lines]
        return MetricsAnswer(tuple(steps.times), tuple(sorted(series, key=lambda one: reference.order(one.labels))))

    def services(self, scope: Scope, time_range: TimeRange) -> Sequence[RedRow]:
        by_service: dict[str, list[Span]] = defaultdict(list)
        for span in self._within(scope, time_range):
            by_service[span.service].append(span)
        return [_red_row(service, "", 0, _entries(spans)) for service, spans in sorted(by_service.items())]

    def operations(
        self, scope: Scope, time_range: TimeRange, service: str | None = None, *, limit: int = OPERATIONS_DEFAULT
    ) -> Sequence[RedRow]:
        by_operation: dict[tuple[str, str, int], list[Span]] = defaultdict(list)
        for span in self._within(scope, time_range):
            if service is None or span.service == service:
                by_operation[span.service, span.name, span.kind].append(span)
        most = sorted(by_operation.items(), key=lambda item: (-len(item[1]), item[0]))
        return [_red_row(*key, spans) for key, spans in most[:limit]]

    def service_names(self, scope: Scope, time_range: TimeRange) -> Sequence[str]:
        return sorted({span.service for span in self._within(scope, time_range)})

    def operation_names(
        self, scope: Scope, time_range: TimeRange, service: str | None = None, *, limit: int = OPERATION_NAMES_MAX
    ) -> Sequence[tuple[str, str, int]]:
        spans = self._within(scope, time_range)
        return sorted({(s.service, s.name, s.kind) for s in spans if service in (None, s.service)})[:limit]

    def red_series(
        self, scope: Scope, time_range: TimeRange, step: int, service: str | None = None, operation: str | None = None
    ) -> Sequence[RedPoint]:
        by_step: dict[int, list[Span]] = defaultdict(list)
        for span in _entries(self._within(scope, time_range)):
            if service in (None, span.service) and operation in (None, span.name):
                by_step[span.start_time // step * step].append(span)
        return [RedPoint(at, len(spans), _errors(spans), *_percentiles(spans)) for at, spans in sorted(by_step.items())]

    def edges(self, scope: Scope, time_range: TimeRange) -> Sequence[Edge]:
        raise NotImplementedError("no page asks for edges yet")

    def attribute_names(
        self, scope: Scope, time_range: TimeRange, of: AttributeScope = "any", where: Predicate = EVERY_SPAN
    ) -> Sequence[tuple[AttributeScope, str]]:
        spans = [span for span in self._within(scope, time_range) if holds(where, span)]
        return [("span", name) for name in sorted({name for span in spans for name in span.attributes})]

    def field_values(
        self, scope: Scope, time_range: TimeRange, field: Field, limit: int, where: Predicate = EVERY_SPAN
    ) -> FieldValues:
        values = (_value(field, span) for span in self._within(scope, time_range) if holds(where, span))
        seen = Counter((_TYPES[type(value)], str(_text(value))) for value in values if value is not None)
        most = sorted(seen.items(), key=lambda item: (-item[1], item[0][1]))
        return FieldValues(tuple(FieldValue(kind, text, count) for (kind, text), count in most[:limit]))

    def _seen(self, scope: Scope) -> list[Span]:
        if scope.instance != self.instance:
            return []
        return [span for span in self.spans if scope.services is None or span.service in scope.services]

    def _within(self, scope: Scope, time_range: TimeRange) -> list[Span]:
        return [span for span in self._seen(scope) if time_range.start <= span.start_time <= time_range.end]


def holds(predicate: Predicate, span: Span) -> bool:
    """Of the span alone, as if its trace had no other."""
    return satisfies(span, reference.Family([span]), from_plan.condition(predicate))


def _text(value: Value | None) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)


def _value(field: Attribute | Intrinsic, span: Span) -> Value | None:
    if isinstance(field, Intrinsic):
        known = _INTRINSICS.get(field)
        return known(span) if known else None
    places = {"span": [span.attributes], "resource": [span.resource.attributes]}
    for attributes in places.get(field.scope, [span.attributes, span.resource.attributes]):
        value = attributes.get(field.name)
        if isinstance(value, (str, bool, int, float)):
            return value
    return None


def _found(found: reference.Found, request: TraceSearch) -> FoundTrace:
    family, selected = found.family, _selected(request.where)
    spansets = []
    for one in found.sets:
        first = one.spans[: request.spans_per_trace or None]
        groups = tuple((f"by({label_of(by)})", value) for by, value in one.groups)
        spansets.append(FoundSpanset(len(one.spans), tuple(_matched(span, selected, family) for span in first), groups))
    return FoundTrace(_summary(family), tuple(spansets))


def _selected(where: Spanset) -> list[tuple[str, Field]]:
    stages = where.stages if isinstance(where, Piped) else ()
    return [named for stage in stages if isinstance(stage, Select) for named in stage.fields]


def _matched(span: Span, selected: list[tuple[str, Field]], family: reference.Family) -> MatchedSpan:
    fields = {name: from_plan.field(field) for name, field in selected}
    values = {name: reference.shown(of, reference.first_value(of, span, family)) for name, of in fields.items()}
    there = {name: value for name, value in values.items() if value is not None}
    return MatchedSpan(span.span_id, span.service, span.name, span.start_time, span.duration, there)


def _summary(family: reference.Family) -> TraceSummary:
    services = {
        service: [s for s in family.spans if s.service == service] for service in {s.service for s in family.spans}
    }
    return TraceSummary(
        trace_id=family.spans[0].trace_id,
        start=family.start,
        end=family.end,
        spans=len(family.spans),
        errors=_errors(family.spans),
        services=tuple((name, len(members), _errors(members)) for name, members in sorted(services.items())),
        root_service=family.root.service if family.root else "",
        root_name=family.root.name if family.root else "",
    )


def _long_enough(family: reference.Family, request: TraceSearch) -> bool:
    least, most = request.trace_duration_min, request.trace_duration_max
    return (least is None or family.duration >= least) and (most is None or family.duration <= most)


def _stands_after(found: FoundTrace, request: TraceSearch) -> bool:
    place, summary = request.after, found.summary
    if place is None:
        return True
    if request.order is Order.SLOWEST and summary.duration != place.duration:
        return summary.duration < place.duration
    return (-summary.start, summary.trace_id) > (-place.start, place.trace_id)


def _entries(spans: Iterable[Span]) -> list[Span]:
    spans = list(spans)
    entering = [span for span in spans if span.kind in (SpanKind.SERVER, SpanKind.CONSUMER)]
    return entering or spans


def _red_row(service: str, name: str, kind: int, spans: list[Span]) -> RedRow:
    return RedRow(service, name, kind, len(spans), _errors(spans), *_percentiles(spans))


def _errors(spans: Iterable[Span]) -> int:
    return sum(span.status_code == StatusCode.ERROR for span in spans)


def _percentiles(spans: list[Span]) -> tuple[float, float, float]:
    lengths = sorted(span.duration for span in spans)
    p50, p95, p99 = (float(lengths[max(0, math.ceil(len(lengths) * share) - 1)]) for share in (0.5, 0.95, 0.99))
    return p50, p95, p99
