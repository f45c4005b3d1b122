"""How figures are shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

from rich.console import Console

out: Final = Console(width=120)


def quantiles(values: Sequence[float], scale: float = 1000) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": statistics.median(ordered) * scale,
        "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * scale,
    }


def milliseconds(values: Sequence[float], scale: float = 1000) -> str:
    """p50 / p99 of seconds, or of what `scale` makes milliseconds of."""
    found = quantiles(values, scale)
    return f"{found['p50']:,.1f} / {found['p99']:,.1f} ms"
