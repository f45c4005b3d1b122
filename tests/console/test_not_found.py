"""Addresses without a page."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.kit import accounts

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("language", "heading"), [("en", "There is no such page"), ("zh-hans", "页面不存在")], ids=["en", "zh"]
)
def test_an_address_without_a_page_answers_404_in_the_frame(language: str, heading: str) -> None:
    client = Client(headers={"accept-language": language})
    client.force_login(accounts.operator()[1])

    answer = client.get("/nothing")

    assert answer.status_code == 404
    assert heading in answer.content.decode()
    assert 'id="main"' in answer.content.decode()


@pytest.mark.parametrize("path", ["/api/nothing", "/nothing"])
def test_a_program_gets_a_plain_404_and_no_login(path: str) -> None:
    assert Client().get(path).status_code == 404


def test_the_password_page_can_be_left() -> None:
    client = Client()
    client.force_login(accounts.operator()[1])

    assert '<a href="/">Cancel</a>' in client.get("/password", headers={"accept-language": "en"}).content.decode()
