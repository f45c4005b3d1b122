"""`key=value key2="a value"`: how forms and Tempo's `tags` write conditions on attributes."""

from __future__ import annotations

import re
from typing import Final

from spanhouse.base.errors import Malformed

_PAIR: Final = re.compile(
    r'\s*(?:"(?P<quoted_key>(?:[^"\\]|\\.)*)"|(?P<key>[^\s="]+))'
    r'\s*(?:=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>(?!")\S*)))?(?:\s+|$)',
    re.DOTALL,
)


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """Pairs in their order; a key alone means `key=true`. A value runs to the next blank, or is quoted.

    Only the first `=` parts key and value: `http.url=http://h/c?customer=567` is one pair. Malformed when it cannot
    be read.
    """
    pairs: list[tuple[str, str]] = []
    position = len(text) - len(text.lstrip())
    while position < len(text):
        pair = _PAIR.match(text, position)
        if pair is None:
            raise Malformed(f"not key=value: {text[position : position + 40]!r}")
        key = pair["key"] if pair["key"] is not None else _unescaped(pair["quoted_key"])
        value = _unescaped(pair["quoted"]) if pair["quoted"] is not None else pair["plain"]
        pairs.append((key, "true" if value is None else value))
        position = pair.end()
    return pairs


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda escape: {"n": "\n", "t": "\t"}.get(escape[1], escape[1]), text, flags=re.DOTALL)
