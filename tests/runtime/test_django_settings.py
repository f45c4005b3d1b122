"""Django as we set it up: its own deployment checks, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spanhouse.runtime.database import database_entry


def django(tmp_path: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SPANHOUSE_DATA": str(tmp_path / "data"), **settings}
    command = [sys.executable, "-m", "django", *arguments, "--settings", "spanhouse.runtime.django_settings"]
    return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("public_url", ["", "https://traces.example.com"])
def test_the_deployment_checks_find_nothing(tmp_path: Path, public_url: str) -> None:
    done = django(tmp_path, "check", "--deploy", "--fail-level", "INFO", SPANHOUSE_PUBLIC_URL=public_url)

    assert done.returncode == 0, done.stderr


def test_the_migrations_say_all_that_the_models_say(tmp_path: Path) -> None:
    done = django(tmp_path, "makemigrations", "--check", "--dry-run", SPANHOUSE_DATABASE=f"sqlite://{tmp_path}/x")

    assert done.returncode == 0, done.stdout


def test_reading_the_settings_writes_nothing(tmp_path: Path) -> None:
    django(tmp_path, "check")

    assert list(tmp_path.iterdir()) == []


def test_sqlite_takes_the_write_lock_first_and_survives_power_loss() -> None:
    entry = database_entry("sqlite:///var/lib/my%20data/a.sqlite3")

    assert entry["NAME"] == "/var/lib/my data/a.sqlite3"
    assert entry["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "synchronous=FULL" in entry["OPTIONS"]["init_command"]


def test_a_postgresql_url_is_taken_apart() -> None:
    entry = database_entry("postgresql://us%40er:p%2Fw@db.example:5433/accounts?sslmode=require")

    assert (entry["USER"], entry["PASSWORD"], entry["HOST"], entry["PORT"]) == ("us@er", "p/w", "db.example", "5433")
    assert (entry["NAME"], entry["OPTIONS"]) == ("accounts", {"sslmode": "require"})
