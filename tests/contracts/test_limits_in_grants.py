"""Limits travel with the Grants."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.contracts.grant import Grants, InstanceGrant
from spanhouse.contracts.limits import AMOUNTS, LIMIT_MAX, NO_LIMITS, Limits

limits = st.builds(
    Limits,
    services_off=st.lists(st.text(min_size=1, max_size=9)).map(tuple),
    **{name: st.integers(0, LIMIT_MAX) for name in AMOUNTS},
)


def snapshot(given_limits: Limits) -> Grants:
    return Grants(1, {"i-shop": InstanceGrant("i-shop", "shop", 15, limits=given_limits)})


@pytest.mark.clause("R5")
@given(limits)
def test_limits_come_back_from_a_snapshot(given_limits: Limits) -> None:
    grants = snapshot(given_limits)

    assert Grants.from_json(grants.to_json()) == grants


def test_a_snapshot_from_before_there_were_limits_has_none() -> None:
    content = json.loads(snapshot(NO_LIMITS).to_json())
    del content["instances"][0]["limits"]

    grants = Grants.from_json(json.dumps(content).encode())

    assert grants.instances["i-shop"].limits == NO_LIMITS


@pytest.mark.parametrize(
    "data",
    [
        {"spans_per_second": -1},
        {"spans_per_second": True},
        {"spans_per_second": 1.5},
        {"spans_per_second": "1"},
        {"spans_per_second": LIMIT_MAX + 1},
        {"spans_per_minute": 1},
        {"services_off": "checkout"},
        {"services_off": [""]},
        {"services_off": [1]},
        {"services_off": ["x" * 2000]},
        {"services_off": ["x"] * 2000},
    ],
)
def test_limits_that_make_no_sense_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"spans_per|services_off"):
        Limits.from_dict(data)


def test_a_burst_that_is_not_given_is_ten_seconds_of_the_rate() -> None:
    assert Limits(spans_per_second=7).spans_burst_max == 70
    assert Limits(bytes_per_second=7, bytes_burst=9).bytes_burst_max == 9
