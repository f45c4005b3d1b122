"""The store that tests of readers share: one per process, since the embedded engine opens one directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.store import Store


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("store"))
    yield store
    store.close()
