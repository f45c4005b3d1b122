"""The gRPC listener of the query APIs in a thread of the test's process, and calls to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
import uvloop
from google.protobuf.message import Message

from spanhouse.runtime.query_grpc import SERVICES, Add, serve

START_SECONDS_MAX = 10.0

M = TypeVar("M", bound=Message)


class Query:
    """Calls on one connection."""

    def __init__(self, channel: grpc.Channel, service: str) -> None:
        self._channel = channel
        self._service = service

    def of(self, service: str) -> Query:
        return Query(self._channel, service)

    def one(self, method: str, request: Message | bytes, answer: type[M], **how: Any) -> M:
        call = self._channel.unary_unary(f"/{self._service}/{method}")
        return answer.FromString(call(_bytes(request), **{"timeout": 20, **how}))

    def several(self, method: str, request: Message | bytes, answer: type[M], **how: Any) -> list[M]:
        call = self._channel.unary_stream(f"/{self._service}/{method}")
        return [answer.FromString(each) for each in call(_bytes(request), **{"timeout": 20, **how})]

    def started(self, method: str, request: Message, **how: Any) -> Any:
        """A stream that was begun and not read."""
        return self._channel.unary_stream(f"/{self._service}/{method}")(_bytes(request), **{"timeout": 20, **how})


def _bytes(request: Message | bytes) -> bytes:
    return request if isinstance(request, bytes) else request.SerializeToString()


@contextmanager
def query_listener(services: Sequence[Add] = SERVICES) -> Iterator[str]:
    """Gives the target to connect to."""
    thread = _Listener(services)
    try:
        yield f"127.0.0.1:{thread.start()}"
    finally:
        thread.stop()


class _Listener:
    def __init__(self, services: Sequence[Add]) -> None:
        self._services = services
        self._port = 0
        self._bound = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> int:
        self._thread.start()
        assert self._bound.wait(START_SECONDS_MAX), "the listener did not start"
        return self._port

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(START_SECONDS_MAX)
        assert not self._thread.is_alive(), "the listener did not stop"

    def _run(self) -> None:
        try:
            uvloop.run(self._listen())
        except asyncio.CancelledError:
            return

    async def _listen(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(serve("127.0.0.1", 0, self._take, self._services))
        await self._task

    def _take(self, port: int) -> None:
        self._port = port
        self._bound.set()
