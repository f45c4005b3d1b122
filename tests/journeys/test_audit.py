"""The audit log of a running installation, from the command line and from behind its back."""

import json
import sqlite3
from collections.abc import Iterator

import pytest

from tests.kit.server import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("audit") / "data") as running:
        yield running


@pytest.mark.clause("G4.6")
def test_what_was_done_is_listed_exported_and_proven(server: RunningServer) -> None:
    key = server.cli_json("key", "create", "checkout")
    server.log_in().post("/logout")

    listed = server.cli_json("audit", "list", "--on", key["id"])
    exported = json.loads(server.cli("audit", "export").stdout)
    verdicts = server.cli_json("audit", "verify")

    assert [(row["operation"], row["actor_kind"]) for row in listed] == [("key.create", "command")]
    assert {"account.open", "login_link.use"} <= {row["operation"] for row in exported}
    assert all(verdict["broken_at"] is None for verdict in verdicts)
    assert next(row for row in exported if row["operation"] == "login_link.use")["ip"] == "127.0.0.1"


@pytest.mark.clause("G4.6")
@pytest.mark.parametrize("statement", ["DELETE FROM accounts_auditentry", "UPDATE accounts_auditentry SET reason = ''"])
def test_the_database_refuses_to_forget(server: RunningServer, statement: str) -> None:
    with (
        sqlite3.connect(server.data / "accounts.sqlite3") as database,
        pytest.raises(sqlite3.DatabaseError, match="append-only"),
    ):
        database.execute(statement)


@pytest.mark.clause("G4.6")
def test_a_chain_that_was_broken_behind_our_back_is_reported(server: RunningServer) -> None:
    with sqlite3.connect(server.data / "accounts.sqlite3") as database:
        database.execute("DROP TRIGGER accounts_auditentry_no_update")
        database.execute("UPDATE accounts_auditentry SET actor_name = 'mallory' WHERE number = 2")

    said = server.cli("audit", "verify", check=False)

    assert said.returncode == 1
    assert "broken at entry 2" in said.stdout
