"""The command line against a running service, as people and scripts use it."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.server import RunningServer, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("cli") / "data") as running:
        yield running


def send(server: RunningServer, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.post(f"{server.otlp_http}/v1/traces", json={"resourceSpans": []}, headers=headers).status_code


def ask(server: RunningServer, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{server.console}/jaeger/api/services", headers=headers).status_code


def test_a_new_ingest_key_is_taken_and_a_revoked_one_refused_within_a_second(server: RunningServer) -> None:
    key = server.cli_json("key", "create", "checkout")
    wait_until(lambda: send(server, key["secret"]) == 200, 1)

    server.cli("key", "revoke", key["id"])
    revoked = time.monotonic()

    wait_until(lambda: send(server, key["secret"]) == 401, 1)
    assert time.monotonic() - revoked < 1


def test_a_revoked_query_token_is_refused_at_once(server: RunningServer) -> None:
    token = server.cli_json("key", "create", "grafana", "--scope", "query")
    assert ask(server, token["secret"]) == 200

    server.cli("key", "revoke", token["id"])

    assert ask(server, token["secret"]) == 401


def test_an_ingest_key_does_not_read_and_a_query_token_does_not_send(server: RunningServer) -> None:
    key = server.cli_json("key", "create", "a")
    token = server.cli_json("key", "create", "b", "--scope", "query")
    wait_until(lambda: send(server, key["secret"]) == 200, 1)

    assert ask(server, key["secret"]) == 403
    assert send(server, token["secret"]) == 403


def test_a_rotated_key_and_its_successor_both_work(server: RunningServer) -> None:
    old = server.cli_json("key", "create", "web")

    new = server.cli_json("key", "rotate", old["id"], "--overlap", "1h")

    wait_until(lambda: send(server, new["secret"]) == 200, 1)
    assert send(server, old["secret"]) == 200


def test_keys_are_listed_without_secrets(server: RunningServer) -> None:
    key = server.cli_json("key", "create", "listed", "--expires", "90d")

    rows = {row["id"]: row for row in server.cli_json("key", "list")}

    assert rows[key["id"]]["name"] == "listed"
    assert rows[key["id"]]["state"] == "live"
    assert datetime.fromisoformat(rows[key["id"]]["expires"]) > datetime.fromisoformat(key["created"])
    assert key["secret"] not in server.cli("key", "list", "--revoked").stdout


def test_when_a_key_last_sent_is_shown(server: RunningServer) -> None:
    used, unused = server.cli_json("key", "create", "used"), server.cli_json("key", "create", "unused")
    wait_until(lambda: send(server, used["secret"]) == 200, 1)

    def last_used(key: Any) -> Any:
        return next(row["last_used"] for row in server.cli_json("key", "list") if row["id"] == key["id"])

    wait_until(lambda: last_used(used), 60)  # intake tells at most every 10 s, and as often it is taken up
    assert datetime.fromisoformat(last_used(used)) >= datetime.fromisoformat(used["created"])
    assert last_used(unused) is None
    assert last_used(used)[:10] in server.log_in().get("/keys").text


def test_a_key_is_found_whatever_its_instance(server: RunningServer) -> None:
    other = server.cli_json("instance", "create", "other")["id"]
    key = server.cli_json("key", "create", "x", "--instance", other)
    assert key["id"] in {row["id"] for row in server.cli_json("key", "list")}
    assert key["id"] not in {row["id"] for row in server.cli_json("key", "list", "--instance", "local")}

    server.cli_json("key", "rotate", key["id"])
    elsewhere = server.cli("key", "revoke", key["id"], "--instance", "local", check=False)
    server.cli("key", "revoke", key["id"])

    assert elsewhere.returncode == 2
    shown = {row["id"]: row["state"] for row in server.cli_json("key", "list", "--revoked")}
    assert shown[key["id"]] == "revoked"


def test_a_table_in_a_pipe_has_one_line_for_each_row(server: RunningServer) -> None:
    name = "a name that is much wider than eighty columns, " * 4
    server.cli("key", "create", name)

    lines = server.cli("key", "list").stdout.splitlines()

    assert len(lines) == 1 + len(server.cli_json("key", "list"))
    assert sum(name.strip() in line for line in lines) == 1


def test_an_instance_is_made_and_changed(server: RunningServer) -> None:
    made = server.cli_json("instance", "create", "staging", "--retention-days", "3")

    server.cli("instance", "set", made["id"], "--retention-days", "4", "--no-intake")

    shown = server.cli_json("instance", "show", made["id"])
    assert (shown["retention_days"], shown["ingest"], shown["query"]) == (4, False, True)
    key = server.cli_json("key", "create", "x", "--instance", made["id"])
    wait_until(lambda: send(server, key["secret"]) == 403, 1)


@pytest.mark.clause("G10.1")
def test_a_hold_stops_an_instance_within_a_second_and_lifting_it_restores(server: RunningServer) -> None:
    made = server.cli_json("instance", "create", "noisy")["id"]
    key = server.cli_json("key", "create", "x", "--instance", made)["secret"]
    wait_until(lambda: send(server, key) == 200, 1)

    held = server.cli_json("instance", "hold", made, "--reason", "floods the network")
    wait_until(lambda: send(server, key) == 403, 1)
    server.cli("instance", "lift", made)
    wait_until(lambda: send(server, key) == 200, 1)

    assert (held["holds"], held["ingest"], held["query"], held["denial"]) == (
        ["measure"],
        False,
        False,
        "floods the network",
    )


@pytest.mark.clause("G6.3")
def test_an_instance_is_released_with_one_confirmation(server: RunningServer) -> None:
    made = server.cli_json("instance", "create", "old")["id"]
    key = server.cli_json("key", "create", "x", "--instance", made)["secret"]
    wait_until(lambda: send(server, key) == 200, 1)

    refused = server.cli("instance", "release", made, "--confirm", "yes", check=False)
    server.cli("instance", "release", made, "--confirm", made)

    wait_until(lambda: send(server, key) == 401, 1)
    assert refused.returncode == 2
    assert f"confirm with its id: {made}" in refused.stderr
    assert server.cli("key", "create", "y", "--instance", made, check=False).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("key", "create", "x", "--instance", "i-nobody"), "there is no instance 'i-nobody'"),
        (("key", "create", "x", "--scope", "admin"), "ingest or query"),
        (("key", "create", "x", "--expires", "soon"), "neither a duration"),
        (("key", "create", "x", "--expires", "2001-01-01"), "cannot expire in the past"),
        (("key", "create", "x", "--expires", "999999999999d"), "too far"),
        (("key", "revoke", "k-nobody"), "no key 'k-nobody'"),
        (("key", "rotate", "k-nobody"), "no key 'k-nobody'"),
        (("instance", "set", "local", "--retention-days", "-1"), "retention_days"),
        (("instance", "create", ""), "name"),
        (("instance", "create", "x", "--account", "a-nobody"), "there is no account 'a-nobody'"),
        (("login-link", "--user", "nobody"), "there is no user 'nobody'"),
        (("clock", "advance", "1d"), "SPANHOUSE_TRIAL=1"),
    ],
)
def test_an_error_is_one_clear_line(server: RunningServer, arguments: tuple[str, ...], said: str) -> None:
    done = server.cli(*arguments, check=False)

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_check_finds_a_running_service_healthy(server: RunningServer) -> None:
    findings = server.cli_json("check")

    assert {finding["state"] for finding in findings} == {"good"}
    assert {"data directory", "disk", "journal", "grants", "console", "otlp_http", "otlp_grpc"} <= {
        finding["what"] for finding in findings
    }


def test_check_says_what_is_wrong(tmp_path: Path) -> None:
    stopped = RunningServer(tmp_path / "data", consle_port=1)

    done = stopped.cli("check", check=False)

    assert done.returncode == 1
    assert "does not exist" in done.stdout
    assert "does not answer" in done.stdout
    assert "SPANHOUSE_CONSLE_PORT is set but is not a setting; did you mean SPANHOUSE_CONSOLE_PORT?" in done.stdout


def test_commands_before_the_first_start_say_what_to_do(tmp_path: Path) -> None:
    done = RunningServer(tmp_path / "data").cli("key", "list", check=False)

    assert done.returncode == 2
    assert "start `spanhouse serve` first" in done.stderr
    assert not (tmp_path / "data").exists()


def test_config_lists_every_setting_and_its_source(server: RunningServer) -> None:
    rows = {row["variable"]: row for row in server.cli_json("config")}

    assert rows["SPANHOUSE_DATA"]["source"] == "environment"
    assert rows["SPANHOUSE_RETENTION_DAYS"]["source"] == "default"


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "ingest",
        "console",
        "keeper",
        "config",
        "check",
        "login-link",
        "key",
        "instance",
        "account",
        "agreement",
        "audit",
        "clock",
    ],
)
def test_every_command_has_help(server: RunningServer, command: str) -> None:
    assert "Usage" in server.cli(command, "--help").stdout


def test_the_parts_of_a_cluster_refuse_the_embedded_store(server: RunningServer) -> None:
    done = server.cli("keeper", check=False)

    assert done.returncode == 2
    assert "use `spanhouse serve`" in done.stderr


def test_the_second_account_ends_what_needs_no_key_and_says_so(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", retention_day=3) as server:
        quiet = server.cli("instance", "create", "mine")
        loud = server.cli("instance", "create", "theirs", "--new-account", "Shop Ltd")

        assert quiet.stderr == ""
        assert loud.stderr.startswith("spanhouse: warning: there is more than one account now")
        assert loud.stderr.count("\n") == 1
        warning = "spanhouse: warning: SPANHOUSE_RETENTION_DAY is not a setting and is ignored; "
        assert f"{warning}did you mean SPANHOUSE_RETENTION_DAYS?\n" in server.log.read_text()


def test_the_trial_clock_moves_for_all_processes(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", trial=1, clock="2026-01-01T00:00:00Z") as server:
        key = server.cli_json("key", "create", "x", "--expires", "7d")
        wait_until(lambda: send(server, key["secret"]) == 200, 1)
        session = server.log_in()
        assert session.get("/password").status_code == 200

        now = server.cli_json("clock", "advance", "15d")["now"]

        assert now.startswith("2026-01-16T00:0")
        wait_until(lambda: send(server, key["secret"]) == 401, 2)
        assert session.get("/password").status_code == 302
