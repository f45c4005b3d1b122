"""`spanhouse demo`: a running shop to look at, or a store filled fast."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from spanhouse.base.clock import SystemClock
from spanhouse.base.errors import ConfigurationError, Malformed
from spanhouse.cli.environment import parse_duration
from spanhouse.cli.output import err, errors_in_one_line, out
from spanhouse.cli.serve import DataOption, print_ready, settings_for
from spanhouse.runtime import settings as spanhouse_settings


def demo(
    data: DataOption = None,
    rate: Annotated[float, typer.Option(help="Visitors' requests to the shop per second.", min=0.01, max=200)] = 5.0,
    spans: Annotated[int | None, typer.Option(help="Instead of a shop: send this many spans, then end.", min=1)] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Where to send them: an OTLP/HTTP base URL.", show_default="this machine")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Ingest key; loopback needs none.", show_default=False)] = None,
    services: Annotated[int, typer.Option(help="How many services the spans come from.", min=1, max=1000)] = 24,
    over: Annotated[str, typer.Option(help="Spread their times over this long until now.")] = "1h",
) -> None:
    """Run the service with a sample shop that sends traces, or fill a store.

    \b
    spanhouse demo
    spanhouse demo --spans 1000000
    spanhouse demo --spans 50000 --endpoint https://traces.example.com:4318 --key KEY
    """
    with errors_in_one_line():
        code = _run_shop(data, rate) if spans is None else _fill(spans, endpoint, key, services, over)
    raise typer.Exit(code)


def _run_shop(data: Path | None, rate: float) -> int:
    """The service with a shop beside it, until Ctrl-C."""
    from spanhouse.runtime.demo.shop.telemetry import Endpoints
    from spanhouse.runtime.demo.shop_process import ShopProcess
    from spanhouse.runtime.supervisor import supervise

    settings = settings_for(data, None)
    if not (settings.otlp_http_port and settings.otlp_grpc_port):
        raise ConfigurationError("the shop sends over HTTP and gRPC: neither OTLP port may be 0")
    if not settings.loopback_open:
        raise ConfigurationError("the shop sends without a key: SPANHOUSE_LOOPBACK_OPEN must not be off")
    endpoints = Endpoints(
        http=f"http://{settings.reachable_host}:{settings.otlp_http_port}",
        grpc=f"{settings.reachable_host}:{settings.otlp_grpc_port}",
    )
    shop = ShopProcess(endpoints, rate)

    def ready(facts: Mapping[str, Any]) -> None:
        shop.open()
        print_ready(facts)
        out.print(f"  A shop is open: about {rate:g} requests a second, first traces in a few seconds")

    # The shop closes first: it sends what it has while intake still answers.
    return supervise(settings, ready, on_stop=shop.close)


def _fill(spans: int, endpoint: str | None, key: str | None, services: int, over: str) -> int:
    """Send `spans` spans with a progress bar. 0 when every one was acknowledged, else 1."""
    from spanhouse.runtime.demo.filling import Filling, fill
    from spanhouse.runtime.demo.sending import Target

    seconds = parse_duration(over).total_seconds()
    if seconds <= 0:
        raise Malformed(f"--over {over}: must be longer than nothing")
    target = Target(endpoint or _local_endpoint(), key)
    taken = 0
    with _progress() as progress:
        task = progress.add_task(f"to {target.endpoint}", total=spans, rate="")

        def acknowledged(count: int) -> None:
            nonlocal taken
            taken += count
            progress.advance(task, count)
            progress.update(task, rate=f"{progress.tasks[0].speed or 0:,.0f} spans/s")

        started = time.monotonic()
        fill(Filling(spans, services, seconds), target, SystemClock(), acknowledged)
        took = time.monotonic() - started
    out.print(f"{taken:,} of {spans:,} spans acknowledged in {took:.1f} s, {taken / took:,.0f} spans/s")
    if taken != spans:
        err.print(f"spanhouse: {spans - taken:,} spans were refused", style="red")
    return 0 if taken == spans else 1


def _local_endpoint() -> str:
    settings = spanhouse_settings.load()
    if not settings.otlp_http_port:
        raise ConfigurationError("OTLP over HTTP is off here; say --endpoint")
    return f"http://{settings.reachable_host}:{settings.otlp_http_port}"


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err)
