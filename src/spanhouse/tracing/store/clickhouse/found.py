"""Rows of what a search found → the answer's traces, spansets and spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from spanhouse.tracing.plan.predicates import Attribute, Field, Intrinsic
from spanhouse.tracing.plan.requests import MatchedSpan, TraceSearch, TraceSummary
from spanhouse.tracing.plan.shape import named_fields
from spanhouse.tracing.spans.model import AttributeValue
from spanhouse.tracing.store.clickhouse.expressions import value_of_key
from spanhouse.tracing.store.metrics.labels import shown

_TOLD_ANYWAY: Final = frozenset(
    {
        Intrinsic.NAME,
        Intrinsic.SERVICE,
        Intrinsic.START,
        Intrinsic.DURATION,
        Intrinsic.SPAN_ID,
        Intrinsic.TRACE_ID,
        Intrinsic.TRACE_DURATION,
        Intrinsic.ROOT_NAME,
        Intrinsic.ROOT_SERVICE,
    }
)
"""An answer has these of every span or trace."""


def shown_fields(request: TraceSearch) -> dict[str, Field]:
    """What an answer tells of each matching span: the fields that the question mentions, by name, without their scope.

    Of two with the same name the first one.
    """
    fields: dict[str, Field] = {name: Attribute("any", name) for name in request.select}
    for name, field in named_fields(request.where):
        if field in _TOLD_ANYWAY or field in (Attribute("resource", "service.name"), Attribute("any", "service.name")):
            continue
        fields.setdefault(name or _name(field), field)
    return fields


def _name(field: Field) -> str:
    if isinstance(field, Attribute):
        return f"parent.{field.name}" if field.of_parent else field.name
    return field.value


def summary_of(row: Sequence[Any]) -> TraceSummary:
    """From `compile.SUMMARY_COLUMNS`."""
    trace_id, _, start, end, spans, errors, per_service, errors_per_service, root = row[:9]
    is_child, _, root_service, root_name = root
    services = sorted((name, count, errors_per_service.get(name, 0)) for name, count in per_service.items())
    return TraceSummary(
        trace_id=bytes.fromhex(trace_id),
        start=start,
        end=end,
        spans=spans,
        errors=errors,
        services=tuple(services),
        root_service="" if is_child else root_service,
        root_name="" if is_child else root_name,
    )


def matched_span(row: Sequence[Any], names: Sequence[str]) -> MatchedSpan:
    """(start, hex id, service, name, duration, kind and text of each of the fields of these names)"""
    start, span_id, service, name, duration, *keys = row
    return MatchedSpan(bytes.fromhex(span_id), service, name, start, duration, _attributes(keys, names))


def _attributes(keys: Sequence[str], names: Sequence[str]) -> dict[str, AttributeValue]:
    pairs = zip(names, keys[::2], keys[1::2], strict=True)
    return {name: shown(kind, value_of_key(kind, text)) for name, kind, text in pairs if kind != "missing"}
