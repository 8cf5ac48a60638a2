"""A person's own machine: `make demo`."""

from attune.embedded.secret import local_secret_key
from attune.settings.base import *  # noqa: F403
from attune.settings.base import (
    DATABASE_ADMIN_URL,
    DATABASE_URL,
    REDIS_URL,
    SECRET_KEY,
    VAR,
    connection,
)

SECRET_KEY = SECRET_KEY or local_secret_key(VAR)
WHITENOISE_USE_FINDERS = True
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 - whitenoise warns about an absent one
WEBHOOK_ALLOW_PRIVATE = True

# A command beside a running `make demo` speaks to the same embedded servers.
if not DATABASE_URL and (VAR / "postgres").exists():
    DATABASE_URL = DATABASE_ADMIN_URL = f"postgresql://postgres@/attune?host={VAR / 'postgres'}"
    DATABASES = {
        "default": connection(DATABASE_URL, "attune_app", pool=True),
        "owner": connection(DATABASE_URL, "attune_owner", pool=False),
    }
if not REDIS_URL and (VAR / "valkey" / "url").exists():
    CELERY_BROKER_URL = (VAR / "valkey" / "url").read_text()
    CHANNEL_LAYERS["default"]["CONFIG"]["hosts"] = [CELERY_BROKER_URL]  # noqa: F405
