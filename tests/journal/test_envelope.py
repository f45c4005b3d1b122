"""An envelope's bytes: there and back, cut off anywhere, changed anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.tracing.journal.envelope import Damage, Envelope, Frame, Portion, encode, scan, split_body, with_body

ENVELOPES = st.builds(
    Envelope,
    instance=st.text(min_size=1, max_size=40),
    received_at=st.integers(0, 2**64 - 1),
    content_hash=st.binary(min_size=16, max_size=16),
    portions=st.lists(
        st.builds(Portion, service=st.text(max_size=20), spans=st.integers(0, 2**32), bytes=st.integers(0, 2**34)),
        max_size=3,
    ).map(tuple),
    body=st.binary(max_size=300),
)


def encoded(envelope: Envelope) -> bytes:
    return b"".join(encode(envelope))


def frames(segment: bytes) -> list[Frame]:
    return [found for found in scan(memoryview(segment)) if isinstance(found, Frame)]


def damage(segment: bytes) -> list[Damage]:
    return [found for found in scan(memoryview(segment)) if isinstance(found, Damage)]


@given(st.lists(ENVELOPES, max_size=5))
def test_a_segment_gives_back_its_envelopes_in_order(envelopes: list[Envelope]) -> None:
    segment = b"".join(map(encoded, envelopes))

    found = frames(segment)

    assert [(f.instance, f.received_at, f.content_hash) for f in found] == [
        (e.instance, e.received_at, e.content_hash) for e in envelopes
    ]
    assert [split_body(memoryview(segment), f)[1] for f in found] == [e.body for e in envelopes]
    assert not damage(segment)


@given(ENVELOPES, st.binary(max_size=300))
def test_an_envelope_takes_another_body(envelope: Envelope, body: bytes) -> None:
    segment = encoded(envelope)
    fields, _ = split_body(memoryview(segment), frames(segment)[0])

    changed = with_body(fields, body)

    assert changed == encoded(
        Envelope(envelope.instance, envelope.received_at, envelope.content_hash, envelope.portions, body)
    )


THREE = [
    encoded(Envelope("i-shop", 1_000 + n, bytes([n]) * 16, (Portion("web", 1, 40 + n),), bytes([n]) * (40 + n)))
    for n in range(3)
]
ENDS = [sum(map(len, THREE[: n + 1])) for n in range(3)]


@pytest.mark.parametrize("cut", range(ENDS[-1] + 1))
def test_a_segment_cut_anywhere_keeps_exactly_the_whole_envelopes_before_the_cut(cut: int) -> None:
    segment = b"".join(THREE)[:cut]

    found = list(scan(memoryview(segment)))

    whole = [end for end in ENDS if end <= cut]
    assert [f.end for f in found if isinstance(f, Frame)] == whole
    torn = [] if cut in (0, *ENDS) else [Damage(whole[-1] if whole else 0, cut)]
    assert [f for f in found if isinstance(f, Damage)] == torn


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("at", range(ENDS[0], ENDS[1]))
def test_a_changed_bit_is_noticed_and_what_lies_before_it_is_kept(at: int, bit: int) -> None:
    segment = bytearray(b"".join(THREE))
    segment[at] ^= 1 << bit

    found = list(scan(memoryview(bytes(segment))))

    assert found[0] == frames(b"".join(THREE))[0]
    assert isinstance(found[1], Damage)
    assert found[1].start == ENDS[0]
    assert found[-1].end == ENDS[-1], "every byte is accounted for"


@pytest.mark.parametrize("at", range(ENDS[0] + 1, ENDS[1]))
def test_a_changed_byte_costs_one_envelope(at: int) -> None:
    segment = bytearray(b"".join(THREE))
    segment[at] ^= 0xFF

    found = list(scan(memoryview(bytes(segment))))

    assert [type(f) for f in found] == [Frame, Damage, Frame]
