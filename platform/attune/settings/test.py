"""The test suite: real PostgreSQL and Valkey, started by tests/conftest.py or named by URL."""

from attune.settings.base import *  # noqa: F403
from attune.settings.base import connection

SECRET_KEY = "only-for-tests"  # noqa: S105
ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
TENANT_CONTEXT_MAY_NEST = True
API_THROTTLE_PER_MINUTE = 0
WEBHOOK_ALLOW_PRIVATE = True
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True


def CONNECTION(url: str) -> dict[str, dict]:
    """Both aliases for a test database's URL, without pools: a test holds one connection."""
    return {
        "default": connection(url, "attune_app", pool=False),
        "owner": connection(url, "attune_owner", pool=False),
    }
