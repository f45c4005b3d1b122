"""The papers' texts: read from the templates beside this, filled with figures, cut into clauses. No database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from spanhouse.customers.agreements.policy import Kind, Value

LANGUAGES: Final = ("en", "zh-hans")
_TEXTS = Path(__file__).parent / "texts"
_CLAUSE = re.compile(r"(?P<marked>! )?(?P<number>\d+\.\d+) (?P<text>.+)")
_FOOT: Final[Mapping[str, str]] = {
    "en": "Version {version}, in force from {effective}.",
    "zh-hans": "版本 {version}，自 {effective} 起生效。",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a paper. A `marked` clause limits or excludes something and is shown bold and underlined (P1)."""

    kind: Literal["title", "heading", "clause", "note"]
    text: str
    number: str = ""
    marked: bool = False


def template(kind: Kind, language: str) -> str:
    return (_TEXTS / language / f"{kind}.txt").read_text(encoding="utf-8").strip()


def filled(kind: Kind, language: str, values: Mapping[str, Value]) -> str:
    """The paper's words with its figures. Raises KeyError for a figure that the paper is not said to state."""
    return template(kind, language).format_map({name: _shown(value) for name, value in values.items()})


def signed_text(words: str, language: str, version: int, effective: str) -> str:
    """What is signed: the words, and which version of them from when on."""
    return f"{words}\n\n{_FOOT[language].format(version=version, effective=effective)}\n"


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def blocks(text: str) -> list[Block]:
    return [_block(line) for line in text.splitlines() if line.strip()]


def _block(line: str) -> Block:
    if line.startswith("## "):
        return Block("heading", line.removeprefix("## "))
    if line.startswith("# "):
        return Block("title", line.removeprefix("# "))
    clause = _CLAUSE.fullmatch(line)
    if clause is None:
        return Block("note", line)
    return Block("clause", clause["text"], clause["number"], clause["marked"] is not None)


def _shown(value: Value) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
