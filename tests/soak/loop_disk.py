"""A disk that can lose its power: ext4 in an image file behind a loop device. Needs root.

A copy of the image holds what the file system had asked of its device by then. What a program wrote and never synced
is mostly still in the file system's own memory, so it is not in the copy, as it would not be on a disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.kit.server import wait_until

IMAGE_BYTES = 3 * 1024**3
COMMIT_SECONDS = 120
"""The file system's own commits are put off, so that only what is synced is there, and the copy is of one moment."""


def missing() -> list[str]:
    """What this machine lacks for it, in words."""
    needed = {
        "root": os.geteuid() == 0,
        "mkfs.ext4": shutil.which("mkfs.ext4") is not None,
        "loop devices (/dev/loop-control)": Path("/dev/loop-control").exists(),
    }
    return [name for name, there in needed.items() if not there]


class LoopDisk:
    def __init__(self, image: Path, mount_point: Path) -> None:
        self._image = image
        self.mount_point = mount_point

    @classmethod
    def make(cls, directory: Path) -> Self:
        """An empty disk; `mount` it."""
        image = directory / "disk-0.img"
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(image))
        return cls(image, directory / "disk")

    def mount(self) -> None:
        self.mount_point.mkdir(exist_ok=True)
        _run("mount", "-o", f"loop,commit={COMMIT_SECONDS}", str(self._image), str(self.mount_point))

    def unmount(self) -> None:
        # A killed process is gone to its parent a moment before its last thread has let go of its files.
        wait_until(lambda: subprocess.run(["umount", self.mount_point], stderr=subprocess.DEVNULL).returncode == 0, 30)

    def copy(self, number: int) -> LoopDisk:
        """The disk as a power cut at this moment would leave it. Whoever writes to it must stand still."""
        image = self._image.with_name(f"disk-{number}.img")
        _run("cp", "--sparse=always", str(self._image), str(image))
        return LoopDisk(image, self.mount_point)

    def remove(self) -> None:
        self._image.unlink()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
