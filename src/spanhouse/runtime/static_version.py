"""One name for one state of the static files, so that browsers may keep them for ever and never hold a mixture."""

from __future__ import annotations

import hashlib
from pathlib import Path


def static_version(root: Path) -> str:
    """12 hex digits over names and contents of all files under `root`."""
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]
