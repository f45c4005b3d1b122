"""Keeps the shop open in a process of its own while the service runs beside it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import structlog

from spanhouse.runtime.demo.shop.telemetry import Endpoints
from spanhouse.runtime.lifeline import FD_VARIABLE

RESTART_SECONDS = 2.0
STOP_SECONDS_MAX = 5.0

_log = structlog.get_logger(__name__)


class ShopProcess:
    """It sends over loopback, without a key. Between `open()` and `close()` it is started again whenever it ends."""

    def __init__(self, endpoints: Endpoints, requests_per_second: float) -> None:
        self._command = [sys.executable, "-m", "spanhouse.runtime.demo.shop"]
        self._command += ["--http", endpoints.http, "--grpc", endpoints.grpc, "--rate", str(requests_per_second)]
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="shop", daemon=True)

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Does nothing if it was never opened."""
        with self._lock:
            self._closing.set()
            if self._process is not None:
                self._process.terminate()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS_MAX)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def _keep(self) -> None:
        while not self._closing.is_set():
            code = self._run_once()
            if not self._closing.is_set():
                _log.warning("the shop ended, opening it again", exit_code=code, in_seconds=RESTART_SECONDS)
            self._closing.wait(RESTART_SECONDS)

    def _run_once(self) -> int:
        """The shop ends by itself when its end of the line breaks, however this process ends."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with self._lock:
                if self._closing.is_set():
                    return 0
                self._process = subprocess.Popen(
                    self._command,
                    env=os.environ | {FD_VARIABLE: str(theirs.fileno())},
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            theirs.close()
            return self._process.wait()
