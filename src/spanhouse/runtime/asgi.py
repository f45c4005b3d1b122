"""Django as an ASGI application; runtime.console_process serves it."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from spanhouse.runtime.cancelling import cancels_queries

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spanhouse.runtime.django_settings")

application = cancels_queries(get_asgi_application())
