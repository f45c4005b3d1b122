"""The snippets of the console do what they promise: those that run here are run, as they are copied."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from opentelemetry.util.re import parse_env_headers

from spanhouse.console.snippets import SERVICE, Snippet, snippets
from tests.kit.server import RunningServer, wait_until
from tests.sdk.readback import FRESH_SECONDS_MAX
from tests.sdk.test_javascript import JS

HTTP, GRPC, KEY = "https://traces.example.com:4318", "traces.example.com:4317", "shi_a-b_c+d/e="
RUN_HERE = ("python", "nodejs", "curl", "environment")

# what `export` lines of a snippet are followed by: any program with an SDK in it
ANY_PROGRAM = """
import sys
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
provider.get_tracer("any").start_span("hello").end()
provider.shutdown()
"""


@dataclass(frozen=True)
class Instance:
    """An instance of their own, so that what it holds came from snippets with its key."""

    id: str
    ingest_key: str
    query_key: str


@pytest.fixture(scope="module")
def instance(server: RunningServer) -> Instance:
    made = server.cli_json("instance", "create", f"snippets {uuid.uuid4().hex[:6]}")["id"]
    keys = [
        server.cli_json("key", "create", scope, "--scope", scope, "--instance", made)["secret"]
        for scope in ("ingest", "query")
    ]
    return Instance(made, *keys)


def by_id(server: RunningServer, key: str | None) -> dict[str, Snippet]:
    return {snippet.id: snippet for snippet in snippets(server.otlp_http, server.otlp_grpc, key)}


def run(snippet: Snippet, directory: Path) -> str:
    """Run it as a person would who pasted it into a file or a terminal."""
    (directory / "program.py").write_text(ANY_PROGRAM)
    (directory / "pasted").write_text(snippet.code)
    command = {
        "python": [sys.executable, "pasted"],
        "javascript": ["node", "pasted"],
        "bash": [
            "bash",
            "-ec",
            f". ./pasted\n{sys.executable} program.py" if "export" in snippet.code else ". ./pasted",
        ],
    }[snippet.language]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment["NODE_PATH"] = str(JS / "node_modules")
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def hellos(server: RunningServer, query_key: str) -> list[str]:
    """Trace ids of what snippets have sent."""
    query = f'{{ resource.service.name = "{SERVICE}" && name = "hello" }}'
    headers = {"Authorization": f"Bearer {query_key}"}
    answer = httpx.get(f"{server.console}/tempo/api/search", params={"q": query}, headers=headers)
    answer.raise_for_status()
    return [trace["traceID"] for trace in answer.json()["traces"] if trace["rootTraceName"] == "hello"]


@pytest.mark.parametrize("name", RUN_HERE)
def test_a_pasted_snippet_sends_one_span_with_the_key(
    server: RunningServer, instance: Instance, tmp_path: Path, name: str
) -> None:
    before = hellos(server, instance.query_key)

    run(by_id(server, instance.ingest_key)[name], tmp_path)

    wait_until(lambda: len(hellos(server, instance.query_key)) == len(before) + 1, FRESH_SECONDS_MAX)


@pytest.mark.parametrize("name", RUN_HERE)
def test_no_key_is_needed_on_loopback(server: RunningServer, tmp_path: Path, name: str) -> None:
    output = run(by_id(server, None)[name], tmp_path)

    assert "rror" not in output


def test_curl_says_when_it_is_refused(server: RunningServer, tmp_path: Path) -> None:
    wrong = by_id(server, "shi_wrong")["curl"]

    with pytest.raises(AssertionError, match="401"):
        run(wrong, tmp_path)


@pytest.mark.parametrize("snippet", snippets(HTTP, GRPC, KEY), ids=lambda snippet: snippet.id)
def test_each_carries_the_endpoint_and_the_key(snippet: Snippet) -> None:
    assert HTTP in snippet.code
    assert f"Bearer {KEY}" in snippet.code or "Bearer%20shi_a-b_c%2Bd%2Fe%3D" in snippet.code


@pytest.mark.parametrize("snippet", snippets(HTTP, GRPC, None), ids=lambda snippet: snippet.id)
def test_without_a_key_none_speaks_of_one(snippet: Snippet) -> None:
    assert HTTP in snippet.code
    for word in ("Bearer", "uthorization", "HEADERS", "None"):
        assert word not in snippet.code


@pytest.mark.parametrize("name", ["java", "environment"])
def test_header_variables_decode_to_the_key(name: str) -> None:
    code = {snippet.id: snippet.code for snippet in snippets(HTTP, GRPC, KEY)}[name]

    (variable,) = [line for line in code.splitlines() if "OTLP_HEADERS" in line]
    value = subprocess.run(
        ["bash", "-c", f'{variable}; printf %s "$OTEL_EXPORTER_OTLP_HEADERS"'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert parse_env_headers(value) == {"authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("key", [KEY, None])
def test_the_collector_configuration_is_whole(key: str | None) -> None:
    code = {snippet.id: snippet.code for snippet in snippets(HTTP, GRPC, key)}["collector"]

    config = yaml.safe_load(code)

    exporter = config["exporters"]["otlp_http/spanhouse"]
    assert exporter["endpoint"] == HTTP
    assert exporter.get("headers") == ({"Authorization": f"Bearer {KEY}"} if key else None)
    pipeline = config["service"]["pipelines"]["traces"]
    assert {section: set(config[section]) for section in pipeline} == {k: set(v) for k, v in pipeline.items()}


@pytest.mark.parametrize("snippet", snippets(HTTP, GRPC, KEY), ids=lambda snippet: snippet.id)
def test_shell_python_and_javascript_parse(snippet: Snippet, tmp_path: Path) -> None:
    pasted = tmp_path / "pasted.js"
    pasted.write_text(snippet.code)
    check = {
        "bash": ["bash", "-n", str(pasted)],
        "javascript": ["node", "--check", str(pasted)],
        "python": [sys.executable, "-m", "py_compile", str(pasted)],
    }.get(snippet.language)

    if check is not None:
        subprocess.run(check, check=True, capture_output=True)
    assert snippet.code.count("{") == snippet.code.count("}")
    assert snippet.code.count("(") == snippet.code.count(")")
