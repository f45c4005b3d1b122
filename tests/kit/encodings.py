"""Encodings of a request that protobuf allows and nobody expects: fields OTLP does not know, known ones of another wire
type, twice, torn apart, in another order, with more bytes than needed. Structure-aware, so that most are accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)
_VARINTS = {FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT32}
_VARINTS |= {FieldDescriptor.TYPE_ENUM, FieldDescriptor.TYPE_INT32}


@dataclass
class Field:
    """One field as encoded. A message's value is its own `Message`."""

    number: int
    wire: int
    value: Any
    overlong: int = 0
    """Bytes that its tag, and its value or length, are longer than needed."""

    def encode(self) -> bytes:
        tag = varint(self.number << 3 | self.wire, self.overlong)
        match self.wire:
            case 0:
                return tag + varint(self.value, self.overlong)
            case 2:
                content = self.value.encode() if isinstance(self.value, Message) else self.value
                return tag + varint(len(content), self.overlong) + content
            case 3:
                return tag + self.value + varint(self.number << 3 | END_GROUP, self.overlong)
            case _:
                return bytes(tag + self.value)


@dataclass
class Message:
    descriptor: Descriptor
    fields: list[Field]

    def encode(self) -> bytes:
        return b"".join(field.encode() for field in self.fields)

    def all(self) -> Iterator[Message]:
        """This one and all below."""
        yield self
        for field in self.fields:
            if isinstance(field.value, Message):
                yield from field.value.all()


def varint(value: int, overlong: int = 0) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    for _ in range(min(overlong, 5 - len(out))):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def decode(body: bytes, descriptor: Descriptor = ExportTraceServiceRequest.DESCRIPTOR) -> Message:
    """A canonical encoding as a tree."""
    fields, at = [], 0
    while at < len(body):
        tag, at = _read_varint(body, at)
        number, wire = tag >> 3, tag & 7
        value: Any
        if wire == VARINT:
            value, at = _read_varint(body, at)
        else:
            length, at = _read_varint(body, at) if wire == BYTES else (8 if wire == FIXED64 else 4, at)
            value, at = body[at : at + length], at + length
            below = descriptor.fields_by_number[number].message_type
            if below is not None:
                value = decode(value, below)
        fields.append(Field(number, wire, value))
    return Message(descriptor, fields)


def _read_varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (body[at] & 0x7F) << shift
        shift += 7
        at += 1
        if body[at - 1] < 0x80:
            return value, at


# ── what can be done to a message ──

UNKNOWN_NUMBERS = st.sampled_from([17, 100, 1_000, 19_500, 2**29 - 1])
Change = Callable[[st.DrawFn, Message], None]


def unknown_field(draw: st.DrawFn, message: Message) -> None:
    _insert(draw, message, _any_field(draw, draw(UNKNOWN_NUMBERS)))


def wrong_wire_type(draw: st.DrawFn, message: Message) -> None:
    """Of a field that is known; protobuf takes it for an unknown one."""
    known = draw(st.sampled_from(sorted(message.descriptor.fields_by_number)))
    right = _wire(message.descriptor.fields_by_number[known])
    wire = draw(st.sampled_from([wire for wire in (VARINT, FIXED64, GROUP, FIXED32, BYTES) if wire != right]))
    if wire == BYTES and _is_repeated_scalar(message.descriptor.fields_by_number[known]):
        return
    _insert(draw, message, _any_field(draw, known, wire))


def repeated(draw: st.DrawFn, message: Message) -> None:
    """A field that may stand once, twice; of messages the second is merged into the first."""
    known = message.descriptor.fields_by_number
    singles = [f for f in message.fields if f.number in known and not known[f.number].is_repeated]
    if singles:
        field = draw(st.sampled_from(singles))
        value = 1 if field.wire == VARINT else field.value
        _insert(draw, message, Field(field.number, field.wire, value))


def second_member(draw: st.DrawFn, message: Message) -> None:
    """Another member of AnyValue's oneof, before or after the first."""
    if message.descriptor.name != "AnyValue":
        return
    number, wire, value = draw(
        st.sampled_from([(1, BYTES, b"text"), (2, VARINT, 1), (3, VARINT, 7), (4, FIXED64, b"\0" * 6 + b"\xf0\x3f")])
    )
    _insert(draw, message, Field(number, wire, value))


def empty_messages(draw: st.DrawFn, message: Message) -> None:
    below = [n for n, field in message.descriptor.fields_by_number.items() if field.message_type is not None]
    singles = [n for n in below if not message.descriptor.fields_by_number[n].is_repeated]
    if singles:
        _insert(draw, message, Field(draw(st.sampled_from(singles)), BYTES, b""))


def torn(draw: st.DrawFn, message: Message) -> None:
    """A single message in two halves."""
    whole = [
        f
        for f in message.fields
        if isinstance(f.value, Message) and not message.descriptor.fields_by_number[f.number].is_repeated
    ]
    if whole:
        field = draw(st.sampled_from(whole))
        parts = field.value.fields
        cut = draw(st.integers(0, len(parts)))
        second = Field(field.number, BYTES, Message(field.value.descriptor, parts[cut:]))
        field.value.fields = parts[:cut]
        message.fields.insert(message.fields.index(field) + 1, second)


def shuffled(draw: st.DrawFn, message: Message) -> None:
    message.fields = draw(st.permutations(message.fields))


def overlong(draw: st.DrawFn, message: Message) -> None:
    if message.fields:
        draw(st.sampled_from(message.fields)).overlong = draw(st.integers(1, 4))


def big_bool(draw: st.DrawFn, message: Message) -> None:
    if message.descriptor.name == "AnyValue":
        message.fields = [Field(2, VARINT, draw(st.sampled_from([2, 255, 2**32, 2**63])))]


def wide_number(draw: st.DrawFn, message: Message) -> None:
    """More bits than a 32-bit field holds; protobuf drops them."""
    numbers = [f for f in message.fields if f.wire == VARINT]
    if numbers:
        draw(st.sampled_from(numbers)).value += 2**32 * draw(st.sampled_from([1, 2**31 - 1]))


def default_written(draw: st.DrawFn, message: Message) -> None:
    """A scalar's default, which proto3 leaves out."""
    scalars = [f for f in message.descriptor.fields if f.message_type is None and not f.is_repeated]
    if scalars:
        field = draw(st.sampled_from(scalars))
        value = {VARINT: 0, FIXED64: bytes(8), FIXED32: bytes(4), BYTES: b""}[_wire(field)]
        if message.descriptor.name == "Span" and field.number in (1, 2):
            return  # an id of none refuses the span
        message.fields.insert(0, Field(field.number, _wire(field), value))


CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        unknown_field,
        wrong_wire_type,
        repeated,
        second_member,
        empty_messages,
        torn,
        shuffled,
        overlong,
        big_bool,
        wide_number,
        default_written,
    )
}


@st.composite
def strange_encodings(draw: st.DrawFn, plain: st.SearchStrategy[ExportTraceServiceRequest]) -> bytes:
    """A request's body after a few changes, each to a message of any depth."""
    root = decode(draw(plain).SerializeToString())
    for name in draw(st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=6)):
        CHANGES[name](draw, draw(st.sampled_from(list(root.all()))))
    return root.encode()


def _insert(draw: st.DrawFn, message: Message, field: Field) -> None:
    message.fields.insert(draw(st.integers(0, len(message.fields))), field)


def _any_field(draw: st.DrawFn, number: int, wire: int | None = None) -> Field:
    wire = draw(st.sampled_from([VARINT, FIXED64, BYTES, GROUP, FIXED32])) if wire is None else wire
    inside = Field(1, VARINT, 5).encode() + Field(7, GROUP, Field(2, BYTES, b"deep").encode()).encode()
    values: dict[int, Any] = {VARINT: 2**35, FIXED64: b"8 bytes.", BYTES: b"\xff any", GROUP: inside, FIXED32: b"4by."}
    return Field(number, wire, values[wire])


def _wire(field: FieldDescriptor) -> int:
    if field.type in _VARINTS:
        return VARINT
    if field.type in (FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_DOUBLE):
        return FIXED64
    return FIXED32 if field.type == FieldDescriptor.TYPE_FIXED32 else BYTES


def _is_repeated_scalar(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated) and field.message_type is None
