"""Whatever intake accepts, the loader stores with the meaning protobuf gives it, good tenants beside it unharmed."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, Phase, assume, given, settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse.tracing.traces.otlp import to_otlp
from tests.kit.encodings import decode, strange_encodings
from tests.kit.meaning import meaning
from tests.kit.node import Node, trace_ids
from tests.kit.requests import requests
from tests.kit.spans import make_span
from tests.kit.store import Store

GOOD = ExportTraceServiceRequest.FromString(to_otlp([make_span(1, attributes={"a": 1})]).SerializeToString())

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
"""Explaining a failure would load thousands of bodies more."""


@pytest.fixture(scope="module")
def node(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(store, tmp_path_factory.mktemp("node"))


@settings(max_examples=40, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(strange_encodings(requests()))
def test_what_intake_accepts_is_stored_as_protobuf_reads_it(node: Node, body: bytes) -> None:
    sent = _read(body)
    assume(sent is not None and meaning(sent))

    strange, good = node.send(body, GOOD.SerializeToString())

    assert node.read(strange, trace_ids(sent)) == meaning(sent)
    assert node.read(good, trace_ids(GOOD)) == meaning(GOOD)
    assert node.quarantined == 0


@given(requests())
def test_the_plain_encoding_is_its_own_tree(sent: ExportTraceServiceRequest) -> None:
    body = sent.SerializeToString()

    assert decode(body).encode() == body


def _read(body: bytes) -> ExportTraceServiceRequest | None:
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return None
