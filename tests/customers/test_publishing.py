"""Several processes change keys at the same time; the snapshot ends as the database does."""

import os
import subprocess
import sys
from pathlib import Path

from spanhouse.contracts.grant import Grants

PREPARE = """
from spanhouse.runtime import console_process, settings
loaded = settings.load()
console_process.prepare_django(loaded)
from spanhouse.base.clock import SystemClock, to_datetime
now = to_datetime(SystemClock().now_ns())
"""
FIRST = PREPARE + "from spanhouse.runtime import first_minute; first_minute.prepare(now, 15)"
WORK = (
    PREPARE
    + """
from pathlib import Path
from spanhouse.contracts.grant import Grants
from spanhouse.customers.instances import selectors, services
local = selectors.get_instance("local")
seen = 0
for number in range(25):
    key, secret = services.create_key(local, "ingest", f"key {number}", now=now)
    grants = Grants.from_json(loaded.grants_path.read_bytes())
    assert key.digest in grants.keys, "a service returned before its change was published"
    assert grants.version >= seen, "the version went back"
    seen = grants.version
    if number % 2:
        services.revoke_key(key, now=now)
        assert key.digest not in Grants.from_json(loaded.grants_path.read_bytes()).keys
"""
)


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "SPANHOUSE_DATA": str(tmp_path)}
    subprocess.run([sys.executable, "-c", FIRST], env=environment, check=True)

    writers = [subprocess.Popen([sys.executable, "-c", WORK], env=environment) for _ in range(3)]

    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    grants = Grants.from_json((tmp_path / "grants/snapshot.json").read_bytes())
    assert len(grants.keys) == 3 * 13
    assert grants.version == 2 + 3 * (25 + 12)


def test_two_first_starts_at_the_same_time_make_one_operator(tmp_path: Path) -> None:
    environment = {**os.environ, "SPANHOUSE_DATA": str(tmp_path)}

    starts = [subprocess.Popen([sys.executable, "-c", FIRST], env=environment) for _ in range(3)]
    codes = [start.wait(120) for start in starts]

    assert 0 in codes
    grants = Grants.from_json((tmp_path / "grants/snapshot.json").read_bytes())
    assert list(grants.instances) == ["local"]
    assert grants.loopback_instance == "local"
