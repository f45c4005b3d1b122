"""Inflating within bounds: every encoding, in every shape that senders make."""

from __future__ import annotations

import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard

from spanhouse.base.errors import Malformed, TooLarge, UnsupportedMedia
from spanhouse.tracing.wire.inflate import inflate

CONTENT = os.urandom(300_000) + b"spans " * 100_000
LIMIT = len(CONTENT)
SKIPPABLE_FRAME = bytes.fromhex("502a4d18 04000000 01020304")


def raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def zstd_without_size(content: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return compressor.compress(content) + compressor.flush()


def halves(compress: Callable[[bytes], bytes], between: bytes = b"") -> Callable[[bytes], bytes]:
    return lambda content: compress(content[:1000]) + between + compress(content[1000:])


SHAPES = [
    pytest.param("", bytes, id="none"),
    pytest.param("identity", bytes, id="identity"),
    pytest.param("gzip", gzip.compress, id="gzip"),
    pytest.param("x-gzip", gzip.compress, id="x-gzip"),
    pytest.param(" GZIP ", gzip.compress, id="case and blanks"),
    pytest.param("gzip", halves(gzip.compress), id="gzip of two members"),
    pytest.param("deflate", zlib.compress, id="deflate in zlib"),
    pytest.param("deflate", raw_deflate, id="deflate raw"),
    pytest.param("zstd", zstd, id="zstd"),
    pytest.param("zstd", zstd_without_size, id="zstd that declares no size"),
    pytest.param("zstd", halves(zstd, SKIPPABLE_FRAME), id="zstd of two frames and one to skip"),
]
COMPRESSED = [shape for shape in SHAPES if "identity" not in str(shape.id) and shape.id != "none"]


@pytest.mark.parametrize(("encoding", "compress"), SHAPES)
def test_a_body_of_exactly_the_limit_comes_back(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    assert inflate(compress(CONTENT), encoding, LIMIT) == CONTENT


@pytest.mark.parametrize(("encoding", "compress"), SHAPES)
def test_one_byte_over_the_limit_is_too_large(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    with pytest.raises(TooLarge):
        inflate(compress(CONTENT), encoding, LIMIT - 1)


@pytest.mark.parametrize(("encoding", "compress"), SHAPES)
def test_an_empty_body_comes_back(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    assert inflate(compress(b""), encoding, LIMIT) == b""


@pytest.mark.parametrize(("encoding", "compress"), COMPRESSED)
@pytest.mark.parametrize("cut", [1, 4, 9, 1000])
def test_a_cut_stream_is_malformed(encoding: str, compress: Callable[[bytes], bytes], cut: int) -> None:
    with pytest.raises(Malformed):
        inflate(compress(CONTENT)[:-cut], encoding, LIMIT)


@pytest.mark.parametrize(("encoding", "compress"), COMPRESSED)
def test_bytes_after_the_stream_are_malformed(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Malformed):
        inflate(compress(CONTENT) + b"junk", encoding, LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff" * 100, b"plain text that nobody compressed"])
def test_what_is_no_stream_is_malformed(encoding: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        inflate(body, encoding, LIMIT)


@pytest.mark.report("V11")
def test_gzip_that_nothing_announces_is_called_by_its_name() -> None:
    with pytest.raises(Malformed, match="no Content-Encoding says so"):
        inflate(gzip.compress(CONTENT), "", LIMIT)


@pytest.mark.parametrize("encoding", ["br", "compress", "gzip, gzip", "*"])
def test_other_encodings_are_unsupported(encoding: str) -> None:
    with pytest.raises(UnsupportedMedia):
        inflate(b"", encoding, LIMIT)


@pytest.mark.report("V10")
@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd), ("zstd", zstd_without_size)],
)
def test_a_bomb_holds_little_more_than_the_limit(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    limit = 2**20
    bomb = compress(bytes(100 * 2**20))

    tracemalloc.start()
    with pytest.raises(TooLarge):
        inflate(bomb, encoding, limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < limit + 4 * 2**20


@pytest.mark.report("V10")
def test_a_zstd_frame_that_wants_a_huge_window_is_too_large() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=29)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()

    with pytest.raises(TooLarge):
        inflate(compressor.compress(b"x") + compressor.flush(), "zstd", LIMIT)
