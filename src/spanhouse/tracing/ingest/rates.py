"""How much each instance sends over time, held against its limits by all ingest processes of a node together.

The state of an instance is a file that the processes change under a lock, once a batch. So a sender gets the whole rate
whichever process its connection meets, and a start anew forgives nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import structlog

from spanhouse.base.clock import NANOS_PER_DAY, NANOS_PER_SECOND
from spanhouse.base.errors import RateLimited
from spanhouse.contracts.limits import Limits
from spanhouse.tracing.ingest.bucket import EMPTY, Bucket, pour, take_back
from spanhouse.tracing.ingest.locked_file import LockedFile, locked

log = structlog.get_logger(__name__)


class OverLimit(RateLimited):
    """`limit` is its name in `Limits`."""

    def __init__(self, limit: str, message: str, *, wait_ns: int) -> None:
        super().__init__(message, retry_after_seconds=max(1, -(-wait_ns // NANOS_PER_SECOND)))
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Sent:
    """What an instance has sent: lately, and on `day` (of UTC, counted from the epoch) by key."""

    span_bucket: Bucket = EMPTY
    byte_bucket: Bucket = EMPTY
    day: int = 0
    by_key: dict[str, int] = field(default_factory=dict)

    def not_after(self, now_ns: int) -> Sent:
        """What was poured in later, on a clock that has been set back since, was poured in now: from now on it runs
        out."""
        if max(self.span_bucket.at_ns, self.byte_bucket.at_ns) <= now_ns:
            return self
        spans, size = (
            bucket._replace(at_ns=min(bucket.at_ns, now_ns)) for bucket in (self.span_bucket, self.byte_bucket)
        )
        return replace(self, span_bucket=spans, byte_bucket=size)

    def to_json(self) -> bytes:
        """One line; what may stand after it is left from before."""
        return json.dumps([*self.span_bucket, *self.byte_bucket, self.day, self.by_key]).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> Sent:
        """Raises ValueError for what is no such file."""
        try:
            line = content.partition(b"\n")[0]
            level, at_ns, bytes_level, bytes_at_ns, day, by_key = json.loads(line)
            numbers = (level, at_ns, bytes_level, bytes_at_ns, day, *by_key.values())
        except (TypeError, AttributeError) as error:
            raise ValueError(str(error)) from error
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("not whole numbers")
        return cls(Bucket(level, at_ns), Bucket(bytes_level, bytes_at_ns), day, by_key)


@dataclass(frozen=True, slots=True)
class Batch:
    instance: str
    key_id: str
    spans: int
    bytes: int


def charge(sent: Sent, limits: Limits, batch: Batch, now_ns: int) -> Sent:
    """What has been sent with this batch. Raises OverLimit when it is more than the limits let in now."""
    sent = _of_day(sent, now_ns // NANOS_PER_DAY)
    if limits.key_spans_per_day:
        sent = _charge_key(sent, limits.key_spans_per_day, batch, now_ns)
    if limits.spans_per_second:
        rate, burst = limits.spans_per_second, limits.spans_burst_max
        spans, wait_ns = pour(sent.span_bucket, batch.spans, rate=rate, burst=burst, now_ns=now_ns)
        if wait_ns:
            raise OverLimit("spans_per_second", f"over {rate} spans a second", wait_ns=wait_ns)
        sent = replace(sent, span_bucket=spans)
    if limits.bytes_per_second:
        rate, burst = limits.bytes_per_second, limits.bytes_burst_max
        size, wait_ns = pour(sent.byte_bucket, batch.bytes, rate=rate, burst=burst, now_ns=now_ns)
        if wait_ns:
            raise OverLimit("bytes_per_second", f"over {rate} bytes a second", wait_ns=wait_ns)
        sent = replace(sent, byte_bucket=size)
    return sent


def give_back(sent: Sent, batch: Batch) -> Sent:
    """As if the batch had not been charged."""
    by_key = sent.by_key
    if batch.key_id in by_key:
        by_key = {**by_key, batch.key_id: max(0, by_key[batch.key_id] - batch.spans)}
    spans, size = take_back(sent.span_bucket, batch.spans), take_back(sent.byte_bucket, batch.bytes)
    return replace(sent, span_bucket=spans, byte_bucket=size, by_key=by_key)


def _of_day(sent: Sent, day: int) -> Sent:
    """A later day starts from nothing; a clock set back over midnight does not, one that was days ahead does."""
    return sent if day <= sent.day <= day + 1 else replace(sent, day=day, by_key={})


def _charge_key(sent: Sent, most: int, batch: Batch, now_ns: int) -> Sent:
    used = sent.by_key.get(batch.key_id, 0)
    if used + batch.spans > most:
        named = f"key {batch.key_id}" if batch.key_id else "sending without a key"
        message = f"{named} is over its {most} spans a day: {used} used, {batch.spans} more sent"
        raise OverLimit("key_spans_per_day", message, wait_ns=(sent.day + 1) * NANOS_PER_DAY - now_ns)
    return replace(sent, by_key={**sent.by_key, batch.key_id: used + batch.spans})


class Rates:
    """The limits on what comes in over time, kept in `directory`. When that cannot be written to, spans are let in
    and the log says so: a full disk must not become a loss of spans by way of their limits."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def charge(self, limits: Limits, batch: Batch, now_ns: int) -> None:
        """Raises OverLimit; then nothing is charged."""
        try:
            with locked(self._path(batch.instance)) as file:
                before = _read(file, batch.instance)
                sent = before.not_after(now_ns)
                if sent is not before:  # kept whether or not the batch is let in: waiting must help
                    file.replace(sent.to_json())
                file.replace(charge(sent, limits, batch, now_ns).to_json())
        except OSError as error:
            log.error("limits cannot be kept, spans are let in", instance=batch.instance, error=str(error))

    def give_back(self, batch: Batch) -> None:
        """For a batch that was charged and could not be kept: its sender will send it again."""
        try:
            with locked(self._path(batch.instance)) as file:
                file.replace(give_back(_read(file, batch.instance), batch).to_json())
        except OSError as error:
            log.error("a batch that was not kept stays charged", instance=batch.instance, error=str(error))

    def _path(self, instance: str) -> Path:
        return self._directory / f"{quote(instance, safe='')}.sent"


def _read(file: LockedFile, instance: str) -> Sent:
    content = file.read()
    if not content:
        return Sent()
    try:
        return Sent.from_json(content)
    except ValueError as error:
        log.warning("what was sent cannot be read, counting anew", instance=instance, error=str(error))
        return Sent()
