"""Makes the modules of `src/spanhouse/api/proto` from its `.proto` files: `python -m tests.kit.protos`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PROTO = Path(__file__).parents[2] / "src" / "spanhouse" / "api" / "proto"
HEADER = "# ruff: noqa\n# mypy: ignore-errors\n"


def generated(directory: Path = PROTO) -> dict[str, str]:
    """File name → content, for every message definition in the directory."""
    with TemporaryDirectory() as made:
        sources = [path.name for path in sorted(directory.glob("*.proto"))]
        outputs = [f"--{kind}_out={made}" for kind in ("python", "pyi")]
        compiler = [sys.executable, "-m", "grpc_tools.protoc", "-I."]
        subprocess.run([*compiler, *outputs, *sources], cwd=directory, check=True)
        paths = sorted(Path(made).iterdir())
        for path in paths:
            path.write_text(HEADER + path.read_text())
        subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", "--line-length=120", made], check=True)
        return {path.name: path.read_text() for path in paths}


if __name__ == "__main__":
    for name, content in generated().items():
        (PROTO / name).write_text(content)
