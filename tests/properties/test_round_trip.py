"""Every field of OTLP comes back as it was sent: read by intake, journalled, loaded into the real engine, queried."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.kit.meaning import meaning
from tests.kit.node import Node, trace_ids
from tests.kit.requests import requests
from tests.kit.store import Store


@pytest.fixture(scope="module")
def node(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(store, tmp_path_factory.mktemp("node"))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests())
def test_what_was_sent_is_read_back(node: Node, sent: ExportTraceServiceRequest) -> None:
    [instance] = node.send(sent.SerializeToString())

    assert node.read(instance, trace_ids(sent)) == meaning(sent)
    assert node.quarantined == 0
