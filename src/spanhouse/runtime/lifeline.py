"""The line between a supervisor and a process it started: one socket pair.

The process reports facts as lines of JSON. When the supervisor is gone, however it ended, the line breaks and the
process ends too; this needs no help from the operating system beyond closing a dead program's files.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from typing import Any

FD_VARIABLE = "_SPANHOUSE_LIFELINE"
GRACE_SECONDS = 5.0


class Lifeline:
    """The supervised process's end."""

    def __init__(self, line: socket.socket | None) -> None:
        self._line = line

    @classmethod
    def from_environment(cls) -> Lifeline:
        """The line that the supervisor left, or one to nobody for a process that runs by itself."""
        fd = os.environ.pop(FD_VARIABLE, None)
        line = cls(socket.socket(fileno=int(fd)) if fd else None)
        if fd:
            threading.Thread(target=line._watch, name="lifeline", daemon=True).start()
        return line

    def report(self, **facts: Any) -> None:
        if self._line is not None:
            self._line.sendall(json.dumps(facts).encode() + b"\n")

    def _watch(self) -> None:
        """Blocks until the supervisor is gone, then ends this process: politely, and if that fails, at once."""
        assert self._line is not None
        while True:
            try:
                if not self._line.recv(1024):
                    break
            except OSError:
                break
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(1)
