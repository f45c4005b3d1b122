"""Results as they come: what is newest is asked for again and again, and each is printed once, until Ctrl-C."""

from __future__ import annotations

import json
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND, Clock
from spanhouse.base.errors import Malformed, Unavailable
from spanhouse.cli import query_tables as tables
from spanhouse.cli.console_api import ConsoleApi, nanos_text
from spanhouse.cli.output import out, warn
from spanhouse.tracing.search.find import parse_duration_text

POLL_SECONDS: Final = 1.0
LATE_NS: Final = 120 * NANOS_PER_SECOND
"""How far back each look goes: a span that arrives later after its start than this is not printed."""
REMEMBERED_MAX: Final = 100_000
STEP_DEFAULT: Final = "10s"
SETTLE_NS: Final = 5 * NANOS_PER_SECOND
"""How long after its end a step of a metric is printed: by then its spans have arrived."""


def follow_traces(api: ConsoleApi, clock: Clock, asked: dict[str, str], back: int, *, as_json: bool) -> None:
    """The newest traces of the last `back` ns, then those that arrive. A trace is printed when it first matches."""
    known: OrderedDict[str, None] = OrderedDict()
    begin = max(0, clock.now_ns() - back)
    shown = int(asked["limit"])

    def look() -> None:
        nonlocal shown
        now = clock.now_ns()
        since = begin if not known else max(begin, now - LATE_NS)
        newest = {"order": "newest", "limit": str(limits.SEARCH_LIMIT_MAX)}
        answer = api.get("traces", {**asked, **newest, "start": nanos_text(since), "end": nanos_text(now)})
        fresh = [trace for trace in answer["traces"] if trace["trace_id"] not in known]
        if known and len(fresh) == limits.SEARCH_LIMIT_MAX:
            warn(f"more than {len(fresh)} traces arrived at once: only the newest of them are printed")
        for trace in reversed(fresh[:shown]):
            _print_trace(trace, as_json=as_json)
        known.update((trace["trace_id"], None) for trace in fresh)
        while len(known) > REMEMBERED_MAX:
            known.popitem(last=False)
        shown = limits.SEARCH_LIMIT_MAX

    _repeat(look)


def follow_metric(api: ConsoleApi, clock: Clock, asked: dict[str, str], *, as_json: bool) -> None:
    """The points of each step once it is over."""
    asked = {"step": STEP_DEFAULT, **asked}
    step = parse_duration_text(asked["step"], "step")
    if not step:
        raise Malformed("step is longer than 0")
    reached = clock.now_ns() // step * step

    def look() -> None:
        nonlocal reached
        over = (clock.now_ns() - SETTLE_NS) // step * step
        if over <= reached:
            return
        answer = api.get("metrics", {**asked, "start": nanos_text(reached), "end": nanos_text(over)})
        reached = over
        for number, at in enumerate(answer["times"]):
            for series in answer["series"]:
                if series["points"][number] is not None:
                    _print_point(at, series, series["points"][number], answer["name"], as_json=as_json)

    _repeat(look)


def _repeat(look: Callable[[], None]) -> None:
    """Until Ctrl-C. While the console cannot answer it is asked again; what it refuses ends the command."""
    waiting = False
    try:
        while True:
            try:
                look()
                waiting = False
            except Unavailable as error:
                if not waiting:
                    warn(f"{error}; trying again")
                waiting = True
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return


def _print_trace(trace: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print_line(trace)
        return
    trace_id, at, duration, spans, errors, root = tables.trace_cells(trace)
    failed = f"  {errors} failed" if errors else ""
    out.print(f"{trace_id}  {at}  {duration:>8}  {spans:>5} spans{failed}  {root}", soft_wrap=True)
    for first, *_, about in tables.span_rows(trace):
        out.print(f"{first:<22}  {about}", style="dim", soft_wrap=True)


def _print_point(at: str, series: dict[str, Any], point: float | str, name: str, *, as_json: bool) -> None:
    if as_json:
        _print_line({"time": at, "labels": series["labels"], "value": point})
        return
    labels = tables.labels_text(series, name)
    out.print(
        f"{tables.clock_text(at)}  {tables.number_text(float(point)):>12}  {labels}", markup=False, soft_wrap=True
    )


def _print_line(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()
