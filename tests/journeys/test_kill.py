"""A few processes killed under load; `make soak` does it at length, and cuts the power too."""

from __future__ import annotations

import random
from pathlib import Path

from tests.soak.torture import Torture


def test_nothing_acknowledged_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    with Torture(tmp_path / "data", seed) as torture:
        torture.load()
        for _ in range(4):
            torture.for_a_moment(0.2, 2.0)
            torture.kill_one()
        torture.verify()
