"""Accounts, instances and keys in a real PostgreSQL instead of the file in the data directory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from spanhouse.base.ids import digest_secret
from spanhouse.contracts.grant import Grants
from tests.journeys.test_accounts import Person
from tests.kit.postgres import PASSWORD, Postgres, postgres
from tests.kit.server import RunningServer, wait_until


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(scope="module")
def server(database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("postgres") / "data", database=database.url) as running:
        yield running


def send(server: RunningServer, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.post(f"{server.otlp_http}/v1/traces", json={"resourceSpans": []}, headers=headers).status_code


def ask(server: RunningServer, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{server.console}/jaeger/api/services", headers=headers, timeout=10).status_code


def test_keys_are_made_used_rotated_and_revoked(server: RunningServer, database: Postgres) -> None:
    key = server.cli_json("key", "create", "checkout")
    token = server.cli_json("key", "create", "grafana", "--scope", "query")
    wait_until(lambda: send(server, key["secret"]) == 200, 1)
    assert ask(server, token["secret"]) == 200

    successor = server.cli_json("key", "rotate", key["id"], "--overlap", "0s")

    wait_until(lambda: send(server, key["secret"]) == 401, 1)
    wait_until(lambda: send(server, successor["secret"]) == 200, 1)
    server.cli("key", "revoke", token["id"])
    assert ask(server, token["secret"]) == 401
    rows = dict(database.ask("SELECT id, revoked_at IS NOT NULL FROM instances_key"))
    assert {key["id"]: True, token["id"]: True, successor["id"]: False}.items() <= rows.items()
    assert not (server.data / "accounts.sqlite3").exists()


def test_people_log_in(server: RunningServer) -> None:
    assert server.log_in().get("/keys").status_code == 200


@pytest.mark.clause("G4.6")
@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM accounts_auditentry", "UPDATE accounts_auditentry SET reason = ''", "TRUNCATE accounts_auditentry"],
)
def test_the_audit_log_forgets_nothing(server: RunningServer, database: Postgres, statement: str) -> None:
    with pytest.raises(Exception, match="append-only"):
        database.ask(statement)

    assert all(verdict["broken_at"] is None for verdict in server.cli_json("audit", "verify"))


@pytest.mark.clause("P2", "G5.5")
def test_a_customer_signs_and_grants(server: RunningServer, database: Postgres) -> None:
    shop = server.cli_json("account", "open", "Shop Ltd", "--owner", "bob")["id"]
    bob = Person(server, "bob", shop)

    bob.sign()
    bob.fill("/account/instances", "/account/instances", name="web")
    grant = server.cli_json("account", "grant", shop, "operator", "--may", "query", "--service", "pay")

    assert len(server.cli_json("account", "grants", shop)) == 1
    server.cli("account", "ungrant", shop, grant["id"])
    assert database.ask(f"SELECT count(*) FROM agreements_acceptance WHERE account_id = '{shop}'") == [(5,)]
    assert database.ask(f"SELECT name FROM instances_instance WHERE account_id = '{shop}'") == [("web",)]
    for table in ("agreements_document", "agreements_documenttext", "agreements_acceptance"):
        with pytest.raises(Exception, match="append-only"):
            database.ask(f"DELETE FROM {table}")
    assert all(verdict["broken_at"] is None for verdict in server.cli_json("audit", "verify"))


def test_changes_made_at_once_are_all_published(server: RunningServer) -> None:
    with ThreadPoolExecutor(4) as together:
        keys = list(together.map(lambda number: server.cli_json("key", "create", f"k{number}"), range(8)))

    published = Grants.from_json((server.data / "grants" / "snapshot.json").read_bytes())

    assert {digest_secret(key["secret"]) for key in keys} <= set(published.keys)


def test_when_a_key_last_sent_is_noted(server: RunningServer, database: Postgres) -> None:
    key = server.cli_json("key", "create", "noted")
    wait_until(lambda: send(server, key["secret"]) == 200, 1)

    noted = f"SELECT last_used_at IS NOT NULL FROM instances_key WHERE id = '{key['id']}'"

    wait_until(lambda: database.ask(noted) == [(True,)], 60)


def test_intake_outlives_the_database_and_the_console_comes_back_with_it(
    server: RunningServer, database: Postgres
) -> None:
    key = server.cli_json("key", "create", "steady")
    token = server.cli_json("key", "create", "reader", "--scope", "query")
    wait_until(lambda: send(server, key["secret"]) == 200, 1)
    assert ask(server, token["secret"]) == 200
    children = server.children()

    database.stop()
    try:
        assert send(server, key["secret"]) == 200
        assert ask(server, token["secret"]) >= 500
    finally:
        database.start()

    wait_until(lambda: ask(server, token["secret"]) == 200, 30)
    assert server.children() == children


def test_the_password_is_in_no_log_and_no_listing(server: RunningServer) -> None:
    shown = server.cli("config").stdout + server.log.read_text()

    assert PASSWORD not in shown
    assert "p%40ss" not in shown


def test_a_database_that_is_not_there_is_reported_without_its_password(tmp_path: Path, database: Postgres) -> None:
    nowhere = RunningServer(tmp_path / "data", database=database.url.replace(f":{database.port}/", ":1/"))

    nowhere.launch()
    wait_until(lambda: "refused" in nowhere.log.read_text(), 30)
    nowhere.stop()

    assert PASSWORD not in nowhere.log.read_text()
