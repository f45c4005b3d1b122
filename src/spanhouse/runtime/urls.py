"""All addresses of the console's port."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from spanhouse.console import login
from spanhouse.runtime import health
from spanhouse.runtime.static_files import static_file

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("static/<str:version>/<path:path>", static_file),
    path("login", login.log_in, name="login"),
    path("login/link/<str:code>", login.log_in_by_link, name="login-link"),
    path("logout", login.log_out, name="logout"),
    path("password", login.change_password, name="password"),
    path("", include("spanhouse.api.urls")),
    path("", include("spanhouse.console.urls")),
]

handler400 = "spanhouse.runtime.refusals.bad_request"
