"""Makes a Debian machine ready for the tests: `python -m tests.kit.machine`. Does nothing where nothing is missing.

What the tests need beside Python: a browser with fonts for both languages, PostgreSQL, node with npm, and the
OpenTelemetry JavaScript SDK at the versions in tests/sdk/js/package-lock.json.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

JS = Path(__file__).parents[1] / "sdk" / "js"


@dataclass(frozen=True)
class Need:
    """Something the tests use and the Debian packages that bring it."""

    what: str
    packages: tuple[str, ...]
    present: Callable[[], bool]


class NotReady(Exception):
    """Says what a person has to do."""


def has_program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def has_chinese_font() -> bool:
    if shutil.which("fc-list") is None:
        return False
    listed = subprocess.run(["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=True)
    return bool(listed.stdout.strip())


def has_postgresql() -> bool:
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


NEEDS = (
    Need("a browser", ("chromium", "fonts-dejavu-core"), has_program("chromium")),
    Need("fonts for Chinese", ("fontconfig", "fonts-noto-cjk"), has_chinese_font),
    Need("node", ("nodejs",), has_program("node")),
    Need("npm", ("npm",), has_program("npm")),
    Need("PostgreSQL", ("postgresql",), has_postgresql),
    Need("curl", ("curl", "ca-certificates"), has_program("curl")),
)


def missing(needs: tuple[Need, ...] = NEEDS) -> list[Need]:
    return [need for need in needs if not need.present()]


def install(needs: list[Need]) -> None:
    """Install by apt-get. Raises NotReady when that is not possible here or did not help."""
    packages = [package for need in needs for package in need.packages]
    by_hand = f"install by hand: {' '.join(packages)} (names on Debian), then run this again"
    if shutil.which("apt-get") is None:
        raise NotReady(f"this is no Debian machine (no apt-get); {by_hand}")
    command = [*_as_root(by_hand), "apt-get"]
    print(f"machine: installing {', '.join(packages)}", flush=True)
    _run([*command, "update", "-qq"], by_hand)
    _run([*command, "install", "-y", "-qq", "--no-install-recommends", *packages], by_hand)
    if left := missing(tuple(needs)):
        raise NotReady(f"still missing after installing: {', '.join(need.what for need in left)}; {by_hand}")


def _as_root(by_hand: str) -> list[str]:
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"]
    raise NotReady(f"not root, and no sudo without a password; {by_hand}")


def install_javascript(directory: Path = JS) -> None:
    """`npm ci`, unless what is installed is what the lock file says."""
    lock, installed = directory / "package-lock.json", directory / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    print("machine: npm ci in tests/sdk/js", flush=True)
    by_hand = f"`npm ci` in {directory} must succeed"
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], by_hand, directory)


def _run(command: list[str], by_hand: str, directory: Path | None = None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise NotReady(f"`{' '.join(command)}` failed:\n{tail}\n{by_hand}")


def main() -> int:
    try:
        if needs := missing():
            install(needs)
        install_javascript()
    except NotReady as error:
        print(f"machine: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
