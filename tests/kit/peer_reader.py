"""The Reader in memory with what only the APIs of other tracers ask of one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from spanhouse.tracing.plan.calls import MINUTE_NS, CallsPoint, CallsRequest
from spanhouse.tracing.plan.requests import Edge, SearchAnswer, TraceSearch
from spanhouse.tracing.plan.scope import Scope, TimeRange
from spanhouse.tracing.spans.model import Span
from tests.kit.fake_reader import FakeReader


class PeerReader(FakeReader):
    warnings: tuple[str, ...] = ()

    def search(self, request: TraceSearch) -> SearchAnswer:
        """No more traces than the scope's limit, which is then said, as the store does."""
        most = request.scope.limits.traces
        found = super().search(replace(request, limit=min(request.limit, most)))
        over = (f"at most {most} traces are returned",) if request.limit > most else ()
        return replace(found, warnings=(*self.warnings, *over))

    def edges(self, scope: Scope, time_range: TimeRange) -> Sequence[Edge]:
        by_id = {(span.trace_id, span.span_id): span for span in self._seen(scope)}
        calls: Counter[tuple[str, str]] = Counter()
        errors: Counter[tuple[str, str]] = Counter()
        for span in self._within(scope, time_range):
            parent = by_id.get((span.trace_id, span.parent_span_id))
            if parent is not None and parent.service != span.service:
                calls[parent.service, span.service] += 1
                errors[parent.service, span.service] += span.is_error
        return [Edge(*ends, calls[ends], errors[ends]) for ends in sorted(calls)]

    def first_attribute_values(
        self,
        scope: Scope,
        time_range: TimeRange,
        service: str,
        names: Sequence[str],
        kinds: Collection[int],
        limit: int,
    ) -> Sequence[str]:
        found = set()
        for span in self._within(scope, time_range):
            if span.service == service and span.kind in kinds:
                texts = (span.attributes.get(name) for name in names)
                found.add(next((text for text in texts if isinstance(text, str) and text), ""))
        return sorted(found - {""})[:limit]

    def orphans(self, scope: Scope, trace_ids: Sequence[bytes]) -> Mapping[bytes, int]:
        counts = {}
        for trace_id in trace_ids:
            spans = [span for span in self._seen(scope) if span.trace_id == trace_id]
            present = {span.span_id for span in spans} | {b""}
            counts[trace_id] = sum(span.parent_span_id not in present for span in spans)
        return counts

    def calls(self, request: CallsRequest) -> Sequence[CallsPoint]:
        points = []
        for number in range(request.points):
            at = request.first + number * request.step
            window = TimeRange(max(0, at + MINUTE_NS - request.window), at + MINUTE_NS - 1)
            members: dict[tuple[str, str], list[Span]] = defaultdict(list)
            for span in self._within(request.scope, window):
                if span.service in request.services and span.kind in request.kinds:
                    members[span.service, span.name if request.by_operation else ""].append(span)
            for (service, operation), spans in sorted(members.items()):
                lengths = sorted(span.duration for span in spans)
                quantile = lengths[min(len(lengths) - 1, int(len(lengths) * request.quantile))]
                errors = sum(span.is_error for span in spans)
                points.append(CallsPoint(service, operation, at, len(spans), errors, float(quantile)))
        return sorted(points, key=lambda point: (point.service, point.operation, point.at))
