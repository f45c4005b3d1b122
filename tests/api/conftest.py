"""The REST API over a store in memory, asked by someone who may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.spans.model import Event
from tests.kit.fake_reader import FakeReader
from tests.kit.spans import BASE, make_span


@pytest.fixture
def reader() -> FakeReader:
    return FakeReader(
        [
            make_span(1, lasts=900, service="shop", attributes={"http.route": "/a", "big": 2**63 - 1}),
            *(make_span(number, 1, at=number, name="child", service="cart") for number in range(2, 12)),
            make_span(20, trace=0xABC2, at=5_000, status_code=2, attributes={"http.route": "/b", "x": float("nan")}),
            make_span(30, 29, trace=0xABC3, at=6_000, name="late", events=(Event(BASE, "e", {}),)),
        ]
    )


@pytest.fixture
def rest(reader: FakeReader, client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr("spanhouse.api.rest.app.query_scope", lambda request: Scope("local"))
    set_reader(reader)
    yield client
    set_reader(None)
