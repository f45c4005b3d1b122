from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.server import RunningServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One running service for all SDKs."""
    with RunningServer(tmp_path_factory.mktemp("sdk") / "data") as running:
        yield running
