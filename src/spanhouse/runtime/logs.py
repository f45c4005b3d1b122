"""Log lines of a process, through structlog, to standard error. No line holds a secret or a variable of a frame."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from typing import Any

import structlog

from spanhouse.runtime.settings import Settings

_COMMON: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]

# What opens something, wherever it stands: our own secrets by their form, others by their place in a path.
_SECRETS = (
    (re.compile(r"(?<![A-Za-z0-9])(sh[a-z])_[A-Za-z0-9_-]{8,}"), r"\1_…"),
    (re.compile(r"(/k/|/adapt_|/login/link/)[^/\s\"'?#<>]+"), r"\1…"),
)


def redact(_: object, __: str, line: Any) -> str:
    """The last processor: a rendered line, traceback and all, without the secrets in it."""
    text = str(line)
    for secret, shown in _SECRETS:
        text = secret.sub(shown, text)
    return text


def log_loop_failures(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """For `set_exception_handler`. The loop's own would print callbacks with their arguments, which may be spans."""
    what = str(context["message"]).partition("(")[0]  # arguments stand in brackets
    logging.getLogger("asyncio").error("%s", what, exc_info=context.get("exception"))


def set_up_logs(settings: Settings, process: str) -> None:
    """Send everything logged, by structlog or the standard library, to standard error in the chosen format."""

    def name_process(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["process"] = process
        return event

    shared = [name_process, *_COMMON]
    last: list[structlog.typing.Processor]
    if settings.log_format == "json":
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Plain tracebacks: pretty ones print local variables, and with them secrets.
        last = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, redact],
        )
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # Anyone can send any Host: runtime.refusals logs one line for it instead of a traceback.
    logging.getLogger("django.security.DisallowedHost").setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
