"""Text, names and durations as they are written in TraceQL, both ways."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

UNITS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
    "w": 7 * 86400 * 10**9,
    "y": 365 * 86400 * 10**9,
}
DURATION_MAX: Final = 2**63 - 1
"""ns"""
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w|y)")
_PLAIN: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<plain>[abfnrtv])|(?P<self>[\\\"'])|x(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[0-3][0-7]{2})"
    r"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})|(?P<wrong>.))",
    re.DOTALL,
)
_NAME_CHARACTER: Final = re.compile(r"[^\s{}()=~!<>&|^,\"\\]")


def parse_duration(text: str) -> int:
    """ns of `1.5s`, `1s500ms`; exact to the ns, what is smaller is cut off. ValueError when it is no duration or
    one of over 292 years."""
    position, total = 0, Fraction(0)
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            raise ValueError(f"{text!r} is not a duration")
        total += Fraction(part[1].rstrip(".")) * UNITS[part[2]]
        position = part.end()
    if not text:
        raise ValueError("an empty text is not a duration")
    if total > DURATION_MAX:
        raise ValueError("the duration is too long")
    return int(total)


def print_duration(nanos: int) -> str:
    for unit in ("h", "m", "s", "ms", "us"):
        if nanos and nanos % UNITS[unit] == 0:
            return f"{nanos // UNITS[unit]}{unit}"
    return f"{nanos}ns"


def unquote(text: str) -> str:
    """What stands between double quotes, its escapes resolved. ValueError when one is wrong."""
    content = bytearray()
    position = 0
    for escape in _ESCAPE.finditer(text):
        content += text[position : escape.start()].encode()
        content += _unescape(escape)
        position = escape.end()
    content += text[position:].encode()
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError("the escapes do not make Unicode text") from None


def _unescape(escape: re.Match[str]) -> bytes:
    kind = escape.lastgroup
    value = escape[kind or 0]
    match kind:
        case "plain":
            return _PLAIN[value].encode()
        case "self":
            return value.encode()
        case "hex":
            return bytes([int(value, 16)])
        case "octal":
            return bytes([int(value, 8)])
        case "short" | "long":
            return _character(int(value, 16))
    raise ValueError(f"\\{value} is not an escape")


def _character(code: int) -> bytes:
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError("an escape names no character")
    return chr(code).encode()


def quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def parse_name(text: str) -> str:
    """An attribute's name, of which any part may be quoted."""
    return re.sub(r'"((?:[^"\\]|\\.)*)"', lambda quoted: unquote(quoted[1]), text, flags=re.DOTALL)


def print_name(name: str) -> str:
    """As it is where that reads back, else quoted."""
    plain = all(_NAME_CHARACTER.match(character) for character in name) and not name[:1].isdigit()
    return name if plain and name else quote(name)
