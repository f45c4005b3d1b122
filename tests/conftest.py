"""What every test stands on: settings of its own, so that no test writes outside its directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_django import Settings

if TYPE_CHECKING:
    from tests.kit.store import Store


@pytest.fixture(autouse=True)
def _own_directory(settings: Settings, tmp_path: Path) -> None:
    settings.GRANTS_PATH = tmp_path / "grants" / "snapshot.json"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One for all tests of a process: the embedded engine opens one directory."""
    from tests.kit.store import Store

    store = Store(tmp_path_factory.mktemp("store"))
    yield store
    store.close()
