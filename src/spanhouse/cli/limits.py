"""`spanhouse instance limits` and `refused`: what an instance may send and ask for, and what was too much."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from spanhouse.base.clock import to_datetime
from spanhouse.cli.environment import accounts_database, caller
from spanhouse.cli.instances import InstanceArgument, JsonOption
from spanhouse.cli.output import errors_in_one_line, out, print_json, print_table
from spanhouse.contracts.limits import AMOUNTS, LIMIT_MAX
from spanhouse.contracts.refused import NANOS_PER_HOUR


def _limit(help_text: str) -> Any:
    return typer.Option(help=help_text, min=0, max=LIMIT_MAX, show_default=False)


def limits_(
    instance: InstanceArgument,
    spans_per_second: Annotated[int | None, _limit("Spans a second.")] = None,
    spans_burst: Annotated[int | None, _limit("Spans at once; 10 s of the rate if left out.")] = None,
    bytes_per_second: Annotated[int | None, _limit("Bytes of encoded spans a second.")] = None,
    bytes_burst: Annotated[int | None, _limit("Bytes at once; 10 s of the rate if left out.")] = None,
    key_spans_per_day: Annotated[int | None, _limit("Spans of each key a day (UTC).")] = None,
    span_bytes: Annotated[int | None, _limit("Bytes of one span.")] = None,
    attributes: Annotated[int | None, _limit("Attributes of a span, event, link, scope or resource.")] = None,
    attribute_value_length: Annotated[int | None, _limit("Characters of an attribute's value.")] = None,
    trace_spans: Annotated[int | None, _limit("Spans of one trace, in a request and in an answer.")] = None,
    attribute_keys_per_day: Annotated[int | None, _limit("Different attribute keys a day (UTC).")] = None,
    concurrent_queries: Annotated[int | None, _limit("Queries at once.")] = None,
    query_seconds: Annotated[int | None, _limit("Seconds of one query.")] = None,
    query_memory_bytes: Annotated[int | None, _limit("Memory of one query.")] = None,
    query_rows: Annotated[int | None, _limit("Rows that one query reads.")] = None,
    query_range_seconds: Annotated[int | None, _limit("Longest time range of a query.")] = None,
    search_traces: Annotated[int | None, _limit("Traces that a search returns.")] = None,
    metric_series: Annotated[int | None, _limit("Series of a metric.")] = None,
    service_off: Annotated[list[str] | None, typer.Option(help="Take no more spans of this service.")] = None,
    service_on: Annotated[list[str] | None, typer.Option(help="Take spans of this service again.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the limits of an instance, or change those given. 0 lifts one: then only the node's own bounds hold.

    \b
    spanhouse instance limits i-4k9x0d2mfq7c --spans-per-second 5000 --attributes 128
    spanhouse instance limits local --service-off load-test
    """
    given = locals()
    changes = {name: given[name] for name in AMOUNTS if given[name] is not None}
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.instances import limits, selectors

        row = selectors.get_instance(instance)
        if changes:
            row = limits.set_limits(row, changes, now=now, by=caller())
        if service_off or service_on:
            row = limits.switch_services(row, off=service_off or (), on=service_on or (), now=now, by=caller())
        limited = limits.limits_of(row).to_dict()
    if as_json:
        print_json(limited)
        return
    for name, value in limited.items():
        said = ", ".join(value) if isinstance(value, list) else f"{value}"
        out.print(f"{name:<24} {said}", markup=False)
    if not limited:
        out.print("no limits but the node's own")


def refused(
    instance: InstanceArgument,
    hours: Annotated[int, typer.Option(min=1, max=9_600, help="How far back.")] = 24,
    as_json: JsonOption = False,
) -> None:
    """What intake refused of an instance, by hour (UTC) and reason; shown within about 20 seconds.

    \b
    spanhouse instance refused local --hours 48
    """
    with errors_in_one_line(), accounts_database() as (settings, _):
        from spanhouse.customers.instances import refused as told
        from spanhouse.customers.instances import selectors

        this_hour = settings.make_clock().now_ns() // NANOS_PER_HOUR
        amounts = told.amounts(selectors.get_instance(instance).pk, this_hour - hours + 1, this_hour)
    rows = [
        {
            "hour": to_datetime(at.hour * NANOS_PER_HOUR).isoformat(timespec="minutes"),
            "reason": at.reason,
            "requests": amount.requests,
            "spans": amount.spans,
            "bytes": amount.bytes,
        }
        for at, amount in amounts.items()
    ]
    if as_json:
        print_json(rows)
        return
    columns = ("hour", "reason", "requests", "spans", "bytes")
    print_table(columns, [[escape(str(row[column])) for column in columns] for row in rows], "nothing was refused")
