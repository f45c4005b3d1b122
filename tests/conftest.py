"""What every test stands on: settings of its own, so that no test writes outside its directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_django import DjangoDbBlocker, Settings

from tests.kit.append_only import allow_emptying

if TYPE_CHECKING:
    from tests.kit.store import Store


@pytest.fixture(autouse=True)
def _own_directory(settings: Settings, tmp_path: Path) -> None:
    settings.GRANTS_PATH = tmp_path / "grants" / "snapshot.json"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests with transactions of their own empty every table afterwards, which the append-only ones refuse."""
    with django_db_blocker.unblock():
        allow_emptying()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One for all tests of a process: the embedded engine opens one directory."""
    from tests.kit.store import Store

    store = Store(tmp_path_factory.mktemp("store"))
    yield store
    store.close()
