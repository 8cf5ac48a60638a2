"""Settings of every installation. The environment is read here and in environment.py alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attune.settings import environment as env

ROOT = Path(__file__).resolve().parents[3]
VAR = Path(env.text("ATTUNE_VAR", str(ROOT / "var"), "folder of embedded servers, caches, files"))

SECRET_KEY = env.text("SECRET_KEY", "", "signs sessions and links, seals tenant secrets")
DEBUG = False
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]", "hosts that are answered")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", "", "origins behind a TLS proxy")
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000", "address used in links that leave us")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "attune.web",  # before allauth: its pages wear our layout
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "django_htmx",
    "channels",
    "attune.kernel",
    "attune.api",
    "attune.embedded",
    "tenants",
    "campaigns.contacts",
    "campaigns.subscriptions",
    "campaigns.segments",
    "campaigns.catalog",
    "campaigns.generators",
    "campaigns.content",
    "campaigns.layouts",
    "campaigns.approval",
    "campaigns.decisions",
    "campaigns.experiments",
    "campaigns.tuning",
    "campaigns.predictions",
    "campaigns.strategy",
    "campaigns.budget",
    "campaigns.delivery",
    "campaigns.hooks",
    "campaigns.automations",
    "chat.knowledge",
    "chat.inboxes",
    "chat.conversations",
    "chat.dialogue",
    "chat.assistant",
    "insights.sources",
    "insights.reading",
    "insights.topics",
    "insights.graph",
    "insights.journeys",
    "insights.findings",
    "insights.labelling",
    "insights.alerts",
    "insights.forecasts",
    "insights.risk",
    "insights.privacy",
    "insights.dashboards",
    "insights",
    "workers",
]
MIDDLEWARE = [
    "attune.web.measuring.Measured",
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "attune.web.middleware.ContentSecurityPolicy",
    "attune.web.middleware.PartsOfPages",
    "attune.web.middleware.BackFromPosts",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tenants.middleware.TenantMiddleware",
]
# Any site may send events: what lets them in is the key, never a cookie. Nothing else is shared.
CORS_URLS_REGEX = r"^/v1/(identify|track|page|screen|group|alias|batch)$"
CORS_ALLOW_ALL_ORIGINS = True
CORS_ALLOW_METHODS = ["POST", "OPTIONS"]
CORS_ALLOW_HEADERS = ["authorization", "content-type", "idempotency-key"]
CORS_PREFLIGHT_MAX_AGE = 86400
ROOT_URLCONF = "attune.urls"
ASGI_APPLICATION = "attune.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.context.workspace",
            ],
        },
    },
]

DATABASE_URL = env.text(
    "DATABASE_URL", "", "PostgreSQL 15 or newer; absent: the embedded server is used"
)
DATABASE_ADMIN_URL = env.text(
    "DATABASE_ADMIN_URL", DATABASE_URL, "login that may create roles and run migrations"
)
POOL_SIZE = env.number("DATABASE_POOL", 10, "connections a process may hold")


def connection(url: str, role: str, *, pool: bool) -> dict[str, Any]:
    """One Django database. The role is set by the connection's start-up packet, so that even
    a reset comes back to it; the application's role cannot bypass row-level security."""
    parts = env.database(url or "postgresql:///attune")
    options: dict[str, Any] = {
        **parts.parameters,
        # a process that froze in the middle of its work must not hold its locks for ever
        "options": f"-c role={role} -c jit=off -c idle_in_transaction_session_timeout=30s",
        "connect_timeout": 5,
    }
    if pool:
        options["pool"] = {"min_size": 1, "max_size": POOL_SIZE, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.name,
        "USER": parts.user,
        "PASSWORD": parts.password,
        "HOST": parts.host,
        "PORT": parts.port,
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # a pooled connection that the server closed is replaced
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


DATABASES = {
    "default": connection(DATABASE_URL, "attune_app", pool=True),
    "owner": connection(DATABASE_ADMIN_URL, "attune_owner", pool=False),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TENANT_CONTEXT_MAY_NEST = False

REDIS_URL = env.text("REDIS_URL", "", "Redis or Valkey; absent: the embedded server is used")
CELERY_BROKER_URL = REDIS_URL or "redis://127.0.0.1:6379/0"
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [CELERY_BROKER_URL]},
    },
}
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CELERY_BROKER_URL,
    },
}

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = env.text(
    "ACCOUNT_EMAIL_VERIFICATION", "optional", "mandatory, optional or none"
)
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Attune] "
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Attune"
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION != "mandatory"
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 86400

EMAIL_BACKEND = env.text(
    "EMAIL_BACKEND",
    "django.core.mail.backends.filebased.EmailBackend",
    "Django or anymail e-mail backend for account mail and campaigns; default: files in var/mail",
)
EMAIL_FILE_PATH = VAR / "mail"
CAMPAIGN_EMAIL = env.text(
    "CAMPAIGN_EMAIL", "outbox", "outbox: kept in the app's outbox; backend: through EMAIL_BACKEND"
)
ANYMAIL = env.table(
    "ANYMAIL",
    "JSON of django-anymail's settings: your provider's keys, and WEBHOOK_SECRET (user:password), "
    "which opens /mail/<provider>/tracking/ for bounces and complaints",
)
MAIL_SPF_INCLUDE = env.text(
    "MAIL_SPF_INCLUDE", "", "host that senders' SPF records must include, such as spf.mtasv.net"
)
DNS_SERVERS = env.text(
    "DNS_SERVERS", "", "name servers, host or host:port; else the system's"
).split()
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "hello@attune.local", "sender of account mail")
EMAIL_HOST = env.text("EMAIL_HOST", "localhost", "SMTP host")
EMAIL_PORT = env.number("EMAIL_PORT", 25, "SMTP port")
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "", "SMTP user")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "", "SMTP password")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", False, "STARTTLS to the SMTP host")
EMAIL_TIMEOUT = 15
WEBHOOK_ALLOW_PRIVATE = env.flag(
    "WEBHOOK_ALLOW_PRIVATE", False, "let webhooks reach private addresses (demo, tests)"
)

MODEL_RUNTIME = env.text(
    "MODEL_RUNTIME", "auto", "auto, openvino, transformers, or openai (a server)"
)
MODEL_NAME = env.text("MODEL_NAME", "smollm2-135m-instruct", "model folder, hub name or server id")
MODEL_BASE_URL = env.text("MODEL_BASE_URL", "", "base URL of an OpenAI-compatible server")
MODEL_API_KEY = env.text("MODEL_API_KEY", "", "key of that server")
MODEL_PROCESS_URL = env.text(
    "MODEL_PROCESS_URL", "", "our model process, if one runs: it serves adapters, API and workers"
)
MODEL_PROCESS_KEY = env.text("MODEL_PROCESS_KEY", "", "secret between us and our model process")
MODEL_SERVER_ALLOW_PRIVATE = env.flag(
    "MODEL_SERVER_ALLOW_PRIVATE", False, "let workspaces name model servers on private addresses"
)
EMBEDDING_NAME = env.text(
    "EMBEDDING_NAME", "all-minilm-l6-v2", "sentence encoder: the packaged one or a folder"
)
MODEL_DEADLINE_SECONDS = env.number(
    "MODEL_DEADLINE_SECONDS", 300, "longest one generation run may take"
)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["attune.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "attune.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "attune.api.exceptions.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Attune API",
    "VERSION": "1",
    "DESCRIPTION": "Events in, decisions out, and the whole chain between them.",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}
API_THROTTLE_PER_MINUTE = env.number(
    "API_THROTTLE_PER_MINUTE", 6000, "requests a key may make in a minute; 0 switches it off"
)

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
FORMAT_MODULE_PATH = ["attune.web.formats"]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(VAR / "files")},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
FILES_BUCKET = env.text("FILES_BUCKET", "", "bucket for uploaded files; empty: ATTUNE_VAR/files")
FILES_ENDPOINT = env.text("FILES_ENDPOINT", "", "address of a server that speaks S3; empty: AWS")
FILES_REGION = env.text("FILES_REGION", "us-east-1", "region of the bucket")


def bucket(name: str, endpoint: str, region: str) -> dict[str, object]:
    """Django's storage in a bucket; who it is, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say.
    Nothing in it is public: files leave by our own pages."""
    options = {
        "bucket_name": name, "endpoint_url": endpoint or None, "region_name": region,
        "file_overwrite": False, "default_acl": None, "signature_version": "s3v4",
        "addressing_style": "path" if endpoint else "virtual",
    }  # fmt: skip
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


if FILES_BUCKET:
    STORAGES["default"] = bucket(FILES_BUCKET, FILES_ENDPOINT, FILES_REGION)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s %(request)s %(tenant)s %(job)s"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"ids": {"()": "attune.kernel.tracing.Ids"}},
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "pythonjsonlogger.json.JsonFormatter", "fmt": _FIELDS},
    },
    "handlers": {"stderr": {
        "class": "logging.StreamHandler", "filters": ["ids"],
        "formatter": "json" if env.text("LOG_FORMAT", "line", "line, or json: one object a line "
                                        "with request, tenant and job") == "json" else "line",
    }},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "WARNING", "log level")},
}  # fmt: skip
METRICS_TOKEN = env.text("METRICS_TOKEN", "", "who may read /metrics; empty: nobody")
PROMETHEUS_MULTIPROC_DIR = env.text("PROMETHEUS_MULTIPROC_DIR", "", "folder in which the counts of "
                                    "several web processes add up")  # fmt: skip
