"""An instance's limits on single spans: what is over one is refused alone, never cut, so that no span says less than
what was sent without its reader knowing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Protocol, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanhouse.contracts.limits import Limits
from spanhouse.tracing.wire.service import service_of

Attributes: TypeAlias = Iterable[KeyValue]


class KeysInUse(Protocol):
    """The attribute keys that an instance has used."""

    def admit(self, keys: set[str]) -> bool:
        """Whether these may be used; those that may are in use from now on."""
        ...


class SpanLimits:
    """Judges the spans of one request, in their order. Each answer names a limit of `Limits`, "" is none."""

    def __init__(self, limits: Limits, keys: KeysInUse) -> None:
        self._limits = limits
        self._keys = keys
        self._services_off = frozenset(limits.services_off)
        self._spans_of_trace: Counter[bytes] = Counter()

    def said(self, rules: Iterable[str]) -> dict[str, str]:
        """Those of the rules that are limits, in words for who sent the span."""
        return {rule: _SAID[rule].format(getattr(self._limits, rule)) for rule in rules if rule in _SAID}

    def of_resource(self, resource: Resource) -> str:
        """The limit that refuses every span of the resource."""
        if self._services_off and service_of(resource) in self._services_off:
            return "services_off"
        return self._of_shared(resource.attributes)

    def of_scope(self, scope: InstrumentationScope) -> str:
        return self._of_shared(scope.attributes)

    def of_span(self, span: Span) -> str:
        """The limit that refuses this span; one that is kept counts towards the limits on many."""
        limits = self._limits
        size = span.ByteSize() if limits.span_bytes or limits.attribute_value_length else 0
        if limits.span_bytes and size > limits.span_bytes:
            return "span_bytes"
        if limits.attributes and self._has_too_many(span):
            return "attributes"
        # No value is longer than the span that holds it.
        if 0 < limits.attribute_value_length < size and self._any_too_long(_lists_of(span)):
            return "attribute_value_length"
        if limits.trace_spans and self._spans_of_trace[span.trace_id] >= limits.trace_spans:
            return "trace_spans"
        if limits.attribute_keys_per_day and not self._keys.admit(_keys_of(_lists_of(span))):
            return "attribute_keys_per_day"
        if limits.trace_spans:
            self._spans_of_trace[span.trace_id] += 1
        return ""

    def _of_shared(self, attributes: Attributes) -> str:
        limits = self._limits
        listed = list(attributes)
        if 0 < limits.attributes < len(listed):
            return "attributes"
        if limits.attribute_value_length and self._any_too_long([listed]):
            return "attribute_value_length"
        if limits.attribute_keys_per_day and not self._keys.admit(_keys_of([listed])):
            return "attribute_keys_per_day"
        return ""

    def _has_too_many(self, span: Span) -> bool:
        most = self._limits.attributes
        return (
            len(span.attributes) > most
            or any(len(event.attributes) > most for event in span.events)
            or any(len(link.attributes) > most for link in span.links)
        )

    def _any_too_long(self, lists: Iterable[Attributes]) -> bool:
        most = self._limits.attribute_value_length
        return any(_is_longer(attribute.value, most) for attributes in lists for attribute in attributes)


def _lists_of(span: Span) -> list[Attributes]:
    lists: list[Attributes] = [span.attributes]
    lists.extend(event.attributes for event in span.events)
    lists.extend(link.attributes for link in span.links)
    return lists


def _keys_of(lists: Iterable[Attributes]) -> set[str]:
    return {attribute.key for attributes in lists for attribute in attributes}


def _is_longer(value: AnyValue, most: int) -> bool:
    """As the limits of the SDKs count: characters of strings, each element of an array by itself."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return len(value.string_value) > most
    if kind == "bytes_value":
        return len(value.bytes_value) > most
    if kind == "array_value":
        return any(_is_longer(element, most) for element in value.array_value.values)
    if kind == "kvlist_value":
        return any(_is_longer(element.value, most) for element in value.kvlist_value.values)
    return False


_SAID = {
    "services_off": "intake of its service is switched off",
    "span_bytes": "larger than {} bytes, the instance's limit",
    "attributes": "more than {} attributes",
    "attribute_value_length": "an attribute value longer than {}",
    "trace_spans": "past the {} spans that one request may hold of a trace",
    "attribute_keys_per_day": "an attribute key past the {} different ones of a day",
}
