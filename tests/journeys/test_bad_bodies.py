"""A hundred bodies that protobuf accepts and the store's reader does not, with good senders beside them."""

from __future__ import annotations

import os
import secrets
import statistics
import time
from pathlib import Path

import httpx

from tests.kit.encodings import BYTES, FIXED32, FIXED64, GROUP, VARINT, Field, Message, decode
from tests.kit.otlp import make_request, make_span
from tests.kit.server import RunningServer, wait_until

FRESH_SECONDS_MAX = 2.0
"""Of every good span; of half of them on a machine that has more to do than this test."""


def bad_bodies(count: int) -> list[tuple[bytes, bytes]]:
    """(trace id, body): one wrong field somewhere, by turns of kind and depth."""
    made = []
    for number in range(count):
        trace_id = secrets.token_bytes(16)
        span = make_span(number + 1, trace_id=trace_id)
        span.attributes.add(key="k").value.bool_value = True
        span.events.add(name="e").attributes.add(key="k").value.int_value = 7
        span.links.add(trace_id=b"t" * 16, span_id=b"s" * 8)
        span.status.code = 2  # type: ignore[assignment]
        root = decode(make_request(span).SerializeToString())
        messages = list(root.all())
        _spoil(messages[number * 7 % len(messages)], number)
        made.append((trace_id, root.encode()))
    return made


def _spoil(message: Message, number: int) -> None:
    group = Field(1, VARINT, 5).encode()
    known = sorted(message.descriptor.fields_by_number)[number % len(message.descriptor.fields_by_number)]
    wrong: list[Field] = [
        Field(1_000, GROUP, group),
        Field(known, GROUP, group),
        Field(2**29 - 1, GROUP, Field(3, GROUP, group).encode()),
        Field(known, FIXED64 if known not in (7, 8) else VARINT, b"8 bytes." if known not in (7, 8) else 5),
        Field(known, FIXED32 if known != 16 else BYTES, b"4by." if known != 16 else b"x"),
    ]
    message.fields.append(wrong[number % len(wrong)])
    if message.fields and number % 3 == 0:
        message.fields[0].overlong = 4
    if message.descriptor.name == "AnyValue":
        message.fields = [Field(2, VARINT, 2)]


def _found(client: httpx.Client, trace_id: bytes) -> bool:
    return client.get(f"/tempo/api/traces/{trace_id.hex()}").status_code == 200


def test_bad_bodies_harm_nobody_and_are_stored_themselves(tmp_path: Path) -> None:
    bodies = bad_bodies(100)
    late = []
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    with RunningServer(tmp_path / "data") as server:
        sender = httpx.Client(base_url=server.otlp_http, headers={"content-type": "application/x-protobuf"})
        reader = httpx.Client(base_url=server.console)
        for number, (_, body) in enumerate(bodies):
            assert sender.post("/v1/traces", content=body).status_code == 200
            if number % 10 == 0:
                good = secrets.token_bytes(16)
                body = make_request(make_span(1, trace_id=good)).SerializeToString()
                assert sender.post("/v1/traces", content=body).status_code == 200
                acknowledged = time.monotonic()
                wait_until(lambda good=good: _found(reader, good), 20)
                late.append(time.monotonic() - acknowledged)

        wait_until(lambda: all(_found(reader, trace_id) for trace_id, _ in bodies), 20)

        assert not list((tmp_path / "data" / "quarantine").glob("*"))
        assert (statistics.median if busy else max)(late) < FRESH_SECONDS_MAX, late
        sender.close()
        reader.close()
