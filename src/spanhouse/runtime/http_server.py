"""The one module that uses granian's embedded HTTP server, which its authors call experimental.

An application runs in the current event loop; HTTP/1.1 and HTTP/2 come on the same port.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, Literal

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels
from granian.server.embed import Server

from spanhouse.base.errors import ConfigurationError, SpanhouseError

BACKLOG = 1024
HEADER_BYTES_MAX = 64 * 1024
CONCURRENT_REQUESTS_MAX = 1024
GRACE_SECONDS = 10

_INTERFACES = {"rsgi": Interfaces.RSGI, "asgi": Interfaces.ASGI}

# Only levels are set, so that the handlers of the process stay as they were.
_LOGGING = {"incremental": True, "handlers": {}, "formatters": {}, "loggers": {"_granian": {}}}


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound TCP socket; port 0 picks a free one. `shared` lets other processes that share it bind the same port.

    Raises ConfigurationError when the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    listener.setblocking(False)
    return listener


class _SocketServer(Server):  # type: ignore[misc]
    """Granian on a socket that we bound, so that the port is known before the first request."""

    def __init__(self, listener: socket.socket, ready: Callable[[int], None], **settings: Any) -> None:
        super().__init__(**settings)
        self._listener = listener
        self._ready = ready

    def _init_shared_socket(self) -> None:
        self._listener.listen(BACKLOG)
        # The server closes what it is given, so it gets a descriptor of its own.
        self._shd = SocketHolder(self._listener.dup().detach(), False, BACKLOG)  # type: ignore[call-arg]
        self._sfd = self._shd.get_fd()

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        super().startup(spawn_target, target_loader)
        self._ready(self._listener.getsockname()[1])


async def serve_app(
    target: Any,
    *,
    interface: Literal["rsgi", "asgi"],
    host: str,
    port: int,
    ready: Callable[[int], None] = lambda port: None,
    shared: bool = False,
    websockets: bool = False,
    grace_seconds: float = GRACE_SECONDS,
) -> None:
    """Serve `target` until this task is cancelled; requests under way then get `grace_seconds` to finish.

    `ready` is called once with the port that is bound. Raises ConfigurationError when the address is taken
    and SpanhouseError when the server ends before it is told to.
    """
    with contextlib.closing(bind(host, port, shared=shared)) as listener:
        server = _SocketServer(
            listener,
            ready,
            target=target,
            address=host,
            port=port,
            interface=_INTERFACES[interface],
            http=HTTPModes.auto,
            websockets=websockets,
            backlog=BACKLOG,
            backpressure=CONCURRENT_REQUESTS_MAX,
            http1_settings=HTTP1Settings(max_buffer_size=4 * HEADER_BYTES_MAX),
            http2_settings=HTTP2Settings(adaptive_window=True, max_headers_size=HEADER_BYTES_MAX),
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
        )
        serving = asyncio.ensure_future(server.serve())
        try:
            await asyncio.shield(serving)
            raise SpanhouseError("the HTTP server ended by itself")
        finally:
            server.stop()
            _, stuck = await asyncio.wait({serving}, timeout=grace_seconds)
            for task in stuck:  # a client that stalls in the middle of its request does not hold us up
                task.cancel()
