"""Which service a resource is of."""

from __future__ import annotations

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from spanhouse.tracing.spans.model import UNKNOWN_SERVICE


def service_of(resource: Resource) -> str:
    """As `spans.model.service_of`: the first `service.name`, if it is a string that is not empty."""
    for attribute in resource.attributes:
        if attribute.key == "service.name":
            return attribute.value.string_value or UNKNOWN_SERVICE
    return UNKNOWN_SERVICE
