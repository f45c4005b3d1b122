"""Limits on what comes in over time, on a clock that moves as told."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.base.clock import NANOS_PER_DAY, NANOS_PER_SECOND
from spanhouse.contracts.limits import Limits
from spanhouse.tracing.ingest.bucket import Bucket, pour, take_back
from spanhouse.tracing.ingest.rates import Batch, OverLimit, Rates, Sent, charge, give_back

NOON_NS = 20_000 * NANOS_PER_DAY + NANOS_PER_DAY // 2
rates = st.integers(1, 10**9)
bursts = st.integers(1, 10**10)
amounts = st.integers(1, 10**8)
pauses_ns = st.integers(0, 3600 * NANOS_PER_SECOND)
arrivals = st.lists(st.tuples(pauses_ns, amounts), max_size=30)


def batch(spans: int = 1, size: int = 100, key: str = "k-a") -> Batch:
    return Batch("i-shop", key, spans, size)


@pytest.mark.clause("R5")
@given(rates, bursts, arrivals)
def test_no_more_is_let_in_than_the_rate_and_one_burst(rate: int, burst: int, arriving: list[tuple[int, int]]) -> None:
    bucket, now_ns, let_in, largest = Bucket(), NOON_NS, 0, 0
    for pause_ns, amount in arriving:
        now_ns += pause_ns
        bucket, wait_ns = pour(bucket, amount, rate=rate, burst=burst, now_ns=now_ns)
        if not wait_ns:
            let_in += amount
            largest = max(largest, amount)

    elapsed_ns = now_ns - NOON_NS
    assert let_in * NANOS_PER_SECOND <= max(burst, largest) * NANOS_PER_SECOND + elapsed_ns * rate


@given(rates, bursts, arrivals, amounts)
def test_what_waits_as_told_is_let_in_and_not_a_nanosecond_earlier(
    rate: int, burst: int, arriving: list[tuple[int, int]], amount: int
) -> None:
    bucket, now_ns = Bucket(), NOON_NS
    for pause_ns, earlier in arriving:
        now_ns += pause_ns
        bucket, _ = pour(bucket, earlier, rate=rate, burst=burst, now_ns=now_ns)

    unchanged, wait_ns = pour(bucket, amount, rate=rate, burst=burst, now_ns=now_ns)

    if wait_ns:
        assert pour(unchanged, amount, rate=rate, burst=burst, now_ns=now_ns + wait_ns)[1] == 0
        assert pour(unchanged, amount, rate=rate, burst=burst, now_ns=now_ns + wait_ns - 1)[1] == 1


@given(rates, bursts, amounts)
def test_an_empty_bucket_takes_a_batch_of_any_size(rate: int, burst: int, amount: int) -> None:
    assert pour(Bucket(), amount, rate=rate, burst=burst, now_ns=NOON_NS)[1] == 0


@given(rates, bursts, amounts, pauses_ns)
def test_a_clock_set_back_gives_nothing_and_takes_nothing(rate: int, burst: int, amount: int, back_ns: int) -> None:
    full, _ = pour(Bucket(), amount, rate=rate, burst=burst, now_ns=NOON_NS)

    same, wait_ns = pour(full, burst, rate=rate, burst=burst, now_ns=NOON_NS - back_ns)

    assert same.level == full.level
    assert wait_ns == -(-amount * NANOS_PER_SECOND // rate)


@given(rates, bursts, amounts)
def test_what_is_taken_back_leaves_room_for_as_much(rate: int, burst: int, amount: int) -> None:
    before = Bucket(0, NOON_NS)
    poured, _ = pour(before, amount, rate=rate, burst=burst, now_ns=NOON_NS)

    assert take_back(poured, amount) == before


@given(st.lists(st.tuples(st.sampled_from(["k-a", "k-b"]), st.integers(1, 50)), max_size=40))
def test_each_key_sends_up_to_its_cap_a_day(arriving: list[tuple[str, int]]) -> None:
    limits, sent = Limits(key_spans_per_day=100), Sent()
    let_in = {"k-a": 0, "k-b": 0}
    for key, spans in arriving:
        fits = let_in[key] + spans <= 100
        try:
            sent = charge(sent, limits, batch(spans, key=key), NOON_NS)
        except OverLimit:
            assert not fits
        else:
            assert fits
            let_in[key] += spans


@pytest.mark.clause("R5")
def test_a_cap_ends_with_the_day_of_utc() -> None:
    limits = Limits(key_spans_per_day=10)
    sent = charge(Sent(), limits, batch(10), NOON_NS)

    with pytest.raises(OverLimit, match="key k-a is over its 10 spans a day: 10 used, 1 more sent") as refused:
        charge(sent, limits, batch(1), NOON_NS)

    assert refused.value.retry_after_seconds == 12 * 3600
    assert charge(sent, limits, batch(10), NOON_NS + NANOS_PER_DAY // 2).by_key == {"k-a": 10}


@pytest.mark.parametrize(("ahead_ns", "lets_in"), [(NANOS_PER_DAY, False), (2 * NANOS_PER_DAY, True)])
def test_a_cap_outlives_a_clock_set_back_over_midnight_and_not_one_that_was_days_ahead(
    ahead_ns: int, lets_in: bool
) -> None:
    limits = Limits(key_spans_per_day=10)
    sent = charge(Sent(), limits, batch(10), NOON_NS + ahead_ns)

    with nullcontext() if lets_in else pytest.raises(OverLimit, match="10 used"):
        charge(sent, limits, batch(10), NOON_NS)


@pytest.mark.parametrize("limits", [Limits(spans_per_second=10, spans_burst=20), Limits(bytes_per_second=10)])
def test_who_waits_as_told_is_let_in_though_the_clock_was_set_back(tmp_path: Path, limits: Limits) -> None:
    kept = Rates(tmp_path)
    kept.charge(limits, batch(20, size=100), NOON_NS + 3600 * NANOS_PER_SECOND)
    with pytest.raises(OverLimit) as refused:
        kept.charge(limits, batch(20, size=100), NOON_NS)

    kept.charge(limits, batch(20, size=100), NOON_NS + refused.value.retry_after_seconds * NANOS_PER_SECOND)


def test_a_batch_that_one_limit_refuses_is_charged_to_none() -> None:
    limits = Limits(spans_per_second=10, bytes_per_second=10, key_spans_per_day=1000)
    sent = charge(Sent(), limits, batch(1, size=100), NOON_NS)

    with pytest.raises(OverLimit) as refused:
        charge(sent, limits, batch(1, size=10), NOON_NS)

    assert refused.value.limit == "bytes_per_second"
    assert refused.value.retry_after_seconds == 1
    assert (sent.span_bucket.level, sent.by_key) == (NANOS_PER_SECOND, {"k-a": 1})


def test_a_batch_that_was_not_kept_is_given_back() -> None:
    limits = Limits(spans_per_second=10, bytes_per_second=1000, key_spans_per_day=1000)
    before = charge(Sent(), limits, batch(3), NOON_NS)

    assert give_back(charge(before, limits, batch(5), NOON_NS), batch(5)) == before


@given(st.integers(0, 2**80), st.integers(0, 2**70), st.dictionaries(st.text(), st.integers(0, 2**60)))
def test_what_was_sent_comes_back_from_its_file(level: int, at_ns: int, by_key: dict[str, int]) -> None:
    sent = Sent(Bucket(level, at_ns), Bucket(at_ns, level), 20_000, by_key)
    left_from_before = b'"k-a": 7}]\n'

    assert Sent.from_json(sent.to_json() + left_from_before) == sent


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"7", b"[1,2,3,4,5,6]", b'[1,2,3,4,5,{"k":"x"}]', b"[-1,2,3,4,5,{}]", b"\xff"]
)
def test_a_damaged_file_is_none(damage: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Sent.from_json(damage)


def test_a_rate_that_is_raised_counts_from_then_on() -> None:
    slow = Limits(spans_per_second=1, spans_burst=10)
    sent = charge(Sent(), slow, batch(10), NOON_NS)

    fast = replace(slow, spans_per_second=100)

    assert charge(sent, fast, batch(10), NOON_NS + NANOS_PER_SECOND // 10).span_bucket.level == 10 * NANOS_PER_SECOND
