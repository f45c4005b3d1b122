"""The log as a file: JSON that proves itself, CSV that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from spanhouse.customers.accounts.audit.chain import WORDS, words_of
from spanhouse.customers.accounts.audit.models import AuditEntry

COLUMNS = ("at", *WORDS, "digest")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_json(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """A JSON array, entry by entry; whoever sorts an entry's keys finds its digest again."""
    separator = "[\n"
    for entry in entries:
        yield separator + json.dumps({**words_of(entry), "digest": entry.digest}, ensure_ascii=False)
        separator = ",\n"
    yield "\n]\n" if separator != "[\n" else "[]\n"


def as_csv(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """RFC 4180 with a head line. A cell that a spreadsheet would calculate begins with an apostrophe."""
    yield _line(COLUMNS)
    for entry in entries:
        words = {**words_of(entry), "digest": entry.digest}
        words["details"] = json.dumps(entry.details, ensure_ascii=False, sort_keys=True)
        yield _line(tuple(_cell(words[name]) for name in COLUMNS))


def _cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _line(cells: tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
