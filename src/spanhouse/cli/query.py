"""`spanhouse query`: traces by TraceQL, asked of the running console, which alone has the store open."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND, to_datetime
from spanhouse.base.errors import ConfigurationError, Forbidden, Malformed, Refused, Unauthenticated, Unavailable
from spanhouse.cli.environment import parse_duration
from spanhouse.cli.output import errors_in_one_line, out, print_json
from spanhouse.runtime import settings
from spanhouse.runtime.settings import TOKEN_VARIABLE

ANSWER_SECONDS_MAX = limits.QUERY_SECONDS_MAX + 10


def query(
    traceql: Annotated[str, typer.Argument(help="A TraceQL filter, such as '{ duration > 1s }'.")] = "{ }",
    since: Annotated[str, typer.Option(help="How far back to look: 30m, 1h, 7d.")] = "1h",
    limit: Annotated[int, typer.Option(min=1, max=limits.SEARCH_LIMIT_MAX, help="Traces at most.")] = 20,
    slowest: Annotated[bool, typer.Option("--slowest", help="Longest first instead of newest first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    token: Annotated[
        str, typer.Option(envvar=TOKEN_VARIABLE, help="Query token; not needed on this machine at first.")
    ] = "",
    url: Annotated[str, typer.Option(help="Address of the console; from the settings if left out.")] = "",
) -> None:
    """Find traces with TraceQL.

    \b
    spanhouse query '{ duration > 1s }'
    spanhouse query '{ resource.service.name = "checkout" && status = error }' --since 24h
    spanhouse query --slowest --limit 5 --json
    """
    with errors_in_one_line():
        loaded = settings.load()
        now = loaded.make_clock().now_ns()
        start = max(0, now - int(parse_duration(since).total_seconds() * NANOS_PER_SECOND))
        asked = {
            "q": traceql,
            "limit": str(limit),
            "spss": "1",
            "start": str(start // NANOS_PER_SECOND),
            "end": str(now // NANOS_PER_SECOND),
            "order": "slowest" if slowest else "newest",
        }
        answer = _ask(url or loaded.console_url, asked, token)
    if as_json:
        print_json(answer["traces"])
        return
    if not answer["traces"]:
        out.print(f"No trace matches in the last {since}.")
        return
    out.print(_table(answer["traces"]))


def _ask(base: str, asked: dict[str, str], token: str) -> Any:
    """The answer of the console's search. Our own errors for its refusals, with its words."""
    if urllib.parse.urlsplit(base).scheme not in ("http", "https"):
        raise ConfigurationError(f"{base!r} is not an http address")
    address = f"{base.rstrip('/')}/tempo/api/search?{urllib.parse.urlencode(asked)}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 (the scheme is checked above)
    try:
        with _opener().open(request, timeout=ANSWER_SECONDS_MAX) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise _refusal(error) from None
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise Unavailable(f"no console answers at {base} ({reason}); is `spanhouse serve` running?") from None
    except ValueError:
        raise Malformed(f"what answers at {base} is not this program's console") from None


def _opener() -> urllib.request.OpenerDirector:
    """Without proxies: a token is sent, and the console is no page of the world outside."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _refusal(error: urllib.error.HTTPError) -> Refused | Unavailable:
    text = error.read(4096).decode("utf-8", "replace").strip() or error.reason
    match error.code:
        case HTTPStatus.UNAUTHORIZED:
            return Unauthenticated(f"{text} (option --token or {TOKEN_VARIABLE})")
        case HTTPStatus.FORBIDDEN:
            return Forbidden(text)
        case code if code >= HTTPStatus.INTERNAL_SERVER_ERROR or code == HTTPStatus.TOO_MANY_REQUESTS:
            return Unavailable(text)
    return Refused(text)


def _table(traces: Sequence[dict[str, Any]]) -> Table:
    """Where the terminal is narrow the name of the root folds, never the id."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("trace", no_wrap=True, min_width=32)
    table.add_column("UTC", no_wrap=True, min_width=14)
    for column in ("duration", "spans", "errors"):
        table.add_column(column, no_wrap=True, justify="right", min_width=len(column))
    table.add_column("root", overflow="fold")
    for trace in traces:
        stats = trace["serviceStats"].values()
        errors = sum(each.get("errorCount", 0) for each in stats)
        table.add_row(
            trace["traceID"],
            to_datetime(int(trace["startTimeUnixNano"])).strftime("%m-%d %H:%M:%S"),
            _duration(trace["durationMs"]),
            str(sum(each["spanCount"] for each in stats)),
            str(errors or ""),
            escape(f"{trace['rootServiceName']}: {trace['rootTraceName']}"),
        )
    return table


def _duration(milliseconds: int) -> str:
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    return f"{milliseconds / 1000:.2f} s" if milliseconds < 60_000 else f"{milliseconds / 60_000:.1f} min"
