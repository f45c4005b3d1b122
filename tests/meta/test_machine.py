"""What makes a machine ready says clearly what it cannot do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.kit import machine
from tests.kit.machine import Need, NotReady

ABSENT = Need("a teapot", ("teapot",), lambda: False)
PRESENT = Need("a cup", ("cup",), lambda: True)


def test_only_what_is_missing_is_installed() -> None:
    assert machine.missing((PRESENT, ABSENT)) == [ABSENT]


def test_a_machine_without_apt_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(NotReady, match=r"no apt-get.*install by hand: teapot"):
        machine.install([ABSENT])


def test_a_person_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(NotReady, match=r"not root.*install by hand: teapot"):
        machine.install([ABSENT])


def test_javascript_packages_are_not_installed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / ".package-lock.json").write_text("{}")
    monkeypatch.setenv("PATH", "")  # npm would not be found

    machine.install_javascript(tmp_path)


def test_a_failing_npm_is_reported_with_what_it_said(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text("not a lock file")
    (tmp_path / "package.json").write_text("{}")

    with pytest.raises(NotReady, match=r"npm ci.*failed"):
        machine.install_javascript(tmp_path)
