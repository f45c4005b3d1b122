"""Pages, APIs and commands say by whom: a deed of theirs that names nobody would stand in the log as the system's."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import spanhouse
from spanhouse.customers.accounts import granting as account_granting
from spanhouse.customers.accounts import parties
from spanhouse.customers.accounts import services as accounts
from spanhouse.customers.agreements import services as agreements
from spanhouse.customers.instances import granting, limits, service_life
from spanhouse.customers.instances import services as instances

SOURCES = Path(spanhouse.__file__).parent
WRITERS: tuple[ModuleType, ...] = (
    accounts,
    account_granting,
    parties,
    agreements,
    instances,
    granting,
    limits,
    service_life,
)
FACES = sorted(path for face in ("api", "cli", "console") for path in (SOURCES / face).rglob("*.py"))


def deeds() -> set[str]:
    """Names of the functions that take `by`."""
    return {
        name
        for module in WRITERS
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and "by" in inspect.signature(function).parameters
    } - {"_record", "_record_for"}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


def test_the_walk_finds_deeds() -> None:
    found = {name for path in FACES for name, _ in calls(path)} & deeds()

    assert {"create_key", "revoke_key", "create_instance", "set_password"} <= found


@pytest.mark.parametrize("path", FACES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_every_deed_names_its_doer(path: Path) -> None:
    silent = [
        f"{name} at line {call.lineno}"
        for name, call in calls(path)
        if name in deeds() and not any(keyword.arg == "by" for keyword in call.keywords)
    ]

    assert silent == []
