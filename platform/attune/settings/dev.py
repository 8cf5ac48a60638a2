"""A person's own machine: `make demo`."""

from attune.embedded.secret import local_secret_key
from attune.settings.base import *  # noqa: F403
from attune.settings.base import SECRET_KEY, VAR

SECRET_KEY = SECRET_KEY or local_secret_key(VAR)
WHITENOISE_USE_FINDERS = True
WEBHOOK_ALLOW_PRIVATE = True
