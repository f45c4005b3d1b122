"""`spanhouse query`: TraceQL, asked of the running console, which alone has the store open."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND, Clock
from spanhouse.cli import query_tables as tables
from spanhouse.cli.console_api import ConsoleApi, nanos_text
from spanhouse.cli.environment import parse_duration
from spanhouse.cli.output import errors_in_one_line, out, print_json, warn
from spanhouse.cli.query_follow import follow_metric, follow_traces
from spanhouse.runtime import settings
from spanhouse.runtime.settings import TOKEN_VARIABLE
from spanhouse.tracing.search.find import is_metrics


def query(
    traceql: Annotated[str, typer.Argument(help="A TraceQL query, such as '{ duration > 1s }'.")] = "{ }",
    since: Annotated[str, typer.Option(help="How far back to look: 30m, 1h, 7d.")] = "1h",
    limit: Annotated[int, typer.Option(min=1, max=limits.SEARCH_LIMIT_MAX, help="Traces at most.")] = 20,
    spans: Annotated[int, typer.Option(min=1, max=limits.SPANS_PER_SPANSET_MAX, help="Spans of each spanset.")] = 3,
    slowest: Annotated[bool, typer.Option("--slowest", help="Longest first instead of newest first.")] = False,
    step: Annotated[str, typer.Option(help="Of a metric: time between points, such as 1m.")] = "",
    instant: Annotated[bool, typer.Option("--instant", help="Of a metric: one value for the whole time.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Also print the SQL it took, and what that cost.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print what arrives, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON; followed, one line each.")] = False,
    token: Annotated[
        str, typer.Option(envvar=TOKEN_VARIABLE, help="Query token; not needed on this machine at first.")
    ] = "",
    url: Annotated[str, typer.Option(help="Address of the console; from the settings if left out.")] = "",
) -> None:
    """Ask by TraceQL: traces as a table, metrics as lines.

    \b
    spanhouse query '{ duration > 1s }'
    spanhouse query '{ resource.service.name = "checkout" && status = error }' --since 24h
    spanhouse query '{ status = error } | rate() by (resource.service.name)'
    spanhouse query '{ status = error } | select(span.http.route)' --follow
    spanhouse query --slowest --limit 5 --json
    """
    with errors_in_one_line():
        loaded = settings.load()
        clock = loaded.make_clock()
        api = ConsoleApi(url or loaded.console_url, token)
        back = int(parse_duration(since).total_seconds() * NANOS_PER_SECOND)
        if is_metrics(traceql):
            asked = {"q": traceql, **({"step": step} if step else {}), **({"instant": "true"} if instant else {})}
            if follow:
                follow_metric(api, clock, asked, as_json=as_json)
            else:
                _measure(api, {**asked, **_range(clock, back), **_explained(explain)}, as_json=as_json)
            return
        asked = {"q": traceql, "limit": str(limit), "spans": str(spans), "order": "slowest" if slowest else "newest"}
        if follow:
            follow_traces(api, clock, asked, back, as_json=as_json)
        else:
            _search(api, {**asked, **_range(clock, back), **_explained(explain)}, since, as_json=as_json)


def _search(api: ConsoleApi, asked: dict[str, str], since: str, *, as_json: bool) -> None:
    answer = api.get("traces", asked)
    _warn(answer)
    if as_json:
        print_json(answer if "statements" in answer else answer["traces"])
        return
    if answer["traces"]:
        out.print(tables.traces_table(answer["traces"]))
    else:
        out.print(f"No trace matches in the last {since}.")
    tables.print_statements(answer.get("statements", ()))


def _measure(api: ConsoleApi, asked: dict[str, str], *, as_json: bool) -> None:
    answer = api.get("metrics", asked)
    _warn(answer)
    if as_json:
        print_json(answer)
        return
    if answer["series"]:
        out.print(tables.metrics_table(answer))
    else:
        out.print("No series: no span matches.")
    tables.print_statements(answer.get("statements", ()))


def _range(clock: Clock, back: int) -> dict[str, str]:
    now = clock.now_ns()
    return {"start": nanos_text(max(0, now - back)), "end": nanos_text(now)}


def _explained(explain: bool) -> dict[str, str]:
    return {"explain": "true"} if explain else {}


def _warn(answer: dict[str, Any]) -> None:
    for text in answer["warnings"]:
        warn(text)
