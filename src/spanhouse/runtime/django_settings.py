"""Django's settings, derived from ours. Importing this writes nothing."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from spanhouse import console
from spanhouse.runtime import settings as spanhouse_settings
from spanhouse.runtime.database import database_entry
from spanhouse.runtime.secret_key import read_secret_key
from spanhouse.runtime.static_version import static_version

SPANHOUSE = spanhouse_settings.load()

# ── what the apps ask of the process they run in ──
CLOCK = SPANHOUSE.make_clock()
GRANTS_PATH = SPANHOUSE.grants_path
LOOPBACK_OPEN = SPANHOUSE.loopback_open and SPANHOUSE.host_is_loopback
RETENTION_DAYS_NEW = SPANHOUSE.retention_days
POLICY = {"retention_days": str(SPANHOUSE.retention_days), **SPANHOUSE.policy}
CONTRACT_ZONE = SPANHOUSE.contract_zone
OPERATOR_CONTACT = SPANHOUSE.contact
CONSOLE_URL = SPANHOUSE.console_url
TRUSTED_PROXIES = SPANHOUSE.trusted_proxies
OTLP_HTTP_URL = f"http://{SPANHOUSE.reachable_host}:{SPANHOUSE.otlp_http_port}" if SPANHOUSE.otlp_http_port else ""
OTLP_GRPC_URL = f"http://{SPANHOUSE.reachable_host}:{SPANHOUSE.otlp_grpc_port}" if SPANHOUSE.otlp_grpc_port else ""

# ── the request ──
DEBUG = False
SECRET_KEY = read_secret_key(SPANHOUSE)
ROOT_URLCONF = "spanhouse.runtime.urls"
ASGI_APPLICATION = "spanhouse.runtime.asgi.application"
APPEND_SLASH = False


def _allowed_hosts() -> list[str]:
    """Names the console answers to. Any other is refused, so that no foreign name can be pointed at this machine."""
    named = [name.strip() for name in SPANHOUSE.allowed_hosts.split(",") if name.strip()]
    public = urlsplit(SPANHOUSE.public_url).hostname
    own = [] if SPANHOUSE.host_is_loopback else [SPANHOUSE.reachable_host, socket.gethostname(), socket.getfqdn()]
    return [*spanhouse_settings.LOOPBACK_NAMES, *own, *([public] if public else []), *named]


ALLOWED_HOSTS = _allowed_hosts()

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "spanhouse.customers.accounts",
    "spanhouse.customers.agreements",
    "spanhouse.customers.instances",
    "spanhouse.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "spanhouse.runtime.middleware.SecurityHeaders",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# ── people ──
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# ── what is kept ──
DATABASES = {"default": database_entry(SPANHOUSE.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"

# ── cookies and transport: TLS ends at a proxy in front, if public_url says there is one ──
_SECURE = urlsplit(SPANHOUSE.public_url).scheme == "https"
SESSION_ENGINE = "spanhouse.runtime.sessions"
SESSION_COOKIE_NAME = "spanhouse_session"
SESSION_COOKIE_SECURE = _SECURE
SESSION_COOKIE_AGE = 14 * 86_400
CSRF_COOKIE_NAME = "spanhouse_csrf"
CSRF_COOKIE_SECURE = _SECURE
CSRF_COOKIE_HTTPONLY = False  # scripts of the page send it back as X-CSRFToken
CSRF_TRUSTED_ORIGINS = [SPANHOUSE.public_url] if SPANHOUSE.public_url else []
SECURE_HSTS_SECONDS = 365 * 86_400 if _SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W002",  # framing is refused by SecurityHeaders
    "security.W005",  # sub-domains belong to the operator
    "security.W008",  # the proxy that ends TLS redirects
    "security.W021",  # joining the preload list is the operator's to decide
    *([] if _SECURE else ["security.W004", "security.W012", "security.W016"]),  # plain HTTP on loopback
]

# ── language, static files ──
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
_CONSOLE_PATH = Path(console.__file__).parent
LOCALE_PATHS = [_CONSOLE_PATH / "locale"]
STATIC_VERSION = static_version(_CONSOLE_PATH / "static")
STATIC_URL = f"/static/{STATIC_VERSION}/"

LOGGING_CONFIG = None  # runtime.logs sets up logging for the whole process
