"""Settings and Django for commands that need them, loaded when a command runs and not before."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from spanhouse.base.clock import to_datetime
from spanhouse.base.errors import ConfigurationError, Malformed
from spanhouse.runtime import settings as spanhouse_settings
from spanhouse.runtime.settings import Settings

if TYPE_CHECKING:
    from spanhouse.customers.accounts.audit.actors import By

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d+)\s*([smhdw])")


@contextmanager
def accounts_database() -> Iterator[tuple[Settings, datetime]]:
    """Django set up on a database that `serve` has prepared; gives the settings and the time.

    Raises ConfigurationError where no data directory was prepared yet.
    """
    settings = spanhouse_settings.load()
    if not settings.database and not (settings.data / "accounts.sqlite3").exists():
        raise ConfigurationError(f"there is nothing in {settings.data} yet; start `spanhouse serve` first")
    from spanhouse.runtime.console_process import prepare_django
    from spanhouse.runtime.logs import set_up_logs

    set_up_logs(settings, "cli")
    prepare_django(settings)
    from django.db import connections

    try:
        yield settings, to_datetime(settings.make_clock().now_ns())
    finally:
        connections.close_all()


def caller() -> By:
    """Who runs this command, for the audit log."""
    from spanhouse.customers.accounts.audit.actors import by_command

    try:
        return by_command(getpass.getuser())
    except (KeyError, OSError):  # a container's user may have no name
        return by_command(f"uid {os.getuid()}")


def parse_duration(text: str) -> timedelta:
    """`90s`, `15m`, `1d12h`. Raises Malformed."""
    if not _is_duration(text):
        raise Malformed(f"{text!r} is not a duration such as 15m, 36h or 7d")
    try:
        return sum(
            (timedelta(**{_UNITS[unit]: int(count)}) for count, unit in _DURATION.findall(text.lower())), timedelta()
        )
    except OverflowError as error:
        raise Malformed(f"{text!r} is too far away") from error


def _is_duration(text: str) -> bool:
    return re.fullmatch(rf"({_DURATION.pattern}\s*)+", text.strip().lower()) is not None


def parse_expiry(text: str, now: datetime) -> datetime:
    """A duration from now (`90d`) or a moment in RFC 3339. Raises Malformed."""
    if _is_duration(text):
        try:
            return now + parse_duration(text)
        except OverflowError as error:
            raise Malformed(f"{text!r} is too far away") from error
    return _moment(text)


def parse_moment(text: str, now: datetime) -> datetime:
    """A duration back from now (`7d`) or a moment in RFC 3339. Raises Malformed."""
    if _is_duration(text):
        try:
            return now - parse_duration(text)
        except OverflowError as error:
            raise Malformed(f"{text!r} is too far away") from error
    return _moment(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"{text!r} is neither a duration such as 90d nor a date such as 2027-01-31") from error
