"""Power cuts at random moments under load: SOAK_ROUNDS of them (10 by default), each on what the last one left."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from tests.kit.server import wait_until
from tests.soak.loop_disk import LoopDisk, missing
from tests.soak.torture import Torture

pytestmark = pytest.mark.soak


def test_nothing_acknowledged_is_lost_or_doubled_by_power_cuts(tmp_path: Path) -> None:
    if lacking := missing():
        pytest.fail(f"no power can be cut here: this needs {', '.join(lacking)}; run it where these are, as root")
    seed = int(os.environ.get("SOAK_SEED", random.randrange(10**6)))
    print(f"SOAK_SEED={seed}")
    disk = LoopDisk.make(tmp_path)
    disk.mount()
    torture = Torture(disk.mount_point / "data", seed)
    try:
        for number in range(1, int(os.environ.get("SOAK_ROUNDS", "10")) + 1):
            with torture:
                torture.load()
                torture.for_a_moment(1, 6)
                disk = _cut_power(torture, disk, number)
            torture.kills["power"] += 1
            with torture:
                torture.verify()
    finally:
        disk.unmount()


def _cut_power(torture: Torture, disk: LoopDisk, number: int) -> LoopDisk:
    """All processes stand still, the disk is copied as it is, and the copy takes its place."""
    processes = torture.processes()
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: all(_stopped(pid) for pid in processes), 10)
    copy = disk.copy(number)
    torture.kill_all()
    torture.rest()
    disk.unmount()
    disk.remove()
    copy.mount()
    return copy


def _stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
