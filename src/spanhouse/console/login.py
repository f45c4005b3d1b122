"""Ways in and out of the console: by one-time link, by password."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import cast

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate, login, logout, password_validation, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from spanhouse.base.clock import to_datetime
from spanhouse.base.errors import Unauthenticated
from spanhouse.customers.accounts import services
from spanhouse.customers.accounts.audit.requests import by_request, client_ip
from spanhouse.customers.accounts.models import User

FAILURES_MAX = 10
FAILURES_WINDOW_SECONDS = 300
_BACKEND = "django.contrib.auth.backends.ModelBackend"


class LoginForm(forms.Form):
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True, "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class PasswordForm(forms.Form):
    password = forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
    )

    def __init__(self, user: User, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._user = user

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        password_validation.validate_password(password, self._user)
        return password


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    form = LoginForm(request.POST or None)
    if request.method != "POST":
        return _page(request, form)
    if _failures(request) >= FAILURES_MAX:
        form.add_error(None, _("Too many attempts from this address. Try again in a few minutes."))
        return _page(request, form, HTTPStatus.TOO_MANY_REQUESTS)
    if form.is_valid():
        name = form.cleaned_data["username"].strip().lower()
        user = authenticate(request, username=name, password=form.cleaned_data["password"])
        if isinstance(user, User):
            services.note_login(user, now=_now(), by=by_request(request, user))
            login(request, user, backend=_BACKEND)
            return redirect(_next(request))
        _count_failure(request)
        services.note_refused_login(name, now=_now(), by=by_request(request))
        form.add_error(None, _("User name or password is wrong."))
    return _page(request, form, HTTPStatus.UNPROCESSABLE_ENTITY)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def log_in_by_link(request: HttpRequest, code: str) -> HttpResponse:
    """A GET only offers a button: programs that look at links before people do must not use them up."""
    if request.method != "POST":
        return render(request, "console/login_link.html", {"code": code})
    try:
        user = services.redeem_login_link(code, now=_now(), by=by_request(request))
    except Unauthenticated:
        form = LoginForm()
        return _page(request, form, HTTPStatus.UNAUTHORIZED, _("This login link was used already or has expired."))
    login(request, user, backend=_BACKEND)
    return redirect(settings.LOGIN_REDIRECT_URL)


@require_POST
def log_out(request: HttpRequest) -> HttpResponseRedirect:
    if isinstance(request.user, User):
        services.note_logout(request.user, now=_now(), by=by_request(request))
    logout(request)
    return redirect("login")


@never_cache
@sensitive_post_parameters("password")
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    form = PasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.set_password(user, form.cleaned_data["password"], now=_now(), by=by_request(request))
        update_session_auth_hash(request, user)
        return redirect(settings.LOGIN_REDIRECT_URL)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "console/login_password.html", {"form": form}, status=status)


def _now() -> datetime:
    return to_datetime(settings.CLOCK.now_ns())


def _page(request: HttpRequest, form: LoginForm, status: HTTPStatus = HTTPStatus.OK, message: str = "") -> HttpResponse:
    context = {"form": form, "next": _next(request), "message": message, "action": reverse("login")}
    return render(request, "console/login.html", context, status=status)


def _next(request: HttpRequest) -> str:
    """Where to go after login: only inside this console."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    inside = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if inside else str(settings.LOGIN_REDIRECT_URL)


def _failure_key(request: HttpRequest) -> str:
    return f"login-failures:{client_ip(request)}"


def _failures(request: HttpRequest) -> int:
    return int(cache.get(_failure_key(request), 0))


def _count_failure(request: HttpRequest) -> None:
    """Per address, not per user name, so that nobody can lock another person out."""
    key = _failure_key(request)
    if not cache.add(key, 1, FAILURES_WINDOW_SECONDS):
        cache.incr(key)
