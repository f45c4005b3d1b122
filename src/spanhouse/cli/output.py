"""How the command line speaks: tables for people, JSON for programs, one line for errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from spanhouse.base.errors import SpanhouseError

ERROR_EXIT = 2

PIPED_WIDTH = 100_000


def _to_standard_output() -> Console:
    """As wide as the terminal; where a program reads, no line is broken."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


out = _to_standard_output()
err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """A table, or the sentence `empty` where there is nothing to show."""
    if not rows:
        out.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    piped = not sys.stdout.isatty()
    for position, column in enumerate(columns):
        table.add_column(column, overflow="ignore" if piped else "fold", no_wrap=piped or position == 0)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(table)


def warn(message: str) -> None:
    """One line on standard error, which leaves standard output to what was asked for."""
    err.print(f"spanhouse: warning: {message}", style="yellow", markup=False, soft_wrap=True)


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Our errors become one line and exit code 2; anything else is a bug and keeps its traceback."""
    try:
        yield
    except SpanhouseError as error:
        err.print(f"spanhouse: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(ERROR_EXIT) from error
