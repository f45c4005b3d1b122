"""A customer comes, reads, signs, makes an instance and a key, sends a span, lets a colleague read part of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from spanhouse.base.ids import digest_secret
from spanhouse.contracts.grant import Grants
from tests.kit.otlp import json_body, json_span, string_attribute
from tests.kit.server import RunningServer, wait_until

PAPERS = ("general_terms", "special_terms", "usage_rules", "service_description", "price_list")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("accounts") / "data") as server:
        yield server


class Person:
    """Somebody at the console of one account."""

    def __init__(self, server: RunningServer, name: str, account: str) -> None:
        self.server, self.account = server, account
        self.client = server.log_in(name)

    def fill(self, page: str, path: str, **form: Any) -> httpx.Response:
        """Open `page`, take its token and send a form of it."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.client.get(page).text)
        assert token is not None
        data = {"csrfmiddlewaretoken": token[1], "account": self.account, **form}
        return self.client.post(path, data=data, headers={"Origin": self.server.console})

    def sign(self) -> httpx.Response:
        self.fill(
            "/account/party",
            "/account/party",
            kind="enterprise",
            name="Shop Ltd",
            registration="91310000MA1K000000",
            email="legal@shop.example",
            phone="+86 21 5555 0100",
            address="1 Century Avenue, Shanghai",
        )
        versions = dict.fromkeys(PAPERS, "1")
        return self.fill(
            "/account/agreement", "/account/agreement/sign", language="en", read="yes", answer="accept", **versions
        )


def send(server: RunningServer, secret: str, trace: str, *services: str) -> int:
    """A trace of one span for each service, each the child of the one before."""
    bodies = [
        json_body(
            json_span(number, traceId=trace, parentSpanId=f"{number - 1:016x}" if number > 1 else "", **_times()),
            resource=[string_attribute("service.name", service)],
        )
        for number, service in enumerate(services, 1)
    ]
    body = {"resourceSpans": [body["resourceSpans"][0] for body in bodies]}
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.post(f"{server.otlp_http}/v1/traces", json=body, headers=headers, timeout=30).status_code


def _times() -> dict[str, str]:
    now = time.time_ns()
    return {"startTimeUnixNano": str(now - 10**9), "endTimeUnixNano": str(now)}


def published(server: RunningServer) -> Grants:
    return Grants.from_json((server.data / "grants" / "snapshot.json").read_bytes())


@pytest.mark.clause("P1", "P2", "G4.5", "G4.6", "G5.5")
def test_from_the_agreement_to_the_first_span_and_a_grant(server: RunningServer) -> None:
    shop = server.cli_json("account", "open", "Shop Ltd", "--owner", "bob")["id"]
    other = server.cli_json("account", "open", "Auditors", "--owner", "dana")["id"]
    bob, dana = Person(server, "bob", shop), Person(server, "dana", other)

    early = server.cli("instance", "create", "web", "--account", shop, check=False)
    assert early.returncode == 2
    assert "accepted the agreement" in early.stderr
    assert bob.sign().headers["Location"] == "/account/instances"
    assert bob.fill("/account/instances", "/account/instances", name="web").headers["Location"] == "/"
    (web,) = [row["id"] for row in server.cli_json("instance", "list") if row["account"] == shop]

    key = server.cli_json("key", "create", "checkout", "--instance", web)["secret"]
    wait_until(lambda: send(server, key, f"{0xC0FFEE:032x}", "shop", "pay") == 200, 1)
    wait_until(lambda: bob.client.get(f"/tempo/api/traces/{0xC0FFEE:032x}").status_code == 200)
    assert set(bob.client.get("/jaeger/api/services").json()["data"]) == {"shop", "pay"}

    assert dana.client.get("/jaeger/api/services").status_code == 403
    given = bob.fill(
        "/account/members", "/account/grants", to=other, operations="query", instances=web, services="pay", expires="1"
    )
    assert given.headers["Location"] == "/account/members"
    assert dana.client.get("/jaeger/api/services").json()["data"] == ["pay"]

    (grant,) = server.cli_json("account", "grants", shop)
    server.cli("account", "ungrant", shop, grant["id"])
    assert dana.client.get("/jaeger/api/services").status_code == 403

    log = json.loads(server.cli("audit", "export", "--account", shop).stdout)
    deeds = [(row["operation"], row["actor_name"]) for row in log]
    assert ("agreement.accept", "bob") in deeds
    assert ("instance.create", "bob") in deeds
    assert ("grant.give", "bob") in deeds
    assert all(verdict["broken_at"] is None for verdict in server.cli_json("audit", "verify"))


@pytest.mark.clause("G4.5", "G5.5")
@pytest.mark.report("A15", "A16")
def test_a_key_made_under_a_grant_is_refused_within_a_second_of_its_end(server: RunningServer) -> None:
    account = server.cli_json("account", "open", "Team", "--owner", "tess", "--own")["id"]
    instance = server.cli_json("instance", "create", "team", "--account", account)["id"]
    helper = server.cli_json("account", "open", "Helpers", "--owner", "hugo")["id"]
    grant = server.cli_json(
        "account", "grant", account, helper, "--may", "configure", "--may", "ingest", "--may", "read"
    )
    hugo = Person(server, "hugo", helper)

    made = hugo.fill("/keys", "/keys", name="hugo's", scope="ingest")
    secret = re.search(r"shi_[\w-]{43}", hugo.client.get(made.headers["Location"]).text)
    assert secret is not None
    wait_until(lambda: send(server, secret[0], f"{1:032x}", "a") == 200, 1)
    assert published(server).keys[digest_secret(secret[0])].instance == instance

    server.cli("account", "ungrant", account, grant["id"])

    wait_until(lambda: send(server, secret[0], f"{2:032x}", "a") == 401, 1)


@pytest.mark.clause("G6.3")
def test_a_released_instance_refuses_at_once(server: RunningServer) -> None:
    tess = Person(server, "tess", "")
    account = next(row["id"] for row in server.cli_json("account", "list") if row["name"] == "Team")
    instance = server.cli_json("instance", "create", "gone", "--account", account)["id"]
    key = server.cli_json("key", "create", "x", "--instance", instance)["secret"]
    wait_until(lambda: send(server, key, f"{3:032x}", "a") == 200, 1)

    released = tess.fill(
        "/account/instances", f"/account/instances/{instance}/release", account=account, confirmation=instance
    )

    assert released.headers["Location"] == "/account/instances"
    wait_until(lambda: send(server, key, f"{4:032x}", "a") == 401, 1)
    assert not published(server).instances[instance].query
