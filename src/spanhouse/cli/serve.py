"""`spanhouse serve` and its parts run alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from spanhouse.base.errors import ConfigurationError
from spanhouse.cli.output import errors_in_one_line, out, warn
from spanhouse.runtime import settings as spanhouse_settings
from spanhouse.runtime.settings import Settings

DataOption = Annotated[Path | None, typer.Option("--data", help="Data directory (SPANHOUSE_DATA).", show_default=False)]
HostOption = Annotated[str | None, typer.Option("--host", help="Address to bind (SPANHOUSE_HOST).", show_default=False)]


def serve(
    data: DataOption = None,
    host: HostOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready.")] = False,
) -> None:
    """Run everything on this machine: intake, console, query APIs, keeper.

    \b
    spanhouse serve
    spanhouse serve --data /var/lib/spanhouse
    SPANHOUSE_CONSOLE_PORT=9000 SPANHOUSE_OTLP_GRPC_PORT=0 spanhouse serve
    """
    with errors_in_one_line():
        settings = settings_for(data, host)
        from spanhouse.runtime.supervisor import supervise

        code = supervise(settings, _print_json_line if as_json else print_ready)
    raise typer.Exit(code)


def ingest(data: DataOption = None, host: HostOption = None) -> None:
    """Take spans in, and nothing else: one of any number of such processes."""
    with errors_in_one_line():
        _run_alone("ingest", settings_for(data, host))


def console(data: DataOption = None, host: HostOption = None) -> None:
    """Serve pages and query APIs, against a ClickHouse cluster."""
    with errors_in_one_line():
        _run_alone("console", settings_for(data, host))


def keeper(data: DataOption = None, host: HostOption = None) -> None:
    """Load this node's journal and do what is due, against a ClickHouse cluster."""
    with errors_in_one_line():
        _run_alone("keeper", settings_for(data, host))


def settings_for(data: Path | None = None, host: str | None = None) -> Settings:
    """Options become environment, so that every process that is started sees the same."""
    if data is not None:
        os.environ["SPANHOUSE_DATA"] = str(data)
    if host is not None:
        os.environ["SPANHOUSE_HOST"] = host
    settings = spanhouse_settings.load()
    _warn_of_unknown_variables()
    settings.prepare_data_directory()
    from spanhouse.runtime.logs import set_up_logs

    set_up_logs(settings, "spanhouse")
    return settings


def _warn_of_unknown_variables() -> None:
    for name in spanhouse_settings.unknown_variables():
        closest = spanhouse_settings.closest_setting(name)
        hint = f"did you mean {closest}?" if closest else "`spanhouse config` lists the settings"
        warn(f"{name} is not a setting and is ignored; {hint}")


def _run_alone(role: str, settings: Settings) -> None:
    from spanhouse.runtime.lifeline import Lifeline

    if role == "ingest":
        from spanhouse.runtime.child import run_ingest

        run_ingest(settings, 0, Lifeline(None))
        return
    if settings.store_dsn.startswith("chdb:"):
        raise ConfigurationError(
            "the embedded span store lives in one process with console and keeper: "
            "use `spanhouse serve`, or set SPANHOUSE_STORE=clickhouse://…"
        )
    from spanhouse.runtime import console_process

    console_process.main(settings, Lifeline(None), console=role == "console", keeper=role == "keeper")


def _print_json_line(facts: Mapping[str, Any]) -> None:
    import json

    print(json.dumps({**facts, "ready": True}), flush=True)


def print_ready(facts: Mapping[str, Any]) -> None:
    lines = [("Console", facts.get("console", "")), ("OTLP/HTTP", facts.get("otlp_http", "off"))]
    lines.append(("OTLP/gRPC", facts.get("otlp_grpc", "off")))
    lines.append(("Query/gRPC", facts.get("jaeger_query", "off")))
    out.print("[bold]Spanhouse is ready[/bold]")
    for name, value in lines:
        out.print(f"  {name:<10} {escape(str(value))}", soft_wrap=True)
    if "login_link" in facts:
        out.print(f"  {'Log in':<10} {escape(str(facts['login_link']))}", soft_wrap=True)
        out.print(
            f"  {'':<10} works once, for {facts['login_link_minutes']} minutes; `spanhouse login-link` makes another"
        )
    out.print("  Stop with Ctrl-C")
