"""Every word of the pages is in both languages, and the compiled catalogue is the one that was written."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

from spanhouse import console

FOLDER = Path(console.__file__).parent / "locale" / "zh_Hans" / "LC_MESSAGES"


def entries() -> dict[str, str]:
    """msgid → msgstr (of plurals, both first forms), without the header."""
    found = {}
    for block in (FOLDER / "django.po").read_text().split("\n\n")[1:]:
        msgid = re.search(r'^msgid ((?:".*"\n)+)', block + "\n", re.MULTILINE)
        msgstr = re.search(r'^msgstr(?:\[0\])? ((?:".*"\n?)+)', block + "\n", re.MULTILINE)
        assert msgid, block
        assert msgstr, block
        found[_joined(msgid[1])] = _joined(msgstr[1])
    return found


def _joined(quoted: str) -> str:
    return "".join(ast.literal_eval(line) for line in quoted.strip().splitlines())


def test_nothing_is_left_untranslated_or_unsure() -> None:
    assert "fuzzy" not in (FOLDER / "django.po").read_text()
    assert [msgid for msgid, msgstr in entries().items() if not msgstr] == []


def test_the_compiled_catalogue_says_the_same() -> None:
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    singular = {msgid: compiled.gettext(msgid) for msgid in entries() if not re.search(r"%\([nm]\)", msgid)}

    assert singular == {msgid: entries()[msgid] for msgid in singular}


def test_placeholders_survive_translation() -> None:
    for msgid, msgstr in entries().items():
        assert set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", msgid)) == set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", msgstr)), (
            msgid
        )
