"""What Jaeger's and Zipkin's clients write in parameters is read as written, and anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.api import jaeger_parameters
from spanhouse.base.errors import Malformed
from spanhouse.tracing.search.zipkin import parse_annotation_query

Read = TypeVar("Read")
LAST_SECOND = int(datetime(2553, 1, 1, tzinfo=UTC).timestamp())
WORDS = st.text(st.characters(exclude_characters="=", exclude_categories=("Zs", "Zl", "Zp", "Cc", "Cs")), min_size=1)


def read_or_refused(read: Callable[[], Read]) -> Read | str:
    """What was read, or what the refusal says."""
    try:
        return read()
    except Malformed as refusal:
        return str(refusal)


@given(st.integers(0, LAST_SECOND), st.integers(0, 10**9 - 1), st.integers(-14 * 60, 14 * 60), st.sampled_from("+ "))
def test_a_time_is_read_to_the_nanosecond_in_any_zone(seconds: int, nanos: int, offset: int, plus: str) -> None:
    local = datetime.fromtimestamp(seconds + 86_400 + offset * 60, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    zone = f"{'-' if offset < 0 else plus}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"

    read = jaeger_parameters.moment({"t": f"{local}.{nanos:09d}{zone}"}, "t")

    assert read == (seconds + 86_400) * 10**9 + nanos


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", fullmatch=True))
def test_any_text_is_a_time_or_refused_by_name(text: str) -> None:
    read = read_or_refused(lambda: jaeger_parameters.moment({"when": text}, "when") or 0)

    assert "when" in read if isinstance(read, str) else 0 <= read < 2**64


@pytest.mark.report("V26")
@given(st.dictionaries(WORDS.filter(lambda word: word != "and"), WORDS | st.just("") | st.just("a=b=c"), max_size=4))
def test_an_annotation_query_is_parted_as_it_was_joined(asked: dict[str, str]) -> None:
    text = " and ".join(f"{key}={value}" if value else key for key, value in asked.items())

    assert parse_annotation_query(text) == asked


@given(st.text())
def test_any_text_is_an_annotation_query(text: str) -> None:
    assert all(key and key == key.strip() for key in parse_annotation_query(text))


@given(st.dictionaries(st.text(), st.text(), max_size=3))
def test_tags_come_back_from_their_json(tags: dict[str, str]) -> None:
    assert dict(jaeger_parameters.tags(json.dumps(tags), "tags")) == tags


@given(st.text())
def test_any_text_is_tags_or_refused_by_name(text: str) -> None:
    read = read_or_refused(lambda: jaeger_parameters.tags(text, "tags"))

    assert "tags" in read if isinstance(read, str) else isinstance(read, list)
