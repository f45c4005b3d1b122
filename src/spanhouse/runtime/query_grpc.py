"""The listener of the query APIs over gRPC, in the process that reads the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from spanhouse.api import jaeger_grpc, tempo_stream
from spanhouse.api.grpc_calls import REQUEST_BYTES_MAX, Calls
from spanhouse.base.errors import ConfigurationError

Add = Callable[[grpc.aio.Server, Calls], Sequence[str]]
"""Adds services to a server; returns their full names."""

SERVICES: Final[tuple[Add, ...]] = (jaeger_grpc.add, tempo_stream.add)
STREAMS_PER_CONNECTION_MAX: Final = 100
GRACE_SECONDS: Final = 10.0


@contextlib.asynccontextmanager
async def listening(host: str, port: int, services: Sequence[Add] = SERVICES) -> AsyncIterator[int]:
    """Serve these until the end of the block; gives the port bound (port 0 picks a free one).

    Raises ConfigurationError when the address cannot be had.
    """
    calls = Calls()
    server = grpc.aio.server(options=_OPTIONS)
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    for name in ("", *(name for add in services for name in add(server, calls))):
        await health.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port} (gRPC): {error}") from None
    await server.start()
    try:
        yield bound
    finally:
        await health.enter_graceful_shutdown()
        await server.stop(GRACE_SECONDS)
        calls.close()


async def serve(
    host: str, port: int, ready: Callable[[int], None] = lambda port: None, services: Sequence[Add] = SERVICES
) -> None:
    """Listen until this task is cancelled. `ready` is called with the port."""
    async with listening(host, port, services) as bound:
        ready(bound)
        await asyncio.Event().wait()


_OPTIONS: Final = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
    ("grpc.max_concurrent_streams", STREAMS_PER_CONNECTION_MAX),
    # Clients ping as their operators please; the defaults would close their connections for it.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
]
