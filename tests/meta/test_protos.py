"""Generated code is what its definitions give."""

from __future__ import annotations

from tests.kit.protos import PROTO, generated


def test_modules_of_messages_are_those_their_definitions_make() -> None:
    for name, content in generated().items():
        assert (PROTO / name).read_text() == content, f"{name}: run `python -m tests.kit.protos`"
