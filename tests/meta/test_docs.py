"""The documents speak of what exists: dependencies, links, commands, settings, queries."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from spanhouse.cli.main import app
from spanhouse.runtime.settings import CONFIG_VARIABLE, Settings, variable_of
from spanhouse.tracing.search.find import is_metrics
from spanhouse.tracing.traceql import to_metrics, to_spanset

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TRIAL_VARIABLES = {"SPANHOUSE_TRIAL", "SPANHOUSE_CLOCK"}
COMMAND_VARIABLES = {"SPANHOUSE_TOKEN"}
_BEFORE = r"(?:^ {4,}|`|^ {4,}[A-Z_]+=\S+ )(?:\.venv/bin/)?"
_COMMAND = re.compile(_BEFORE + r"spanhouse ([a-z-][^`\n#]*)", re.M)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=~! ;]", requirement, maxsplit=1)[0].lower()


def listed() -> set[str]:
    """First cells of the tables of docs/dependencies.md."""
    text = (ROOT / "docs" / "dependencies.md").read_text()
    return {match[1] for match in re.finditer(r"^\| ([a-z0-9-]+) \|", text, re.M)} - {"package", "library"}


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def commands() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for match in _COMMAND.finditer(document.read_text()):
            yield relative(document), match[1].strip()


def test_every_dependency_has_its_reason() -> None:
    needed = {name_of(text) for text in (*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"])}

    assert listed() == needed


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for target in _LINK.findall(document.read_text()):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{relative(document)} links to {target}"
        assert not anchor or anchor in anchors(file), f"{relative(document)} links to {target}"


@pytest.mark.parametrize(("document", "command"), sorted(set(commands())))
def test_every_command_shown_exists(document: str, command: str) -> None:
    found: Any = typer.main.get_command(app)
    words = command.split()

    while hasattr(found, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        assert name in found.commands, f"{document}: spanhouse {command}"
        found = found.commands[name]

    options = [(*parameter.opts, *parameter.secondary_opts) for parameter in found.params]
    known = {"--help"}.union(*options)
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, f"{document}: spanhouse {command}"


def test_commands_are_found_in_the_documents_at_all() -> None:
    assert len({command.split()[0] for _, command in commands()}) >= 6


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_setting_named_exists(document: Path) -> None:
    known = {variable_of(field) for field in Settings.model_fields} | {CONFIG_VARIABLE} | COMMAND_VARIABLES

    named = set(re.findall(r"\bSPANHOUSE_[A-Z_]+[A-Z]\b", document.read_text()))

    assert named <= known


def test_every_setting_is_in_the_operators_guide() -> None:
    text = (ROOT / "docs" / "operate.md").read_text()

    assert {name for name in map(variable_of, Settings.model_fields) if name not in text} <= TRIAL_VARIABLES


def queries() -> list[str]:
    """Of the guides to querying: lines of plain blocks, and what commands are given."""
    text = "".join(path.read_text() for path in sorted((ROOT / "docs").glob("query*.md")))
    in_blocks = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
    on_lines = [line for block in in_blocks for line in block.splitlines()]
    given = [
        query for document in DOCUMENTS for query in re.findall(r"spanhouse query '([^']+)'", document.read_text())
    ]
    return on_lines + given


@pytest.mark.parametrize("query", queries())
def test_every_query_shown_is_understood(query: str) -> None:
    if is_metrics(query):
        to_metrics(query)
    else:
        to_spanset(query)


def test_queries_of_every_kind_are_shown() -> None:
    assert len(queries()) > 40
    assert any(map(is_metrics, queries()))
