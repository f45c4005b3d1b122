"""`spanhouse agreement`: the papers, and what they state."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from spanhouse.base.errors import Malformed, NotFound
from spanhouse.cli.environment import accounts_database, caller, parse_expiry
from spanhouse.cli.output import errors_in_one_line, out, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="The agreement with customers: its papers, versions and figures.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AccountOption = Annotated[
    str | None, typer.Option("--account", help="As this account is bound; what is offered if left out.")
]


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the versions of all papers."""
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.agreements.models import Document

        rows = [_row(document, now) for document in Document.objects.order_by("kind", "version")]
    if as_json:
        print_json(rows)
        return
    columns = ("paper", "version", "announced", "effective", "state")
    print_table(columns, [[row[column] for column in columns] for row in rows], "nothing is published")


@app.command()
def show(
    paper: Annotated[str, typer.Argument(help="Such as general_terms.")],
    version: Annotated[int | None, typer.Option(help="The one in effect if left out.")] = None,
    language: Annotated[str, typer.Option(help="en or zh-hans.")] = "en",
) -> None:
    """Print a paper as it is signed.

    \b
    spanhouse agreement show special_terms
    spanhouse agreement show price_list --version 1 --language zh-hans
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.agreements import selectors
        from spanhouse.customers.agreements.policy import Kind

        if paper not in set(Kind):
            raise Malformed(f"a paper is one of {', '.join(Kind)}, not {paper!r}")
        current = selectors.in_effect(now).get(Kind(paper))
        wanted = version if version is not None else current.version if current else None
        if wanted is None:
            raise NotFound(f"no version of {paper} is in effect")
        text = selectors.text_of(selectors.get_document(paper, wanted), language)
    typer.echo(text.text)


@app.command()
def publish(
    effective: Annotated[str | None, typer.Option(help="A duration from now (45d) or a date.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Announce a new version of each paper whose words or figures changed; it takes effect after the days of notice.

    \b
    spanhouse agreement publish --effective 60d
    """
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.agreements import services

        wished = parse_expiry(effective, now) if effective else None
        rows = [_row(document, now) for document in services.publish(now=now, effective_at=wished, by=caller())]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        out.print(f"{row['paper']} version {row['version']} takes effect at {row['effective']}", markup=False)
    if not rows:
        out.print("nothing changed since the last versions")


@app.command()
def policy(account: AccountOption = None, as_json: JsonOption = False) -> None:
    """Print each figure, the paper it is taken from by rank, and its clause."""
    with errors_in_one_line(), accounts_database() as (_, now):
        from spanhouse.customers.accounts import selectors as accounts
        from spanhouse.customers.agreements import selectors

        party = accounts.get_account(account) if account else None
        rows = [
            {
                "figure": stated.figure.name,
                "value": str(stated.value),
                "unit": stated.figure.unit,
                "clause": stated.figure.clause,
                "paper": str(stated.source.kind),
                "version": stated.source.version,
                "outranked": {str(other.kind): str(other.value) for other in stated.outranked},
            }
            for stated in selectors.policy_for(party, now)
        ]
    if as_json:
        print_json(rows)
        return
    columns = ("figure", "value", "unit", "clause", "paper", "version")
    print_table(columns, [[escape(str(row[column])) for column in columns] for row in rows], "")


def _row(document: Any, now: datetime) -> dict[str, Any]:
    return {
        "paper": document.kind,
        "version": document.version,
        "announced": document.announced_at.isoformat(timespec="seconds"),
        "effective": document.effective_at.isoformat(timespec="seconds"),
        "state": "in effect or past" if document.effective_at <= now else "announced",
    }
