"""Kill -9 at random moments under load: SOAK_ROUNDS kills (50 unless told otherwise), seeded by SOAK_SEED."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.soak.torture import Torture

pytestmark = pytest.mark.soak


def test_nothing_acknowledged_is_lost_or_doubled_by_killed_processes(tmp_path: Path) -> None:
    seed = int(os.environ.get("SOAK_SEED", random.randrange(10**6)))
    print(f"SOAK_SEED={seed}")
    with Torture(tmp_path / "data", seed, ingest_processes=2) as torture:
        torture.load()
        for _ in range(int(os.environ.get("SOAK_ROUNDS", "50"))):
            torture.for_a_moment(0.2, 3.0)
            torture.kill_one()
        torture.for_a_moment(1, 2)
        torture.verify()
