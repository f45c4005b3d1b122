"""OTLP as JSON → the same message as from protobuf.

The mapping is proto3 JSON with OTLP's changes (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"): ids are
hex in either case, names are lowerCamelCase only, enums are numbers (names are taken too), unknown names are ignored.
The converters are built once from the message descriptors, so that every field of the protocol is covered.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse.base.errors import Malformed
from spanhouse.base.limits import JSON_DEPTH_MAX
from spanhouse.tracing.wire.otlp import CROWD_SPANS_MIN, CheckedBody, Refusals, check
from spanhouse.tracing.wire.span_limits import SpanLimits

Converter: TypeAlias = Callable[[Any, Any, int, Refusals], None]
"""Sets one field of a message from its JSON value; takes the message, the value, the depth and the refusals so far."""

Reader: TypeAlias = Callable[[Any], Any]
"""A JSON value → the value of a scalar field."""

PATH_CHARACTERS_MAX = 200
VALID_SPAN_BYTES_MIN = len('{"traceId":"","spanId":""}') + 48
"""No span that is kept is written in fewer characters: two names and 48 hex digits."""

ID_BYTES = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
DOUBLE_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

_INTEGER = re.compile(r"-?[0-9]+")
INTEGER_CHARACTERS_MAX = 21
"""No integer of 64 bits has more; a number of any length would take any time to read."""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?")


class _FaultError(Exception):
    """A value that its field cannot take; `path` grows from the field outwards."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path = ""

    def within(self, name: str) -> _FaultError:
        joint = "" if not self.path or self.path.startswith("[") else "."
        self.path = f"{name}{joint}{self.path}"
        return self

    def __str__(self) -> str:
        path = self.path
        if len(path) > PATH_CHARACTERS_MAX:
            path = f"{path[: PATH_CHARACTERS_MAX // 2]}…{path[-PATH_CHARACTERS_MAX // 2 :]}"
        return f"{path}: {self.args[0]}"


class _IdFaultError(_FaultError):
    """An id that is not one: the span that holds it is refused alone."""

    def __init__(self, name: str, digits: int) -> None:
        super().__init__(f"expected {digits} hex digits")
        self.rule = f"{name} is not {digits} hex digits"


def read_json(body: bytes, limits: SpanLimits | None = None) -> CheckedBody:
    """Parse, check and count an ExportTraceServiceRequest. Raises Malformed, naming the field at fault."""
    document = _parse(body)
    if not isinstance(document, dict):
        raise Malformed(f"expected a JSON object, not {_kind(document)}")
    request = ExportTraceServiceRequest()
    refusals = Refusals(
        path="resourceSpans[{}].scopeSpans[{}].spans[{}]",
        spans_left=max(CROWD_SPANS_MIN, len(body) // VALID_SPAN_BYTES_MIN),
    )
    try:
        _fill(request, document, _REQUEST_FIELDS, 0, refusals)
    except _FaultError as fault:
        raise Malformed(str(fault)) from None
    return check(request, None, refusals, limits)


def _parse(body: bytes) -> Any:
    try:
        return _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise Malformed(f"not valid UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise Malformed("JSON nested too deep") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except ValueError as error:  # a number of thousands of digits
        raise Malformed(f"not JSON that can be read here: {error}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f'not JSON: bare {name}; write it as a string, "{name}"')


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _fill(message: Any, data: dict[str, Any], fields: dict[str, Converter], depth: int, refusals: Refusals) -> None:
    for name, value in data.items():
        convert = fields.get(name)
        if convert is not None and value is not None:
            convert(message, value, depth, refusals)


# --- converters, one a field -----------------------------------------------------------------------------------------


def _converters(message: Descriptor, known: dict[str, dict[str, Converter]]) -> dict[str, Converter]:
    """The converters of a message by JSON name; messages that hold themselves meet through `known`."""
    fields = known.get(message.full_name)
    if fields is None:
        fields = known[message.full_name] = {}
        for field in message.fields:
            fields[field.json_name] = _converter(field, known)
    return fields


def _converter(field: FieldDescriptor, known: dict[str, dict[str, Converter]]) -> Converter:
    if field.message_type is not None:
        inner = _converters(field.message_type, known)
        if field.name == "spans":
            return _each_span(field, inner)
        if field.message_type.name == "KeyValue":
            return _each_key_value(field, inner)
        return _each_message(field, inner) if field.is_repeated else _one_message(field, inner)
    read = _reader(field)
    return _each_scalar(field, read) if field.is_repeated else _one_scalar(field, read)


def _one_scalar(field: FieldDescriptor, read: Reader) -> Converter:
    name, json_name = field.name, field.json_name

    def convert(message: Any, value: Any, depth: int, refusals: Refusals) -> None:
        try:
            setattr(message, name, read(value))
        except _FaultError as fault:
            raise fault.within(json_name)  # noqa: B904 - the same fault, farther out
        except ValueError as error:
            raise _FaultError(_reason(error)).within(json_name) from None

    return convert


def _each_scalar(field: FieldDescriptor, read: Reader) -> Converter:
    name, json_name = field.name, field.json_name

    def convert(message: Any, value: Any, depth: int, refusals: Refusals) -> None:
        items = getattr(message, name)
        for i, item in enumerate(_list(value, json_name)):
            try:
                items.append(read(item))
            except _FaultError as fault:
                raise fault.within(f"{json_name}[{i}]")  # noqa: B904
            except ValueError as error:
                raise _FaultError(_reason(error)).within(f"{json_name}[{i}]") from None

    return convert


def _one_message(field: FieldDescriptor, inner: dict[str, Converter]) -> Converter:
    name, json_name = field.name, field.json_name

    def convert(message: Any, value: Any, depth: int, refusals: Refusals) -> None:
        child = getattr(message, name)
        child.SetInParent()
        try:
            _fill(child, _object(value, depth), inner, depth + 1, refusals)
        except _FaultError as fault:
            raise fault.within(json_name)  # noqa: B904

    return convert


def _each_message(field: FieldDescriptor, inner: dict[str, Converter]) -> Converter:
    name, json_name = field.name, field.json_name

    def convert(message: Any, value: Any, depth: int, refusals: Refusals) -> None:
        add = getattr(message, name).add
        for i, item in enumerate(_list(value, json_name)):
            try:
                _fill(add(), _object(item, depth), inner, depth + 1, refusals)
            except _FaultError as fault:
                raise fault.within(f"{json_name}[{i}]")  # noqa: B904

    return convert


def _each_key_value(field: FieldDescriptor, inner: dict[str, Converter]) -> Converter:
    """As `_each_message`, with a short way for what most of a trace is made of: strings under a key."""
    name, json_name = field.name, field.json_name

    def convert(message: Any, value: Any, depth: int, refusals: Refusals) -> None:
        add = getattr(message, name).add
        for i, item in enumerate(_list(value, json_name)):
            pair = add()
            try:
                if not _set_plain_string(pair, item) or depth + 1 >= JSON_DEPTH_MAX:
                    _fill(pair, _object(item, depth), inner, depth + 1, refusals)
            except _FaultError as fault:
                raise fault.within(f"{json_name}[{i}]")  # noqa: B904

    return convert


def _set_plain_string(pair: Any, item: Any) -> bool:
    """Set `{"key": …, "value": {"stringValue": …}}` and say so; anything else is left to the long way."""
    if type(item) is not dict or len(item) != 2:
        return False
    key, value = item.get("key"), item.get("value")
    if type(value) is not dict or len(value) != 1:
        return False
    text = value.get("stringValue")
    if type(key) is not str or type(text) is not str:
        return False
    try:
        pair.key = key
        pair.value.string_value = text
    except UnicodeError:
        return False
    return True


def _each_span(field: FieldDescriptor, inner: dict[str, Converter]) -> Converter:
    json_name = field.json_name

    def convert(message: Any, value: Any, depth: int, refusals: Refusals) -> None:
        spans = message.spans
        items = _list(value, json_name)
        refusals.spans_left -= len(items)
        if refusals.spans_left < 0:
            raise _FaultError("so many that they are too short to carry ids").within(json_name)
        for i, item in enumerate(items):
            try:
                _fill(spans.add(), _object(item, depth), inner, depth + 1, refusals)
            except _IdFaultError as fault:
                size = spans[-1].ByteSize()
                del spans[-1]
                refusals.add(fault.rule, fault.within(f"{json_name}[{i}]").path, size)
            except _FaultError as fault:
                raise fault.within(f"{json_name}[{i}]")  # noqa: B904

    return convert


# --- readers, one a kind of value ------------------------------------------------------------------------------------


def _reader(field: FieldDescriptor) -> Reader:
    if field.enum_type is not None:
        return _enum_reader(field.enum_type)
    if field.name in ID_BYTES and field.type == FieldDescriptor.TYPE_BYTES:
        return _id_reader(field.json_name, ID_BYTES[field.name])
    return _READERS.get(field.type, _read_integer)


def _read_string(value: Any) -> str:
    if type(value) is not str:
        raise _FaultError(f"expected a string, not {_kind(value)}")
    return value


def _read_bool(value: Any) -> bool:
    if type(value) is not bool:
        raise _FaultError(f"expected true or false, not {_kind(value)}")
    return value


def _read_integer(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str and _INTEGER.fullmatch(value):
        if len(value) > INTEGER_CHARACTERS_MAX:
            raise _FaultError("out of range")
        return int(value)
    if type(value) is float and value.is_integer():
        return int(value)
    raise _FaultError(f"expected an integer, not {_kind(value)}")


def _read_double(value: Any) -> float:
    if type(value) is str and value in DOUBLE_WORDS:
        return DOUBLE_WORDS[value]
    if type(value) in (int, float) or (type(value) is str and _NUMBER.fullmatch(value)):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            raise _FaultError("out of range")
        return number
    raise _FaultError(f"expected a number, not {_kind(value)}")


def _read_bytes(value: Any) -> bytes:
    """Base64, of the standard or the URL alphabet, with padding or without."""
    text = _read_string(value).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _FaultError("expected base64") from None


def _id_reader(json_name: str, length: int) -> Reader:
    def read(value: Any) -> bytes:
        text = _read_string(value)
        if not text:
            return b""
        if len(text) == 2 * length:
            try:
                digits = bytes.fromhex(text)
            except ValueError:
                raise _IdFaultError(json_name, 2 * length) from None
            if len(digits) == length:  # fromhex skips blanks
                return digits
        raise _IdFaultError(json_name, 2 * length)

    return read


def _enum_reader(enum: EnumDescriptor) -> Reader:
    numbers = {value.name: value.number for value in enum.values}

    def read(value: Any) -> int:
        if type(value) is str and value in numbers:
            return numbers[value]
        if type(value) is str:
            raise _FaultError(f"expected a number or one of {', '.join(numbers)}")
        return _read_integer(value)

    return read


_READERS: dict[int, Reader] = {
    FieldDescriptor.TYPE_STRING: _read_string,
    FieldDescriptor.TYPE_BOOL: _read_bool,
    FieldDescriptor.TYPE_DOUBLE: _read_double,
    FieldDescriptor.TYPE_BYTES: _read_bytes,
}


def _list(value: Any, json_name: str) -> list[Any]:
    if type(value) is not list:
        raise _FaultError(f"expected an array, not {_kind(value)}").within(json_name)
    return value


def _object(value: Any, depth: int) -> dict[str, Any]:
    if type(value) is not dict:
        raise _FaultError(f"expected an object, not {_kind(value)}")
    if depth >= JSON_DEPTH_MAX:
        raise _FaultError(f"nested deeper than {JSON_DEPTH_MAX}")
    return value


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return {str: "a string", int: "a number", float: "a number", list: "an array", dict: "an object"}[type(value)]


def _reason(error: ValueError) -> str:
    """What upb says of a value that it does not take, in our words."""
    return "not valid Unicode (a lone surrogate)" if isinstance(error, UnicodeError) else "out of range"


_REQUEST_FIELDS = _converters(ExportTraceServiceRequest.DESCRIPTOR, {})
