"""A request whose client has gone ends what the engine runs for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from prometheus_client import Gauge

from spanhouse.tracing.store.cancel import Cancellation

UNDER_WAY = Gauge("spanhouse_http_requests_running", "Requests for pages and to the APIs that are not answered yet")

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


def cancels_queries(application: Application) -> Application:
    """An ASGI application whose requests ask the store under a cancellation, in whatever thread their views run.

    Django learns of a disconnect and gives its task up, but the thread of a view would go on waiting for the engine.
    """

    async def answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        cancellation = Cancellation()

        async def receive_or_cancel() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                # To tell the engine takes a moment, in which nobody else shall wait.
                await asyncio.to_thread(cancellation.cancel)
            return message

        with cancellation, UNDER_WAY.track_inprogress():
            await application(scope, receive_or_cancel, send)

    return answer
