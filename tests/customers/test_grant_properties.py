"""Whatever is granted, nobody gets past it: access and query scope against a plain reading of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from spanhouse.api.authentication import query_scope
from spanhouse.base.clock import FixedClock
from spanhouse.base.errors import Forbidden
from spanhouse.customers.accounts import access as account_access
from spanhouse.customers.accounts import services as accounts
from spanhouse.customers.accounts.models import Account, Grant, User
from spanhouse.customers.accounts.operations import ROLES, Operation, Role
from spanhouse.customers.instances import access, services
from spanhouse.customers.instances.models import Instance
from tests.api.test_authentication import ask
from tests.kit.accounts import NOON, operator, shop

pytestmark = pytest.mark.django_db

SERVICES = ("cart", "checkout", "payment")
MOMENTS = (NOON, NOON + timedelta(seconds=1), NOON + timedelta(seconds=2))


@dataclass(frozen=True)
class Given:
    """A grant as drawn: indexes into the cast."""

    giver: int
    to_user: int | None
    to_account: int | None
    operations: frozenset[Operation]
    instances: frozenset[int] | None
    services: frozenset[str] | None
    expires: int | None
    revoked: bool


@st.composite
def grants(draw: st.DrawFn) -> Given:
    to_user = draw(st.none() | st.integers(0, 3))
    return Given(
        giver=draw(st.integers(0, 1)),
        to_user=to_user,
        to_account=None if to_user is not None else draw(st.integers(0, 2)),
        operations=draw(st.frozensets(st.sampled_from(Operation), min_size=1)),
        instances=draw(st.none() | st.frozensets(st.integers(0, 3), min_size=1)),
        services=draw(st.none() | st.frozensets(st.sampled_from(SERVICES), min_size=1)),
        expires=draw(st.none() | st.integers(0, 2)),
        revoked=draw(st.booleans()) and draw(st.booleans()),
    )


class World:
    def __init__(self, roles: list[Role], given: list[Given]) -> None:
        first, alice, local = operator()
        second, bob, web = shop()
        third = services.open_account("Third", now=NOON)
        self.accounts: list[Account] = [first, second, third]
        self.instances: list[Instance] = [
            local,
            services.create_instance(first, "spare", now=NOON, retention_days=1),
            web,
            services.create_instance(second, "staging", now=NOON, retention_days=1),
        ]
        trent = accounts.create_member(third, "trent", now=NOON)
        carol = accounts.create_member(third, "carol", now=NOON, role=roles[0])
        self.users: list[User] = [alice, bob, trent, carol]
        self.roles = {(0, 0): Role.OWNER, (1, 1): Role.OWNER, (2, 2): Role.OWNER, (3, 2): roles[0]}
        self.given = given
        for drawn in given:
            self._store(drawn)

    def _store(self, drawn: Given) -> None:
        """Past the services: what they refuse to write must not open anything either."""
        Grant.objects.create(
            account=self.accounts[drawn.giver],
            to_user=None if drawn.to_user is None else self.users[drawn.to_user],
            to_account=None if drawn.to_account is None else self.accounts[drawn.to_account],
            operations=sorted(drawn.operations),
            instances=None if drawn.instances is None else [self.instances[number].pk for number in drawn.instances],
            services=None if drawn.services is None else sorted(drawn.services),
            created_at=NOON,
            expires_at=None if drawn.expires is None else MOMENTS[drawn.expires],
            revoked_at=NOON if drawn.revoked else None,
        )

    def expected(self, user: int, operation: Operation, instance: int, moment: int) -> set[str]:
        """Services open to the user for this; all of them and "*" where nothing narrows it."""
        owner = 0 if instance < 2 else 1
        role = self.roles.get((user, owner))
        found = {"*"} if role and operation in ROLES[role] else set()
        for drawn in self.given:
            live = not drawn.revoked and (drawn.expires is None or drawn.expires > moment)
            on = drawn.giver == owner and (drawn.instances is None or instance in drawn.instances)
            if live and on and operation in drawn.operations and self._reaches(drawn, user, operation):
                found |= drawn.services if drawn.services is not None else {"*"}
        return found

    def _reaches(self, drawn: Given, user: int, operation: Operation) -> bool:
        if drawn.to_user is not None:
            return drawn.to_user == user
        role = self.roles.get((user, drawn.to_account or 0))
        return role is not None and operation in ROLES[role]


@pytest.mark.clause("G5.5", "G8")
@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    role=st.sampled_from(Role),
    drawn=st.lists(grants(), max_size=6),
    moment=st.integers(0, 2),
    operation=st.sampled_from(Operation),
)
def test_nobody_gets_past_the_grants(role: Role, drawn: list[Given], moment: int, operation: Operation) -> None:
    with transaction.atomic():
        world, now = World([role], drawn), MOMENTS[moment]
        for number, user in enumerate(world.users):
            reached = set(access.instances_for(user, operation, now))
            for place, instance in enumerate(world.instances):
                wanted = world.expected(number, operation, place, moment)
                assert (instance in reached) == bool(wanted)
                assert access.may(user, operation, instance, now) == ("*" in wanted)
        transaction.set_rollback(True)


@pytest.mark.clause("G5.5")
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(role=st.sampled_from(Role), drawn=st.lists(grants(), max_size=6), moment=st.integers(0, 2))
def test_nobody_reads_past_the_grants(role: Role, drawn: list[Given], moment: int) -> None:
    with transaction.atomic():
        world, now = World([role], drawn), MOMENTS[moment]
        settings.CLOCK = FixedClock(int(now.timestamp()) * 10**9)
        for number, user in enumerate(world.users):
            for place, instance in enumerate(world.instances):
                wanted = world.expected(number, Operation.QUERY, place, moment)
                reading = access.scope_for(user, instance, now)
                assert (reading is None) == (not wanted)
                if reading is not None:
                    assert reading.services == (None if "*" in wanted else frozenset(wanted))
                assert_query_scope(world, number, place, moment)
        transaction.set_rollback(True)


def assert_query_scope(world: World, user: int, place: int, moment: int) -> None:
    """A request of a person who chose this instance reads it, or another that is open to them, never more."""
    try:
        scope = query_scope(ask(world.users[user], peer="203.0.113.7", chosen=world.instances[place].pk))
    except Forbidden:
        assert not any(world.expected(user, Operation.QUERY, other, moment) for other in range(4))
        return
    reached = next(number for number, instance in enumerate(world.instances) if instance.pk == scope.instance)
    wanted = world.expected(user, Operation.QUERY, reached, moment)
    assert wanted
    assert scope.services == (None if "*" in wanted else frozenset(wanted))
    if world.expected(user, Operation.QUERY, place, moment):
        assert reached == place


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(role=st.sampled_from(Role), drawn=st.lists(grants(), max_size=6))
def test_rights_on_an_account_come_from_what_reaches_over_all_of_it(role: Role, drawn: list[Given]) -> None:
    with transaction.atomic():
        world = World([role], [one for one in drawn if one.instances is not None or one.services is not None])
        for number, user in enumerate(world.users):
            for place, account in enumerate(world.accounts):
                own = world.roles.get((number, place))
                assert account_access.operations_on(user, account, NOON) == (ROLES[own] if own else frozenset())
        transaction.set_rollback(True)
