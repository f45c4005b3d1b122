"""Long lists as JSON text, item by item: no item's parts outlive it, and other threads get their turn between."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any, Final

_TURN_ITEMS: Final = 1_000

text_of: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""Strict JSON of one value: NaN and the infinities are refused."""


def list_text(items: Iterable[Any]) -> str:
    """A JSON array of these values."""
    texts = []
    for number, item in enumerate(items):
        if number % _TURN_ITEMS == 0:
            time.sleep(0)
        texts.append(text_of(item))
    return f"[{','.join(texts)}]"


def with_list(fields: dict[str, Any], name: str, text: str) -> str:
    """A JSON object of `fields` and, last, the member whose text is given."""
    head = text_of(fields)[:-1]
    return f"{head}{',' if fields else ''}{text_of(name)}:{text}}}"
