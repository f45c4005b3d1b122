"""What is wrong with bytes that protobuf refuses: the path of the field and the rule it breaks, for the sender."""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, FieldDescriptor

DEPTH_MAX = 100  # upb's own
STEPS_MAX = 50_000  # fields looked at before giving up: finding a fault must cost little more than parsing

_VARINT, _FIXED64, _BYTES, _GROUP, _GROUP_END, _FIXED32 = range(6)
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}


class _FaultError(Exception):
    pass


def find_fault(body: bytes, message: Descriptor) -> str:
    """Such as `resource_spans[0].schema_url: not valid UTF-8`; "" when none is found within STEPS_MAX fields."""
    try:
        _Walk(body).message(message, 0, len(body), "", 0)
    except _FaultError as fault:
        return str(fault)
    return ""


class _Walk:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._steps = STEPS_MAX

    def message(self, message: Descriptor, at: int, end: int, path: str, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise _FaultError(f"{path}: nested deeper than {DEPTH_MAX}")
        seen: dict[int, int] = {}
        while at < end and self._steps:
            self._steps -= 1
            tag, at = self._varint(at, end, path)
            number, kind = tag >> 3, tag & 7
            if not number:
                raise _FaultError(f"{path or 'body'}: not protobuf at byte {at - 1} (field number 0)")
            field = message.fields_by_number.get(number)
            place = self._place(path, field, number, seen)
            at = self._value(field, kind, at, end, place, depth)

    def _place(self, path: str, field: FieldDescriptor | None, number: int, seen: dict[int, int]) -> str:
        name = f"field {number}" if field is None else field.name
        if field is not None and field.is_repeated:
            name += f"[{seen.get(number, 0)}]"
            seen[number] = seen.get(number, 0) + 1
        return f"{path}.{name}" if path else name

    def _value(self, field: FieldDescriptor | None, kind: int, at: int, end: int, path: str, depth: int) -> int:
        if kind == _VARINT:
            return self._varint(at, end, path)[1]
        if kind in _FIXED_BYTES:
            return self._within(at + _FIXED_BYTES[kind], end, path)
        if kind == _BYTES:
            length, at = self._varint(at, end, path)
            stop = self._within(at + length, end, path)
            self._payload(field, at, stop, path, depth)
            return stop
        raise _FaultError(f"{path}: not protobuf at byte {at} (wire type {kind})")

    def _payload(self, field: FieldDescriptor | None, at: int, end: int, path: str, depth: int) -> None:
        if field is None:
            return
        if field.message_type is not None:
            self.message(field.message_type, at, end, path, depth + 1)
        elif field.type == FieldDescriptor.TYPE_STRING:
            try:
                self._body[at:end].decode()
            except UnicodeDecodeError as error:
                raise _FaultError(f"{path}: not valid UTF-8 at byte {at + error.start} of the body") from None

    def _within(self, at: int, end: int, path: str) -> int:
        if at > end:
            raise _FaultError(f"{path}: cut short, {at - end} bytes are missing")
        return at

    def _varint(self, at: int, end: int, path: str) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise _FaultError(f"{path or 'body'}: cut short in a number at byte {at}")
            byte = self._body[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise _FaultError(f"{path or 'body'}: not protobuf at byte {at} (a number of over 10 bytes)")
