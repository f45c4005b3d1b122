"""Text from outside, made fit for a row: every database takes it, and no line of a list can be faked with it."""

from __future__ import annotations


def storable(text: str, length_max: int) -> str:
    """At most `length_max` characters; control characters, lone surrogates and directions become U+FFFD."""
    return "".join("\ufffd" if _unfit(character) else character for character in text[:length_max])


def _unfit(character: str) -> bool:
    code = ord(character)
    return (
        code < 0x20
        or 0x7F <= code < 0xA0
        or 0xD800 <= code < 0xE000
        or code in (0x2028, 0x2029)
        or 0x202A <= code <= 0x202E
        or 0x2066 <= code <= 0x2069
    )
