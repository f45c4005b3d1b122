"""Bodies inflated within a bound: the limit is checked as the output grows, never after the whole is there.

Encodings (RFC 9110 8.4.1, RFC 8878): identity, gzip (also several members), deflate (zlib-wrapped as the RFC
says, and raw as some senders do), zstd (also several and skippable frames).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import zstandard
from isal import igzip_lib

from spanhouse.base.errors import Malformed, TooLarge, UnsupportedMedia

SLICE_BYTES = 64 * 1024
OUTPUT_BYTES = 256 * 1024
ZSTD_WINDOW_BYTES_MAX = 32 * 1024 * 1024
"""The encoder's largest usual window; memory for it is only touched as output fills it."""

_IsalError: Any = igzip_lib.IsalError  # its stub declares an instance, not a class

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_EXPANSION_MAX = 32 * 1024
"""A run-length block makes 128 KiB of four bytes: no input of n bytes makes more than n times this."""
_ZSTD_SLICE_BYTES_MIN = 32

ENCODINGS = ("identity", "gzip", "deflate", "zstd")


def inflate(body: bytes, encoding: str, bytes_max: int) -> bytes:
    """The body as it was before `encoding` (a Content-Encoding value, "" for none).

    Raises TooLarge past `bytes_max`, Malformed for a broken or cut stream, UnsupportedMedia for other encodings.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        if body.startswith(_GZIP_MAGIC):  # neither protobuf nor JSON can begin like this
            raise Malformed("the body is gzip but no Content-Encoding says so")
        return body
    try:
        decoder = _DECODERS[name]
    except KeyError:
        raise UnsupportedMedia(
            f"Content-Encoding {encoding!r} is not spoken here; use one of {', '.join(ENCODINGS)}"
        ) from None
    return _collect(decoder(body, bytes_max), bytes_max)


def _collect(chunks: Iterator[bytes], bytes_max: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > bytes_max:
            raise _too_large(bytes_max)
        parts.append(chunk)
    return b"".join(parts)


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"the body is larger than {bytes_max} bytes after inflating")


def _gzip(body: bytes, bytes_max: int) -> Iterator[bytes]:
    return _members(body, igzip_lib.DECOMP_GZIP, "gzip", several=True)


def _deflate(body: bytes, bytes_max: int) -> Iterator[bytes]:
    wrapped = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _members(body, igzip_lib.DECOMP_ZLIB if wrapped else igzip_lib.DECOMP_DEFLATE, "deflate", several=False)


def _members(body: bytes, flag: int, name: str, *, several: bool) -> Iterator[bytes]:
    """The output of one member after another, each in chunks of at most OUTPUT_BYTES."""
    at = 0
    view = memoryview(body)
    while at < len(body) or at == 0:
        decoder = igzip_lib.IgzipDecompressor(flag=flag)
        while not decoder.eof:
            piece = b""
            if decoder.needs_input:
                if at >= len(body):
                    raise Malformed(f"the {name} stream is cut short")
                piece = bytes(view[at : at + SLICE_BYTES])
                at += len(piece)
            try:
                yield decoder.decompress(piece, OUTPUT_BYTES)
            except _IsalError as error:
                raise Malformed(f"the body is not a {name} stream: {error}") from None
        at -= len(decoder.unused_data)
        if at < len(body) and not several:
            raise Malformed(f"bytes follow the {name} stream")


def _zstd(body: bytes, bytes_max: int) -> Iterator[bytes]:
    """Fed in slices so small that none can pass the limit by much, whatever size or ratio the frame claims."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
    view = memoryview(body)
    at = 0
    left = bytes_max
    while at < len(body) or at == 0:
        frame = decompressor.decompressobj()
        while not frame.eof:
            if at >= len(body):
                raise Malformed("the zstd stream is cut short")
            piece = view[at : at + max(left // _ZSTD_EXPANSION_MAX, _ZSTD_SLICE_BYTES_MIN)]
            at += len(piece)
            output = _zstd_step(frame, piece)
            left -= len(output)
            yield output
        at -= len(frame.unused_data)


def _zstd_step(frame: zstandard.ZstdDecompressionObj, piece: memoryview) -> bytes:
    try:
        return frame.decompress(piece)
    except zstandard.ZstdError as error:
        if "too much memory" in str(error):
            raise TooLarge(f"the zstd frame needs a window over {ZSTD_WINDOW_BYTES_MAX} bytes") from None
        raise Malformed(f"the body is not a zstd stream: {error}") from None


_DECODERS: dict[str, Callable[[bytes, int], Iterator[bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
