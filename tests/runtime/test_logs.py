"""What is logged names no secret and prints no variables."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from spanhouse.base.ids import new_secret
from spanhouse.runtime import settings as spanhouse_settings
from spanhouse.runtime.logs import log_loop_failures, redact, set_up_logs

SECRETS = [new_secret(prefix) for prefix in ("shi", "shq", "shl")]


@pytest.fixture(params=["text", "json"])
def lines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged in each format; the logging of the test run is put back afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up_logs(spanhouse_settings.load(log_format=request.param), "test")
    yield written
    root.handlers[:], root.level = before[0], before[1]
    structlog.configure(**before[2])


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_in_no_line(lines: io.StringIO, secret: str) -> None:
    logging.getLogger("django.request").warning("Unauthorized: %s", f"/login/link/{secret}")
    structlog.get_logger("ours").warning("seen", header=f"Bearer {secret}", path=f"/k/{secret}/v1/traces")
    try:
        raise ValueError(f"bad {secret}")
    except ValueError:
        logging.getLogger("theirs").exception("failed")

    assert secret[6:] not in lines.getvalue()
    assert "/k/…/v1/traces" in lines.getvalue() or "/k/\\u2026/v1/traces" in lines.getvalue()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("GET /k/whatever/v1/traces 401", "GET /k/…/v1/traces 401"),
        ("GET /adapt_whatever/api/otlp/traces", "GET /adapt_…/api/otlp/traces"),
        ("/login/link/abc?x=1", "/login/link/…?x=1"),
        ('{"path": "/k/shi_0123456789"}', '{"path": "/k/…"}'),
        (f"key {SECRETS[0]}, and", "key shi_…, and"),
        ("ssh_config_of_the_machine shm_open k-4k9x0d2mfq7c", "ssh_config_of_the_machine shm_open k-4k9x0d2mfq7c"),
    ],
)
def test_only_what_is_secret_is_taken_out(line: str, shown: str) -> None:
    assert redact(None, "", line) == shown


def test_a_failure_in_the_loop_is_logged_without_variables(lines: io.StringIO) -> None:
    async def fail() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_loop_failures)

        def callback(payload: bytes) -> None:
            raise RuntimeError("a mistake of ours")

        loop.call_soon(callback, b"what a customer sent")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(fail())

    assert "a mistake of ours" in lines.getvalue()
    assert "Traceback" in lines.getvalue()
    assert "what a customer sent" not in lines.getvalue()


def test_a_redacted_line_of_json_is_json(lines: io.StringIO) -> None:
    structlog.get_logger("ours").warning("seen", path=f"/k/{SECRETS[0]}")

    line = lines.getvalue()

    assert not line.startswith("{") or json.loads(line)["path"]
