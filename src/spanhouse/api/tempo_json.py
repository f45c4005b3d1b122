"""What a search found, as Tempo's SearchResponse in protobuf's JSON form."""

from __future__ import annotations

from typing import Any, Final

from spanhouse.tracing.plan.requests import FoundSpanset, FoundTrace, MatchedSpan, SearchAnswer, TraceSummary
from spanhouse.tracing.traces.otlp import attributes_json

NO_ROOT_YET: Final = "<root span not yet received>"
UINT32_MAX: Final = 2**32 - 1


def search_json(answer: SearchAnswer) -> dict[str, Any]:
    """A search that a limit cut short has a job that was not completed: the format has no other place to say so."""
    return {
        "traces": [trace_json(found) for found in answer.traces],
        "metrics": {
            "inspectedTraces": len(answer.traces),
            "inspectedBytes": str(answer.cost.bytes),
            "completedJobs": 0 if answer.warnings else 1,
            "totalJobs": 1,
        },
    }


def trace_json(found: FoundTrace) -> dict[str, Any]:
    """`spanSet` is the first of `spanSets`: older clients know only one."""
    span_sets = [_span_set_json(spanset) for spanset in found.spansets]
    return {**summary_json(found.summary), **({"spanSet": span_sets[0]} if span_sets else {}), "spanSets": span_sets}


def summary_json(summary: TraceSummary) -> dict[str, Any]:
    return {
        "traceID": summary.trace_id.hex(),
        "rootServiceName": summary.root_service or NO_ROOT_YET,
        "rootTraceName": summary.root_name if summary.root_service else NO_ROOT_YET,
        "startTimeUnixNano": str(summary.start),
        "durationMs": min(summary.duration // 1_000_000, UINT32_MAX),
        "serviceStats": {
            name: {"spanCount": spans, **({"errorCount": errors} if errors else {})}
            for name, spans, errors in summary.services
        },
    }


def _span_set_json(spanset: FoundSpanset) -> dict[str, Any]:
    attributes = attributes_json(dict(spanset.attributes))
    return {
        "spans": [_span_json(span) for span in spanset.spans],
        "matched": spanset.matched,
        **({"attributes": attributes} if attributes else {}),
    }


def _span_json(span: MatchedSpan) -> dict[str, Any]:
    return {
        "spanID": span.span_id.hex(),
        "name": span.name,
        "startTimeUnixNano": str(span.start),
        "durationNanos": str(span.duration),
        "attributes": attributes_json({"service.name": span.service, **span.attributes}),
    }
