"""Commands for the one who runs the service: config, check, login-link, clock."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from spanhouse.base.clock import TrialClock, to_datetime
from spanhouse.base.errors import ConfigurationError, NotFound
from spanhouse.cli.environment import accounts_database, caller, parse_duration
from spanhouse.cli.output import errors_in_one_line, out, print_json, print_table
from spanhouse.runtime import checks
from spanhouse.runtime import settings as spanhouse_settings

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

clock_app = typer.Typer(no_args_is_help=True, help="The trial clock; needs SPANHOUSE_TRIAL=1.")

_COLOURS = {"good": "green", "warning": "yellow", "bad": "red"}


def config(as_json: JsonOption = False) -> None:
    """List every setting with its value, where it comes from and what it is for.

    \b
    spanhouse config
    SPANHOUSE_CONFIG=/etc/spanhouse.toml spanhouse config --json
    """
    with errors_in_one_line():
        rows = spanhouse_settings.describe(spanhouse_settings.load())
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = [[escape(text) for text in (row.variable, row.value, row.source, row.help)] for row in rows]
    print_table(("setting", "value", "from", "what it is for"), table, "")


def check(as_json: JsonOption = False) -> None:
    """Look whether this installation is healthy; exit code 1 if something is bad.

    \b
    spanhouse check
    spanhouse check --json
    """
    with errors_in_one_line():
        findings = checks.check(spanhouse_settings.load())
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            colour = _COLOURS[finding.state]
            out.print(f"[{colour}]{finding.state:<8}[/] {finding.what:<17} {escape(finding.detail)}", soft_wrap=True)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def login_link(
    user: Annotated[str | None, typer.Option(help="User name; the operator if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link that logs a user in once. Earlier unused links of that user stop working."""
    with errors_in_one_line(), accounts_database() as (settings, now):
        from spanhouse.customers.accounts import selectors
        from spanhouse.runtime import first_minute

        person = selectors.user_named(user) if user else selectors.first_operator()
        if person is None:
            raise NotFound(f"there is no user {user!r}" if user else "there is no operator")
        link = first_minute.make_login_link(person, settings.console_url, now, caller())
    if as_json:
        print_json({"login_link": link.url, "minutes": link.minutes})
    else:
        out.print(link.url, soft_wrap=True, markup=False)


@clock_app.command()
def advance(
    duration: Annotated[str, typer.Argument(help="How far, such as 7d or 36h.")], as_json: JsonOption = False
) -> None:
    """Move the trial clock forward; everything due happens.

    \b
    SPANHOUSE_TRIAL=1 spanhouse clock advance 7d
    """
    with errors_in_one_line():
        settings = spanhouse_settings.load()
        if not settings.trial:
            raise ConfigurationError("the clock is the machine's; only with SPANHOUSE_TRIAL=1 can it be moved")
        clock = settings.make_clock()
        if not isinstance(clock, TrialClock):
            raise ConfigurationError("no trial clock runs here; start `spanhouse serve` with SPANHOUSE_CLOCK set")
        clock.advance(parse_duration(duration))
        now = to_datetime(clock.now_ns()).isoformat(timespec="seconds")
    if as_json:
        print_json({"now": now})
    else:
        out.print(f"it is now {now}")
