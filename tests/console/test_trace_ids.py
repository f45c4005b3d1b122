"""Spellings of a trace id, and details of one span."""

from __future__ import annotations

import json
import math

import pytest

from spanhouse.base.errors import Malformed
from spanhouse.console.span_details import attributes, details
from spanhouse.console.trace_reading import trace_id_of
from tests.kit.shop import chain


@pytest.mark.report("V16")
@pytest.mark.parametrize(
    "text",
    ["008efff798038103d269b633813fc603", "8EFFF798038103D269B633813FC603", " 0x8efff798038103d269b633813fc603 "],
)
def test_trimmed_padded_and_upper_case_ids_are_one(text: str) -> None:
    assert trace_id_of(text).hex() == "008efff798038103d269b633813fc603"


@pytest.mark.parametrize("text", ["", "0", "0" * 32, "xyz", "1" * 33, "١"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        trace_id_of(text)


@pytest.mark.report("V09")
def test_every_type_of_value_is_text_with_its_type() -> None:
    given = {
        "s": "x",
        "b": True,
        "i": 2**63 - 1,
        "d": 1.5,
        "n": math.nan,
        "y": b"\xff",
        "e": None,
        "a": [1, math.inf, b"\x00"],
    }

    shown = {row["key"]: (row["type"], row["value"]) for row in attributes(given)}

    assert shown["s"] == ("string", "x")
    assert shown["b"] == ("bool", "true")
    assert shown["i"] == ("int", "9223372036854775807")
    assert shown["d"] == ("double", "1.5")
    assert shown["n"] == ("double", "NaN")
    assert shown["y"] == ("bytes", "/w==")
    assert shown["e"] == ("empty", "–")
    assert json.loads(shown["a"][1]) == [1, "Infinity", "AA=="]


@pytest.mark.report("V22")
def test_times_beyond_what_scripts_can_count_are_text() -> None:
    span = chain(1, 2**63)[0]

    assert json.loads(json.dumps(details(span), allow_nan=False))["start"] == str(2**63)
