"""Takes up what intake wrote of what it refused, and tells it to the tenant."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import structlog
from django.db import transaction

from spanhouse.contracts.refused import REFUSED_FILES, Amount, Refused, RefusedIn
from spanhouse.customers.instances.models import RefusedRow

KEPT_HOURS = 400 * 24

_log = structlog.get_logger(__name__)


def take_up(directory: Path, *, now_hour: int) -> None:
    """Keep the amounts in the files in `directory`. One that cannot be read is logged and left to its writer."""
    for path in sorted(directory.glob(REFUSED_FILES)):
        refused = _read(path)
        if refused is not None:
            _keep(refused)
    RefusedRow.objects.filter(hour__lte=now_hour - KEPT_HOURS).delete()


def amounts(instance: str, first_hour: int, last_hour: int) -> dict[RefusedIn, Amount]:
    """What was refused in these hours, both included, by hour and reason, over all sources."""
    rows = RefusedRow.objects.filter(instance=instance, hour__gte=first_hour, hour__lte=last_hour)
    sums: dict[RefusedIn, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows.order_by("hour", "reason"):
        total = sums[RefusedIn(instance, row.reason, row.hour)]
        for i, part in enumerate((row.requests, row.spans, row.bytes)):
            total[i] += part
    return {at: Amount(*total) for at, total in sums.items()}


@transaction.atomic
def _keep(refused: Refused) -> None:
    """Amounts only grow, so that taking the same file up again changes nothing."""
    first_hour = min((at.hour for at in refused.amounts), default=0)
    rows = RefusedRow.objects.filter(source=refused.source, hour__gte=first_hour)
    known = {RefusedIn(row.instance, row.reason, row.hour): row for row in rows}
    new = [_row(refused.source, at, amount) for at, amount in refused.amounts.items() if at not in known]
    grown = []
    for at, amount in refused.amounts.items():
        row = known.get(at)
        if row is not None and (row.requests, row.spans, row.bytes) != amount:
            row.requests, row.spans, row.bytes = amount
            grown.append(row)
    RefusedRow.objects.bulk_create(new)
    RefusedRow.objects.bulk_update(grown, ["requests", "spans", "bytes"], batch_size=500)


def _row(source: str, at: RefusedIn, amount: Amount) -> RefusedRow:
    return RefusedRow(
        source=source,
        instance=at.instance,
        reason=at.reason,
        hour=at.hour,
        requests=amount.requests,
        spans=amount.spans,
        bytes=amount.bytes,
    )


def _read(path: Path) -> Refused | None:
    try:
        return Refused.from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        _log.warning("what was refused cannot be read", path=str(path), error=str(error))
        return None
