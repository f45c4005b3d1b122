"""Every setting there is: environment `SPANHOUSE_*` first, then a TOML file, then the default. Read once at start."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from spanhouse.base.clock import Clock, SystemClock, TrialClock
from spanhouse.base.errors import ConfigurationError
from spanhouse.base.limits import JOURNAL_BYTES_MAX, RETENTION_DAYS_DEFAULT, RETENTION_DAYS_MAX
from spanhouse.customers.agreements import policy as agreement_policy

ENV_PREFIX = "SPANHOUSE_"
CONFIG_VARIABLE = "SPANHOUSE_CONFIG"
TOKEN_VARIABLE = "SPANHOUSE_TOKEN"  # noqa: S105 (the name of a variable)
"""Query token of `spanhouse query`: no setting of the service."""
CONFIG_FILE_DEFAULT = Path("spanhouse.toml")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def _port(default: int, help_text: str) -> Any:
    return Field(default, ge=0, le=65535, description=f"{help_text}; 0 turns the listener off")


class Settings(BaseSettings):
    """What one process runs with. Frozen; `load()` makes it."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    data: Path = Field(Path("spanhouse-data"), description="directory that holds everything kept on this machine")
    host: str = Field("127.0.0.1", description="address that all listeners bind")
    console_port: int = _port(8080, "console and query APIs (HTTP)")
    otlp_http_port: int = _port(4318, "OTLP over HTTP")
    otlp_grpc_port: int = _port(4317, "OTLP over gRPC")
    jaeger_query_port: int = _port(16685, "Jaeger's query APIs over gRPC")
    ingest_processes: int = Field(1, ge=1, le=64, description="processes that take spans in")
    store: str = Field(
        "", description="span store, chdb:///DIRECTORY or clickhouse://…; empty = embedded, <data>/store"
    )
    database: str = Field("", description="accounts, sqlite:///FILE or postgresql://…; empty = SQLite in <data>")
    journal_bytes_max: int = Field(
        JOURNAL_BYTES_MAX, ge=1024 * 1024, description="bytes the journal may hold before intake answers 503"
    )
    retention_days: int = Field(
        RETENTION_DAYS_DEFAULT, ge=1, le=RETENTION_DAYS_MAX, description="days a new instance keeps its spans"
    )
    contract_zone: str = Field("Asia/Shanghai", description="time zone in which contracts count days and months")
    contact: str = Field("", description="where people ask before they sign: a telephone number, an e-mail address")
    policy: dict[str, str] = Field(
        default_factory=dict, description="figures of the agreement that differ from their defaults, by name (JSON)"
    )
    loopback_open: bool = Field(
        True, description="let programs on this machine send and query without a key while there is one account"
    )
    public_url: str = Field("", description="address people open, such as https://traces.example.com; empty = as bound")
    trusted_proxies: int = Field(
        0, ge=0, le=10, description="proxies in front whose X-Forwarded-For says where a person is; 0 = none"
    )
    allowed_hosts: str = Field("", description="further Host names the console answers to, separated by commas")
    secret_key: SecretStr = Field(
        SecretStr(""), description="key that signs sessions; empty = one generated into the data directory"
    )
    log_format: Literal["text", "json"] = Field("text", description="log lines for people (text) or programs (json)")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severity that is logged")
    trial: bool = Field(False, description="allow the trial clock; never in production")
    clock: datetime | None = Field(None, description="moment at which the trial clock starts (RFC 3339); needs trial")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, toml

    @field_validator("data", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("clock", mode="after")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @field_validator("store", mode="after")
    @classmethod
    def _known_store(cls, value: str) -> str:
        return _with_scheme(value, ("chdb", "clickhouse", "clickhouses"))

    @field_validator("database", mode="after")
    @classmethod
    def _known_database(cls, value: str) -> str:
        return _with_scheme(value, ("sqlite", "postgresql", "postgres"))

    @field_validator("contract_zone", mode="after")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("is no time zone such as Asia/Shanghai")
        return value

    @field_validator("policy", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        """A TOML file says figures as numbers."""
        return {name: str(figure) for name, figure in value.items()} if isinstance(value, dict) else value

    @field_validator("policy", mode="after")
    @classmethod
    def _known_figures(cls, value: dict[str, str]) -> dict[str, str]:
        try:
            agreement_policy.check(value)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("public_url", mode="after")
    @classmethod
    def _web_address(cls, value: str) -> str:
        return _with_scheme(value, ("http", "https")).rstrip("/")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.clock is not None and not self.trial:
            raise ValueError("SPANHOUSE_CLOCK is refused unless SPANHOUSE_TRIAL=1")
        ports = [port for port in self.listeners().values() if port]
        if len(ports) != len(set(ports)):
            raise ValueError("two listeners have the same port")
        return self

    def listeners(self) -> dict[str, int]:
        """Port by listener; 0 means off."""
        return {
            "console": self.console_port,
            "otlp_http": self.otlp_http_port,
            "otlp_grpc": self.otlp_grpc_port,
            "jaeger_query": self.jaeger_query_port,
        }

    @property
    def store_dsn(self) -> str:
        return self.store or f"chdb://{self.data / 'store'}"

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite://{self.data / 'accounts.sqlite3'}"

    @property
    def journal_path(self) -> Path:
        return self.data / "journal"

    @property
    def grants_path(self) -> Path:
        return self.data / "grants" / "snapshot.json"

    @property
    def trial_clock_path(self) -> Path:
        return self.data / "clock.json"

    @property
    def host_is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def reachable_host(self) -> str:
        """The host as a person on this machine writes it in a URL."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  (compares, does not bind)
        return f"[{host}]" if ":" in host else host

    @property
    def console_url(self) -> str:
        return self.public_url or f"http://{self.reachable_host}:{self.console_port}"

    def make_clock(self) -> Clock:
        """The trial clock if this data directory runs on one, else the machine's. The directory must exist."""
        if not self.trial:
            return SystemClock()
        if self.clock is not None:
            return TrialClock.start(self.trial_clock_path, self.clock)
        return TrialClock(self.trial_clock_path) if self.trial_clock_path.exists() else SystemClock()

    def prepare_data_directory(self) -> None:
        """Create what every process expects to find; raises ConfigurationError when it cannot.

        From then on what this process writes is its user's alone, also in a directory that others may enter.
        """
        os.umask(0o077)
        try:
            for directory in (self.data, self.journal_path, self.grants_path.parent):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"cannot create the data directory {self.data}: {error.strerror}") from error
        if not os.access(self.data, os.W_OK | os.X_OK):
            raise ConfigurationError(f"the data directory {self.data} is not writable")


def _with_scheme(value: str, schemes: Sequence[str]) -> str:
    if value and urlsplit(value).scheme not in schemes:
        raise ValueError(f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return value


def config_file() -> Path | None:
    """The TOML file in use: named by SPANHOUSE_CONFIG (must exist) or ./spanhouse.toml if there is one."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return CONFIG_FILE_DEFAULT if CONFIG_FILE_DEFAULT.exists() else None


def _read_config_file() -> Mapping[str, object]:
    path = config_file()
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}, named by {CONFIG_VARIABLE}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error


def load(**overrides: Any) -> Settings:
    """The settings in force. Raises ConfigurationError naming every setting that makes no sense."""
    _read_config_file()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_explain(problem) for problem in error.errors())) from error


def _explain(problem: Any) -> str:
    field = str(problem["loc"][0]) if problem["loc"] else ""
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not field:
        return message
    if problem["type"] == "extra_forbidden":
        return f"{field} in {config_file()} is not a setting; `spanhouse config` lists them"
    return f"{variable_of(field)} = {problem['input']!r} ({source_of(field)}): {message}"


def variable_of(field: str) -> str:
    return f"{ENV_PREFIX}{field.upper()}"


def source_of(field: str) -> str:
    """Where the value of `field` comes from: `environment`, the file's name, or `default`."""
    if os.environ.get(variable_of(field)):
        return "environment"
    return str(config_file()) if field in _read_config_file() else "default"


def unknown_variables() -> list[str]:
    """SPANHOUSE_* variables that name no setting: likely misspelt (orchestrators set some of their own)."""
    known = {variable_of(field) for field in Settings.model_fields} | {CONFIG_VARIABLE, TOKEN_VARIABLE}
    return sorted(name for name in os.environ if name.startswith(ENV_PREFIX) and name not in known)


def closest_setting(variable: str) -> str | None:
    """The setting that an unknown variable was likely meant to be."""
    names = {name.upper(): variable_of(name) for name in Settings.model_fields}
    close = difflib.get_close_matches(variable.removeprefix(ENV_PREFIX), names, n=1, cutoff=0.6)
    return names[close[0]] if close else None


@dataclass(frozen=True, slots=True)
class Described:
    name: str
    variable: str
    value: str
    source: str
    help: str


def describe(settings: Settings) -> list[Described]:
    """Every setting with its value, where the value comes from and what it is for. Secrets are masked."""
    return [
        Described(name, variable_of(name), _shown(settings, name), source_of(name), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _shown(settings: Settings, name: str) -> str:
    effective = {"store": settings.store_dsn, "database": settings.database_url, "public_url": settings.console_url}
    value = effective.get(name, getattr(settings, name))
    if isinstance(value, bool):
        return str(value).lower()
    if name in ("store", "database"):
        return _without_password(str(value))
    return "" if value is None else str(value)


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":***@") if password else url
