"""One batch as the journal keeps it: a length-delimited protobuf message, so that a whole segment is something the
engine's Protobuf reader takes as it is (store/clickhouse/schema/envelope.proto names the same field numbers).

    varint length | 0x25 crc32 | 0x0a instance | 0x11 received_at | 0x1a content_hash | 0x2a portion … | 0x7a body

The checksum comes first and covers everything after itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from isal import isal_zlib

from spanhouse.base.errors import Malformed

_CRC_TAG = 0x25
_CRC_FIELD_BYTES = 5
_FIXED64 = struct.Struct("<Q")
_FIXED32 = struct.Struct("<I")
_LENGTH_BYTES_MAX = 5
HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class Portion:
    """What one service sent in a batch. `bytes` are encoded protobuf; over a batch they sum to the body's length."""

    service: str
    spans: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """A batch of one instance. `body` is an encoded ExportTraceServiceRequest, `received_at` ns since the epoch,
    `content_hash` the 16-byte digest of the body as the client sent it."""

    instance: str
    received_at: int
    content_hash: bytes
    portions: tuple[Portion, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """An envelope as found in a segment: where it lies, and all but its body and portions read."""

    start: int
    end: int
    instance: str
    received_at: int
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that are no envelope: a write that a crash cut off, or a disk that changed them."""

    start: int
    end: int


def encode(envelope: Envelope) -> tuple[bytes, bytes]:
    """(head, body): written one after the other they are the envelope; the body is not copied."""
    fields = bytearray()
    _append_bytes(fields, 0x0A, envelope.instance.encode())
    fields += b"\x11" + _FIXED64.pack(envelope.received_at)
    _append_bytes(fields, 0x1A, envelope.content_hash)
    for portion in envelope.portions:
        _append_bytes(fields, 0x2A, _encode_portion(portion))
    fields.append(0x7A)
    fields += encode_varint(len(envelope.body))
    checksum = isal_zlib.crc32(envelope.body, isal_zlib.crc32(bytes(fields)))
    length = encode_varint(_CRC_FIELD_BYTES + len(fields) + len(envelope.body))
    return length + bytes((_CRC_TAG,)) + _FIXED32.pack(checksum) + bytes(fields), envelope.body


def scan(segment: memoryview) -> Iterator[Frame | Damage]:
    """Every envelope of a segment in order, each with its checksum verified. Bytes that fail it are a `Damage`:
    one envelope where its length still leads to the next, otherwise all that follows."""
    at = 0
    while at < len(segment):
        try:
            length, start = decode_varint(segment, at)
        except Malformed:
            yield Damage(at, len(segment))
            return
        end = start + length
        if end > len(segment) or length < _CRC_FIELD_BYTES:
            yield Damage(at, len(segment))
            return
        frame = _read_frame(segment, at, start, end)
        yield frame if frame is not None else Damage(at, end)
        at = end


def split_body(segment: memoryview, frame: Frame) -> tuple[bytes, bytes]:
    """(fields before the body without length and checksum, body) of a frame."""
    _, start = decode_varint(segment, frame.start)
    at = start + _CRC_FIELD_BYTES
    fields_start = at
    while segment[at] != 0x7A:
        at = _skip_field(segment, at)
    length, body_start = decode_varint(segment, at + 1)
    return bytes(segment[fields_start:at]), bytes(segment[body_start : body_start + length])


def with_body(fields: bytes, body: bytes) -> bytes:
    """An envelope of the given leading fields around another body."""
    tail = fields + b"\x7a" + encode_varint(len(body)) + body
    checksum = isal_zlib.crc32(tail)
    return encode_varint(_CRC_FIELD_BYTES + len(tail)) + bytes((_CRC_TAG,)) + _FIXED32.pack(checksum) + tail


def encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_varint(data: memoryview, at: int) -> tuple[int, int]:
    """(value, position after it); `Malformed` when it is cut off or longer than a length can be."""
    value = shift = 0
    for position in range(at, min(at + _LENGTH_BYTES_MAX, len(data))):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
        shift += 7
    raise Malformed("a length is cut off")


def _append_bytes(out: bytearray, tag: int, value: bytes) -> None:
    out.append(tag)
    out += encode_varint(len(value))
    out += value


def _encode_portion(portion: Portion) -> bytes:
    out = bytearray()
    _append_bytes(out, 0x0A, portion.service.encode())
    out += b"\x10" + encode_varint(portion.spans)
    out += b"\x18" + encode_varint(portion.bytes)
    return bytes(out)


def _read_frame(segment: memoryview, at: int, start: int, end: int) -> Frame | None:
    if segment[start] != _CRC_TAG:
        return None
    checked = segment[start + _CRC_FIELD_BYTES : end]
    if isal_zlib.crc32(checked) != _FIXED32.unpack_from(segment, start + 1)[0]:
        return None
    length, position = decode_varint(checked, 1)
    instance = bytes(checked[position : position + length]).decode()
    position += length
    (received_at,) = _FIXED64.unpack_from(checked, position + 1)
    position += 1 + _FIXED64.size
    content_hash = bytes(checked[position + 2 : position + 2 + HASH_BYTES])
    return Frame(at, end, instance, received_at, content_hash)


def _skip_field(segment: memoryview, at: int) -> int:
    tag = segment[at]
    if tag & 7 == 1:
        return at + 1 + _FIXED64.size
    length, start = decode_varint(segment, at + 1)
    return start + length
