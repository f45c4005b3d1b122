"""`python -m tests.soak.count DATA`: what a stopped service's store holds, as JSON. A process of its own, since the
embedded engine opens one directory a process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from spanhouse.tracing.store.clickhouse.engine import Engine

_SUMS = {
    "usage": "SELECT sum(spans) FROM usage_hours",
    "summaries": "SELECT sum(spans) FROM trace_summaries",
    "red": "SELECT sum(calls) FROM red_minutes",
}


@dataclass(frozen=True)
class Stored:
    """Spans as each table counts them, and the id of every row of the spans table."""

    spans: int
    ids: frozenset[bytes]
    usage: int
    summaries: int
    red: int
    quarantined: int
    left_in_journal: int

    @property
    def doubled(self) -> int:
        return self.spans - len(self.ids)


def count_stored(data: Path) -> Stored:
    command = [sys.executable, "-m", "tests.soak.count", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    ids = frozenset(map(bytes.fromhex, found.pop("ids")))
    return Stored(
        ids=ids,
        quarantined=len(list((data / "quarantine").glob("*.bin"))),
        left_in_journal=len([path for path in (data / "journal").iterdir() if path.suffix in (".seg", ".open")]),
        **found,
    )


def main(data: Path) -> None:
    engine = Engine.open(f"chdb://{data / 'store'}", connections=1)
    rows = [row[0] for row in engine.query("SELECT hex(span_id) FROM spans", {}, {}).rows()]
    sums = {name: int(engine.query(sql, {}, {}).rows()[0][0] or 0) for name, sql in _SUMS.items()}
    engine.close()
    print(json.dumps({"spans": len(rows), "ids": sorted(set(rows)), **sums}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
