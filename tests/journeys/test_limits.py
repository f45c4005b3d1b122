"""Limits in a running service of two ingest processes: one tenant floods, the other is served; who is over is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.otlp import add_service, make_request, make_span
from tests.kit.server import RunningServer, wait_until

pytestmark = pytest.mark.clause("R5")

RATE = 200
BURST = 400
SPANS_PER_BODY = 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("limits") / "data", ingest_processes=2) as running:
        yield running


@dataclass
class Tenant:
    instance: str
    key: str
    token: str
    took: list[float] = field(default_factory=list)
    """seconds that each answer took"""
    answers: list[int] = field(default_factory=list)

    @classmethod
    def create(cls, server: RunningServer, name: str) -> Tenant:
        instance = server.cli_json("instance", "create", name)["id"]
        key = server.cli_json("key", "create", "sender", "--instance", instance)
        token = server.cli_json("key", "create", "reader", "--instance", instance, "--scope", "query")
        return cls(instance, key["secret"], token["secret"])

    def send(self, client: httpx.Client, spans: int, **more: Any) -> httpx.Response:
        """A body like no other: equal ones would be taken for one client's retries."""
        numbers = [time.monotonic_ns() + number for number in range(spans)]
        request = make_request(*(make_span(number, trace_id=number.to_bytes(16, "big"), **more) for number in numbers))
        return self.post(client, request.SerializeToString())

    def post(self, client: httpx.Client, body: bytes) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/x-protobuf"}
        started = time.monotonic()
        answer = client.post("/v1/traces", content=body, headers=headers)
        self.took.append(time.monotonic() - started)
        self.answers.append(answer.status_code)
        return answer

    def get(self, server: RunningServer, path: str) -> httpx.Response:
        return httpx.get(server.console + path, headers={"authorization": f"Bearer {self.token}"}, timeout=30)


def otlp(server: RunningServer) -> httpx.Client:
    return httpx.Client(base_url=server.otlp_http, timeout=30)


def test_a_flood_is_held_to_its_rate_and_another_tenant_is_not_starved(server: RunningServer) -> None:
    noisy, quiet = Tenant.create(server, "noisy"), Tenant.create(server, "quiet")
    server.cli(*("instance", "limits", noisy.instance, "--spans-per-second", str(RATE), "--spans-burst", str(BURST)))
    with otlp(server) as client:
        wait_until(lambda: noisy.send(client, BURST).status_code == 429, 20)
        wait_until(lambda: quiet.send(client, 1).status_code == 200, 5)
    before = noisy.answers.count(200) * BURST
    noisy.answers.clear()
    over = threading.Event()

    def flood() -> None:
        with otlp(server) as client:
            while not over.is_set():
                noisy.send(client, SPANS_PER_BODY)

    flooding = [threading.Thread(target=flood) for _ in range(3)]
    began = time.monotonic()
    for thread in flooding:
        thread.start()
    with otlp(server) as client:
        quiet.took.clear()
        quiet.answers.clear()
        while len(quiet.answers) < 20 or (200 not in noisy.answers and time.monotonic() - began < 30):
            quiet.send(client, SPANS_PER_BODY)
    over.set()
    for thread in flooding:
        thread.join()
    elapsed = time.monotonic() - began

    assert set(quiet.answers) == {200}
    assert sorted(quiet.took)[len(quiet.took) // 2] < 2
    assert noisy.answers.count(429) > noisy.answers.count(200) > 0
    let_in = noisy.answers.count(200) * SPANS_PER_BODY
    assert let_in <= BURST + RATE * elapsed
    refused = BURST + noisy.answers.count(429) * SPANS_PER_BODY
    wait_until(lambda: told(server, noisy, "spans_per_second") == refused, 40)
    wait_until(lambda: noisy.get(server, "/api/v1/usage").json()["total"]["spans"] == before + let_in, 20)


def told(server: RunningServer, tenant: Tenant, reason: str) -> int:
    """How many spans the tenant is told were refused for this."""
    reasons = tenant.get(server, "/api/v1/usage/refused").json()["reasons"]
    return sum(row["spans"] for row in reasons if row["reason"] == reason)


def test_two_processes_hold_one_cap_and_a_restart_forgets_nothing(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", ingest_processes=2) as server:
        tenant = Tenant.create(server, "capped")
        server.cli("instance", "limits", tenant.instance, "--key-spans-per-day", "10")
        wait_until(lambda: _sent(server, tenant, 11) == 429, 5)

        answers = [_sent(server, tenant, 1) for _ in range(14)]

    assert answers == [200] * 10 + [429] * 4
    with RunningServer(tmp_path / "data", ingest_processes=1) as server:
        assert _sent(server, tenant, 1) == 429
        rows = server.cli_json("instance", "refused", tenant.instance)
        wait_until(lambda: server.cli_json("instance", "refused", tenant.instance)[0]["spans"] >= 16, 30)
    assert {row["reason"] for row in rows} <= {"key_spans_per_day"}


def _sent(server: RunningServer, tenant: Tenant, spans: int) -> int:
    """Over a connection of its own, which either process may meet."""
    with otlp(server) as client:
        return tenant.send(client, spans).status_code


def test_a_service_is_switched_off_and_on_again(server: RunningServer) -> None:
    tenant = Tenant.create(server, "services")

    def refused() -> bool:
        request = make_request()
        number = time.monotonic_ns()
        add_service(request, "load-test", make_span(number))
        with otlp(server) as client:
            answer = tenant.post(client, request.SerializeToString())
        assert answer.status_code == 200
        return b"switched off" in answer.content

    wait_until(lambda: _sent(server, tenant, 1) == 200, 5)
    assert not refused()

    server.cli("instance", "limits", tenant.instance, "--service-off", "load-test")
    wait_until(refused, 2)
    server.cli("instance", "limits", tenant.instance, "--service-on", "load-test")
    wait_until(lambda: not refused(), 2)


def test_limits_are_shown_changed_one_by_one_and_lifted(server: RunningServer) -> None:
    tenant = Tenant.create(server, "shown")
    command = ("instance", "limits", tenant.instance)

    server.cli(*command, "--spans-per-second", "100", "--query-seconds", "5", "--service-off", "a")
    assert server.cli_json(*command) == {"spans_per_second": 100, "query_seconds": 5, "services_off": ["a"]}

    server.cli(*command, "--spans-per-second", "0", "--service-on", "a")
    assert server.cli_json(*command) == {"query_seconds": 5}
    assert server.cli(*command, "--spans-per-second", "-1", check=False).returncode == 2


def test_a_query_over_the_instances_range_is_refused_with_what_to_do(server: RunningServer) -> None:
    tenant = Tenant.create(server, "short")
    server.cli("instance", "limits", tenant.instance, "--query-range-seconds", "3600")

    answer = tenant.get(server, "/api/v1/traces?start=1790000000&end=1790007200")

    assert answer.status_code == 422
    assert answer.json()["detail"] == "the time range is longer than 1 h, the most that one query may cover; narrow it"
