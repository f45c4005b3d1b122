from datetime import timedelta

import pytest

from spanhouse.base.errors import Malformed, NotFound, Unauthenticated
from spanhouse.customers.accounts import selectors, services
from spanhouse.customers.accounts.models import LoginLink, User
from tests.kit.accounts import NOON, operator, shop

pytestmark = pytest.mark.django_db


def test_a_login_link_works_once() -> None:
    _, alice, _ = operator()
    code = services.create_login_link(alice, now=NOON)

    assert services.redeem_login_link(code, now=NOON + timedelta(minutes=1)) == alice

    with pytest.raises(Unauthenticated):
        services.redeem_login_link(code, now=NOON + timedelta(minutes=1))


def test_a_login_link_expires() -> None:
    _, alice, _ = operator()
    code = services.create_login_link(alice, now=NOON)

    with pytest.raises(Unauthenticated):
        services.redeem_login_link(code, now=NOON + services.LOGIN_LINK_LIFE)


def test_a_new_login_link_ends_the_one_before() -> None:
    _, alice, _ = operator()
    first = services.create_login_link(alice, now=NOON)

    services.create_login_link(alice, now=NOON)

    with pytest.raises(Unauthenticated):
        services.redeem_login_link(first, now=NOON)


def test_a_login_link_of_a_closed_login_is_refused() -> None:
    _, alice, _ = operator()
    code = services.create_login_link(alice, now=NOON)
    User.objects.update(is_active=False)

    with pytest.raises(Unauthenticated):
        services.redeem_login_link(code, now=NOON)


def test_the_code_of_a_login_link_is_not_kept() -> None:
    _, alice, _ = operator()

    code = services.create_login_link(alice, now=NOON)

    assert code not in repr(LoginLink.objects.values().get())


def test_an_account_is_reached_by_its_members_only() -> None:
    account, alice, _ = operator()
    _, bob, _ = shop()

    assert list(selectors.accounts_of(alice)) == [account]
    assert account not in selectors.accounts_of(bob)


def test_user_names_are_one_in_any_case() -> None:
    _, alice, _ = operator("Alice")

    assert selectors.user_named(" ALICE ") == alice


def test_an_account_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        selectors.get_account("a-nobody")


@pytest.mark.parametrize("username", ["", " ", "x" * 255, "alice"])
def test_a_name_that_nobody_can_have_is_refused(username: str) -> None:
    account, _, _ = operator()

    with pytest.raises(Malformed, match="user name"):
        services.create_member(account, username, now=NOON)

    assert User.objects.count() == 1
