"""OTLP over gRPC: handlers that take raw bytes, so that a body is parsed once and journalled as it came."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeAlias
from urllib.parse import unquote

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from spanhouse.base.errors import ConfigurationError, SpanhouseError
from spanhouse.base.limits import GRPC_MESSAGE_BYTES_MAX
from spanhouse.tracing.ingest import answers
from spanhouse.tracing.ingest.admission import Admitted, Caller
from spanhouse.tracing.ingest.answers import OUR_FAULT
from spanhouse.tracing.ingest.intake import Intake

TRACE_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
OTHER_SERVICES = (
    "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "opentelemetry.proto.collector.logs.v1.LogsService",
)
STREAMS_PER_CONNECTION_MAX = 100

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Method: TypeAlias = Callable[[bytes, Context], Awaitable[bytes]]

log = structlog.get_logger(__name__)


class OtlpGrpc:
    """Export of the trace service; the other signals are told to stay away."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def export(self, body: bytes, context: Context) -> bytes:
        admitted: Admitted | None = None
        try:
            admitted = self._intake.admit(_caller(context))
            with self._intake.in_flight.reserve(admitted.instance) as reservation:
                reservation.grow(len(body))
                acknowledgement = await self._intake.take(admitted, body, "protobuf")
            return answers.encode_acknowledgement(acknowledgement, "protobuf")
        except SpanhouseError as error:
            refusal = error
        except Exception:
            log.error("request failed", traceback=traceback.format_exc())  # plain: no locals, they may hold keys
            refusal = SpanhouseError(OUR_FAULT)
        self._intake.count_refused(admitted, refusal)
        await _refuse(context, refusal)

    async def not_taken(self, body: bytes, context: Context) -> bytes:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Spanhouse takes traces only")


async def _refuse(context: Context, error: SpanhouseError) -> NoReturn:
    status = answers.status_of(error)
    await context.abort(
        answers.answer_to(error).grpc, str(error), (("grpc-status-details-bin", status.SerializeToString()),)
    )


def _caller(context: Context) -> Caller:
    metadata: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            metadata.setdefault(key, value)
    return Caller(header=metadata.get, peer=peer_address(context.peer()))


def peer_address(peer: str) -> str:
    """The IP address of `ipv4:127.0.0.1:5` or `ipv6:%5B::1%5D:5`; "" for other transports."""
    family, _, address = unquote(peer).partition(":")
    return address.rpartition(":")[0].strip("[]") if family in ("ipv4", "ipv6") else ""


async def start(intake: Intake, host: str, port: int, *, shared: bool = False) -> tuple[grpc.aio.Server, int]:
    """Start listening; returns the server and the port bound (port 0 picks a free one).

    Raises ConfigurationError when the address cannot be had.
    """
    service = OtlpGrpc(intake)
    server = grpc.aio.server(options=_options(shared))
    server.add_generic_rpc_handlers((_handlers(TRACE_SERVICE, service.export),))
    for name in OTHER_SERVICES:
        server.add_generic_rpc_handlers((_handlers(name, service.not_taken),))
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    for name in ("", TRACE_SERVICE):
        await health.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port} (gRPC): {error}") from None
    await server.start()
    return server, bound


def _handlers(service: str, method: Method) -> grpc.GenericRpcHandler[bytes, bytes]:
    return grpc.method_handlers_generic_handler(service, {"Export": grpc.unary_unary_rpc_method_handler(method)})


def _options(shared: bool) -> list[tuple[str, Any]]:
    settings: Mapping[str, int] = {
        "grpc.so_reuseport": int(shared),
        "grpc.max_receive_message_length": GRPC_MESSAGE_BYTES_MAX,
        "grpc.max_concurrent_streams": STREAMS_PER_CONNECTION_MAX,
        # Clients ping as their operators please; the defaults would close their connections for it (too_many_pings).
        "grpc.http2.min_ping_interval_without_data_ms": 5_000,
        "grpc.http2.min_recv_ping_interval_without_data_ms": 5_000,
        "grpc.http2.max_ping_strikes": 0,
        "grpc.keepalive_permit_without_calls": 1,
        # Idle and half-dead connections are found out.
        "grpc.keepalive_time_ms": 60_000,
        "grpc.keepalive_timeout_ms": 20_000,
    }
    return list(settings.items())
