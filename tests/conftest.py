"""What every test stands on: settings of its own, so that no test writes outside its directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _own_directory(settings: Settings, tmp_path: Path) -> None:
    settings.GRANTS_PATH = tmp_path / "grants" / "snapshot.json"
