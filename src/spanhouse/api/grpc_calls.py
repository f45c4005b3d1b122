"""The query APIs over gRPC: who asks, the worker threads in which answers are made, errors as status codes.

A service is a table of functions that take a scope and a request and return a message, or yield several. They block, so
each runs in a thread; between two messages the loop looks whether anybody still waits for them.
"""

from __future__ import annotations

import asyncio
import math
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn, TypeAlias, TypeVar, cast

import grpc
import structlog
from django.db import close_old_connections
from google.protobuf.message import DecodeError, Message

from spanhouse.api.authentication import call_scope
from spanhouse.api.problem import status_of
from spanhouse.base.errors import Malformed, SpanhouseError
from spanhouse.tracing.ingest.admission import Caller
from spanhouse.tracing.ingest.answers import OUR_FAULT
from spanhouse.tracing.ingest.grpc_service import peer_address
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.store.cancel import Cancellation

THREADS_MAX: Final = 8
MESSAGE_BYTES_MAX: Final = 1024 * 1024
"""Of an answer's message, unless one span alone is larger: clients take 4 MiB unless told otherwise."""
REQUEST_BYTES_MAX: Final = 64 * 1024
NOTICE: Final = "spanhouse-notice"
"""Trailing metadata: what a limit has left out."""

_CODES: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Made = TypeVar("Made")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the function that answers it sees it."""

    scope: Scope
    notices: list[str]
    """filled while answering; sent at the end"""


@dataclass(frozen=True, slots=True)
class Method:
    """How one method is answered. `request` is the type of its message."""

    request: type[Message]
    one: Callable[[Call, Any], Message] | None = None
    several: Callable[[Call, Any], Iterator[Message]] | None = None


class Calls:
    """Answers the methods of services, in threads of its own."""

    def __init__(self, threads: int = THREADS_MAX) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="query-grpc")

    def handlers(self, service: str, methods: Mapping[str, Method]) -> grpc.GenericRpcHandler[bytes, bytes]:
        return grpc.method_handlers_generic_handler(
            service, {name: self._handler(method) for name, method in methods.items()}
        )

    def close(self) -> None:
        """No call is under way any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _handler(self, method: Method) -> grpc.RpcMethodHandler[bytes, bytes]:
        if method.several is not None:
            stream = self._stream

            async def streamed(body: bytes, context: Context) -> AsyncIterator[bytes]:
                async for message in stream(method, body, context):
                    yield message

            return grpc.unary_stream_rpc_method_handler(cast(Any, streamed))

        async def single(body: bytes, context: Context) -> bytes:
            return b"".join([message async for message in self._stream(method, body, context)])

        return grpc.unary_unary_rpc_method_handler(cast(Any, single))

    async def _stream(self, method: Method, body: bytes, context: Context) -> AsyncIterator[bytes]:
        cancellation = Cancellation()
        try:
            call = await self._in_thread(cancellation, _call, _caller(context), context.time_remaining())
            answer = _messages(method, call, body)
            while (message := await self._in_thread(cancellation, next, answer, None)) is not None:
                yield message
            _tell(context, call)
            return
        except asyncio.CancelledError:
            # Not in our threads: each of them may be waiting for what is to be ended.
            asyncio.get_running_loop().run_in_executor(None, cancellation.cancel)
            raise
        except SpanhouseError as error:
            refusal = error
        except Exception:
            log.error("call failed", traceback=traceback.format_exc())  # plain: no locals, they may hold tokens
            refusal = SpanhouseError(OUR_FAULT)
        await _refuse(context, refusal)

    async def _in_thread(self, cancellation: Cancellation, work: Callable[..., Made], *arguments: Any) -> Made:
        def within() -> Made:
            with cancellation:
                return work(*arguments)

        return await asyncio.get_running_loop().run_in_executor(self._threads, within)


def _call(caller: Caller, seconds_left: float | None) -> Call:
    close_old_connections()
    try:
        scope = call_scope(caller)
    finally:
        close_old_connections()
    if seconds_left is not None and math.isfinite(seconds_left):
        seconds = max(1, min(scope.limits.seconds, math.ceil(seconds_left)))
        scope = replace(scope, limits=replace(scope.limits, seconds=seconds))
    return Call(scope, [])


def _messages(method: Method, call: Call, body: bytes) -> Iterator[bytes]:
    try:
        request = method.request.FromString(body)
    except DecodeError:
        raise Malformed("the request is not the message that this method takes") from None
    if method.one is not None:
        yield method.one(call, request).SerializeToString()
    elif method.several is not None:
        for message in method.several(call, request):
            yield message.SerializeToString()


def _tell(context: Context, call: Call) -> None:
    if call.notices:
        text = "; ".join(dict.fromkeys(call.notices)).encode("ascii", "replace").decode()
        context.set_trailing_metadata(((NOTICE, text),))


async def _refuse(context: Context, error: SpanhouseError) -> NoReturn:
    code = _CODES.get(status_of(error), grpc.StatusCode.INTERNAL)
    await context.abort(code, str(error))


def _caller(context: Context) -> Caller:
    metadata: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            metadata.setdefault(key, value)
    return Caller(header=metadata.get, peer=peer_address(context.peer()))
