"""Regular expressions of RE2, as far as they can be judged without RE2; the engine has the last word."""

from __future__ import annotations

import re
from typing import Final

_OUTSIDE_RE2: Final = re.compile(r"\(\?(?:[=!>|]|<[=!]|P[=>]|\()|\\[1-9]|[*+?}]\+")
_SPECIAL: Final = frozenset(r"\.+*?()|[]{}^$")


def fault_of(pattern: str) -> str | None:
    """What is wrong with it. Brackets must balance in the pattern itself, because it is put between others to make it
    match the whole text."""
    if not _balanced(pattern):
        return "the regular expression's brackets are not balanced"
    if outside := _OUTSIDE_RE2.search(re.sub(r"\\\\|\[[^\]]*\]", "", pattern)):
        return f"regular expressions are RE2's, which has no {outside.group()}"
    return None


def is_plain(pattern: str) -> bool:
    """Whether it matches itself and nothing else."""
    return _SPECIAL.isdisjoint(pattern)


def _balanced(pattern: str) -> bool:
    depth, in_class, escaped = 0, False, False
    for index, character in enumerate(pattern):
        if escaped or character == "\\":
            escaped = not escaped
        elif in_class:
            opening = pattern[index - 1 : index] == "[" or pattern[index - 2 : index] == "[^"
            in_class = character != "]" or opening
        elif character == "[":
            in_class = True
        else:
            depth += (character == "(") - (character == ")")
            if depth < 0:
                return False
    return depth == 0 and not in_class and not escaped
