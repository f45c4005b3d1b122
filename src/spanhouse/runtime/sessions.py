"""Sessions in the database that end by our clock, which the trial clock may move."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session

from spanhouse.base.clock import to_datetime


def _now() -> datetime:
    return to_datetime(settings.CLOCK.now_ns())


class SessionStore(DatabaseSessionStore):
    def get_expiry_date(self, **kwargs: Any) -> datetime:
        kwargs.setdefault("modification", _now())
        return super().get_expiry_date(**kwargs)

    def _get_session_from_db(self) -> Session | None:
        session = Session.objects.filter(session_key=self.session_key, expire_date__gt=_now()).first()
        if session is None:
            self._session_key = None
        return session
