"""A PostgreSQL of a test's own: a new cluster on a free port, run by an ordinary user, gone when the test ends."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.kit.server import free_ports

PROGRAMS = Path("/usr/lib/postgresql")
USER, PASSWORD, DATABASE = "span", "p@ss/word", "spanhouse"
SECONDS_MAX = 60


class Postgres:
    """One cluster. `start` and `stop` as often as a test needs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._programs = max(PROGRAMS.glob("*/bin/initdb")).parent
        (self.port,) = free_ports(1)

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:p%40ss%2Fword@127.0.0.1:{self.port}/{DATABASE}"

    def create(self) -> None:
        secret = self._directory / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        how = ("--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync")
        self._run("initdb", f"--username={USER}", *how, f"--pgdata={self._data}")
        self.start()
        with psycopg.connect(
            f"postgresql://{USER}:p%40ss%2Fword@127.0.0.1:{self.port}/postgres", autocommit=True
        ) as up:
            up.execute(f"CREATE DATABASE {DATABASE}")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._directory}"
        log = self._directory / "log"
        self._run("pg_ctl", "start", "--wait", f"--pgdata={self._data}", f"--log={log}", f"--options={options}")

    def stop(self) -> None:
        """At once, with all connections cut."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate", f"--pgdata={self._data}")

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        # Output goes to no pipe: the server that pg_ctl leaves behind would hold it open.
        with (self._directory / "commands").open("ab") as output:
            done = subprocess.run(
                command, stdout=output, stderr=output, cwd="/", timeout=SECONDS_MAX, check=False, **_ordinary_user()
            )
        assert done.returncode == 0, (self._directory / "commands").read_text()


def _ordinary_user() -> dict[str, Any]:
    """PostgreSQL refuses to be run by root; the package brings a user for it."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Not below pytest's directories, which only the user who runs the tests may enter."""
    directory = Path(tempfile.mkdtemp(prefix="spanhouse-postgres-"))
    if ordinary := _ordinary_user():
        os.chown(directory, ordinary["user"], ordinary["group"])
    server = Postgres(directory)
    try:
        server.create()
        yield server
    finally:
        if (directory / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(directory)
