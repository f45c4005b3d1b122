"""Cases kept outside the project, where a machine has them; where it has none, there are no cases."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

PEERS = Path(os.environ.get("SPANHOUSE_PEERS", Path(__file__).parents[3] / "shared" / "peers"))


def traceql_queries(verdict: str) -> list[str]:
    """Queries with the verdict a full implementation gives: valid, parse_fails, validate_fails."""
    import yaml

    path = PEERS / "traceql-queries.yaml"
    return list(yaml.safe_load(path.read_text())[verdict]) if path.exists() else []


def traceql_vectors() -> dict[str, Any] | None:
    """Spans, and what a widely used implementation found among them."""
    path = PEERS / "traceql-vectors.json"
    return json.loads(path.read_text()) if path.exists() else None
