"""A server on the internet, behind TLS."""

from attune.settings.base import *  # noqa: F403
from attune.settings.base import DATABASE_URL, REDIS_URL, SECRET_KEY

_REQUIRED = {"SECRET_KEY": SECRET_KEY, "DATABASE_URL": DATABASE_URL, "REDIS_URL": REDIS_URL}
_missing = [name for name, value in _REQUIRED.items() if not value]
if _missing:
    raise ValueError(f"Set {', '.join(_missing)}; docs/configuration.md says how.")

STORAGES["staticfiles"] = {  # noqa: F405
    "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
}
SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-attune"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"
