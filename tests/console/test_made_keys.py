"""A key that was just made: its secret is shown by one page, once, and not for long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import settings
from django.test import Client

from spanhouse.customers.instances.models import Key
from spanhouse.tracing.search import registry
from tests.kit import accounts
from tests.kit.fake_reader import FakeReader
from tests.kit.shop import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Iterator[Client]:
    registry.set_reader(FakeReader())
    client = Client()
    client.force_login(accounts.operator()[1])
    yield client
    registry.set_reader(None)


def test_making_a_key_answers_with_another_address(client: Client) -> None:
    answer = client.post("/keys", {"name": "a", "scope": "ingest"})

    assert (answer.status_code, answer["Location"]) == (302, "/keys")


def test_the_secret_is_shown_once(client: Client) -> None:
    client.post("/keys", {"name": "a", "scope": "ingest"})

    shown, again = (client.get("/keys").content.decode() for _ in range(2))

    assert "data-secret" in shown
    assert "data-secret" not in again


def test_the_secret_is_not_shown_after_its_time(client: Client) -> None:
    client.post("/keys", {"name": "a", "scope": "ingest"})
    session = client.session
    page, instance, until, *rest = session["made_key"]
    session["made_key"] = [page, instance, until - 121 * 10**9, *rest]
    session.save()

    shown = client.get("/keys").content.decode()

    assert "data-secret" not in shown
    assert "made_key" not in client.session


def test_a_length_that_is_not_offered_makes_no_key(client: Client) -> None:
    answer = client.post("/keys", {"name": "a", "scope": "ingest", "expires": "31"})

    assert answer.status_code == 400
    assert not Key.objects.exists()


def test_a_service_lists_no_more_than_200_operations_and_says_how_many_more(client: Client) -> None:
    span = Shop().traces(1, first_start=settings.CLOCK.now_ns() - 10**10, every=1)[0]
    reader = registry.reader()
    assert isinstance(reader, FakeReader)
    reader.spans = [replace(span, name=f"op {n}") for n in range(250)]

    page = client.get("/service", {"name": span.service}).content.decode()

    assert page.count('<td class="wide">') == 200
    assert "50 more are not" in page
