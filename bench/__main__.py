"""`python -m bench [ingest|trickle|queries]`: what Spanhouse costs and how fast it answers, in ratios of one run."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from bench import ingest, questioning, trickle

STORED_SPANS = 5_000_000
QUERIED_SPANS = 20_000_000
KEPT = Path(tempfile.gettempdir()) / "spanhouse-bench-queries"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["ingest", "trickle", "queries"], default="ingest")
    parser.add_argument("--spans", type=int, help="ingest: of the measured run; queries: in the store")
    parser.add_argument("--stored", type=int, default=STORED_SPANS, help="ingest: spans in the store for its queries")
    parser.add_argument("--seconds", type=int, default=30, help="trickle: of each phase")
    parser.add_argument("--keep", type=Path, default=KEPT, help="queries: where the store is kept for the next run")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    chosen = parser.parse_args()
    match chosen.what:
        case "trickle":
            figures = trickle.run(chosen.seconds)
        case "queries":
            figures = questioning.run(chosen.keep, chosen.spans or QUERIED_SPANS)
        case _:
            figures = ingest.run(chosen.spans or 1_000_000, chosen.stored)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
