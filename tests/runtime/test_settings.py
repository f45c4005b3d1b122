from pathlib import Path

import pytest

from spanhouse.base.clock import SystemClock, TrialClock
from spanhouse.base.errors import ConfigurationError
from spanhouse.runtime import settings as spanhouse_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in spanhouse_settings.Settings.model_fields:
        monkeypatch.delenv(spanhouse_settings.variable_of(name), raising=False)
    monkeypatch.delenv(spanhouse_settings.CONFIG_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


def described(name: str) -> spanhouse_settings.Described:
    return next(row for row in spanhouse_settings.describe(spanhouse_settings.load()) if row.name == name)


def test_defaults_bind_loopback_and_keep_everything_under_the_data_directory(tmp_path: Path) -> None:
    settings = spanhouse_settings.load()

    assert settings.host_is_loopback
    assert settings.data == tmp_path / "spanhouse-data"
    assert settings.store_dsn == f"chdb://{tmp_path}/spanhouse-data/store"
    assert settings.listeners() == {"console": 8080, "otlp_http": 4318, "otlp_grpc": 4317, "jaeger_query": 16685}


def test_environment_wins_over_the_file_and_the_file_over_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "spanhouse.toml").write_text("console_port = 9000\notlp_http_port = 9001\n")
    monkeypatch.setenv("SPANHOUSE_OTLP_HTTP_PORT", "9002")

    settings = spanhouse_settings.load()

    assert settings.listeners() == {"console": 9000, "otlp_http": 9002, "otlp_grpc": 4317, "jaeger_query": 16685}
    assert described("console_port").source == "spanhouse.toml"
    assert described("otlp_http_port").source == "environment"
    assert described("otlp_grpc_port").source == "default"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SPANHOUSE_CONSOLE_PORT", "eighty", "SPANHOUSE_CONSOLE_PORT = 'eighty' (environment)"),
        ("SPANHOUSE_CONSOLE_PORT", "70000", "65535"),
        ("SPANHOUSE_CONSOLE_PORT", "4318", "two listeners have the same port"),
        ("SPANHOUSE_RETENTION_DAYS", "-1", "SPANHOUSE_RETENTION_DAYS"),
        ("SPANHOUSE_RETENTION_DAYS", "0", "SPANHOUSE_RETENTION_DAYS"),
        ("SPANHOUSE_STORE", "mysql://x", "chdb:// or clickhouse://"),
        ("SPANHOUSE_DATABASE", "oracle://x", "sqlite:// or postgresql://"),
        ("SPANHOUSE_PUBLIC_URL", "traces.example.com", "http:// or https://"),
        ("SPANHOUSE_CLOCK", "2026-01-01T00:00:00Z", "refused unless SPANHOUSE_TRIAL=1"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError) as refusal:
        spanhouse_settings.load()

    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [("consol_port = 1", "consol_port"), ("console_port = ", "not valid TOML"), ("\udcff", "not valid TOML")],
)
def test_a_broken_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    monkeypatch.setenv("SPANHOUSE_CONFIG", str(path))

    with pytest.raises(ConfigurationError, match=said):
        spanhouse_settings.load()


def test_a_named_file_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANHOUSE_CONFIG", "/nowhere/spanhouse.toml")

    with pytest.raises(ConfigurationError, match=r"/nowhere/spanhouse\.toml"):
        spanhouse_settings.load()


def test_passwords_and_the_secret_key_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANHOUSE_DATABASE", "postgresql://span:hunter2@db/spanhouse")
    monkeypatch.setenv("SPANHOUSE_SECRET_KEY", "hunter3")

    rows = spanhouse_settings.describe(spanhouse_settings.load())

    assert "hunter" not in repr(rows)
    assert described("database").value == "postgresql://span:***@db/spanhouse"


def test_every_setting_says_what_it_is_for() -> None:
    assert [row.name for row in spanhouse_settings.describe(spanhouse_settings.load()) if not row.help] == []


def test_a_misspelt_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANHOUSE_CONSOLEPORT", "1")

    assert spanhouse_settings.unknown_variables() == ["SPANHOUSE_CONSOLEPORT"]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("SPANHOUSE_CONSOLEPORT", "SPANHOUSE_CONSOLE_PORT"),
        ("SPANHOUSE_RETENTION", "SPANHOUSE_RETENTION_DAYS"),
        ("SPANHOUSE_DATA_DIR", "SPANHOUSE_DATA"),
        ("SPANHOUSE_XYZZY", None),
    ],
)
def test_the_setting_that_was_meant_is_named(variable: str, meant: str | None) -> None:
    assert spanhouse_settings.closest_setting(variable) == meant


def test_the_query_commands_token_is_no_misspelt_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANHOUSE_TOKEN", "x")

    assert spanhouse_settings.unknown_variables() == []


def test_the_clock_is_the_machines_unless_a_trial_was_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = spanhouse_settings.load(data=tmp_path)
    assert isinstance(settings.make_clock(), SystemClock)
    monkeypatch.setenv("SPANHOUSE_TRIAL", "1")
    monkeypatch.setenv("SPANHOUSE_CLOCK", "2026-01-01T00:00:00Z")

    spanhouse_settings.load(data=tmp_path).make_clock()
    monkeypatch.delenv("SPANHOUSE_CLOCK")

    assert isinstance(spanhouse_settings.load(data=tmp_path).make_clock(), TrialClock)


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="cannot create the data directory"):
        spanhouse_settings.load(data=tmp_path / "file" / "data").prepare_data_directory()
