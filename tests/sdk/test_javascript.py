"""The OpenTelemetry JavaScript SDK, as a node process, against a running service."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.kit.server import RunningServer
from tests.sdk.readback import FlatSpan, from_javascript, stored

JS = Path(__file__).parent / "js"
WAYS = [("http/json", "none"), ("http/json", "gzip"), ("http/protobuf", "none"), ("http/protobuf", "gzip")]
WAYS += [("grpc", "none"), ("grpc", "gzip")]


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
def sent(request: pytest.FixtureRequest, server: RunningServer) -> list[FlatSpan]:
    protocol, compression = request.param
    endpoint = server.otlp_grpc if protocol == "grpc" else server.otlp_http
    done = subprocess.run(
        ["node", "send.js", protocol, endpoint, compression], cwd=JS, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [from_javascript(span) for span in json.loads(done.stdout)]


def test_the_whole_trace_comes_back(server: RunningServer, sent: list[FlatSpan]) -> None:
    found = stored(server, sent[0].trace_id, len(sent))

    for span in sent:
        assert found[span.span_id] == span


def test_whole_numbers_stay_integers_and_others_doubles(server: RunningServer, sent: list[FlatSpan]) -> None:
    found = stored(server, sent[0].trace_id, len(sent))

    (typed,) = [span for span in found.values() if span.name == "typed"]
    assert {key: type(typed.attributes[key]) for key in ("int", "int.safe", "double", "yes")} == {
        "int": int,
        "int.safe": int,
        "double": float,
        "yes": bool,
    }


def test_the_exception_keeps_its_stack(server: RunningServer, sent: list[FlatSpan]) -> None:
    found = stored(server, sent[0].trace_id, len(sent))

    (failed,) = [span for span in found.values() if span.name == "divide"]
    assert failed.status == (2, "division by zero")
    assert failed.events[0].attributes["exception.type"] == "RangeError"
    assert "send.js" in failed.events[0].attributes["exception.stacktrace"]
