"""Which runtime this process uses: a setting, looked up once. The torch code loads only here,
and only in the process that serves the model queue."""

from __future__ import annotations

import importlib
from functools import cache

from django.conf import settings

from workers.engines.openai_runtime import OpenAIRuntime
from workers.engines.protocol import Runtime


@cache
def runtime() -> Runtime:
    """The model this process speaks to. Loading it takes seconds, the second call nothing."""
    if settings.MODEL_RUNTIME == "openai":
        return OpenAIRuntime(settings.MODEL_BASE_URL, settings.MODEL_NAME, settings.MODEL_API_KEY)
    local = importlib.import_module("workers.engines.transformers_runtime")
    return local.TransformersRuntime(settings.MODEL_NAME, settings.VAR / "models")


def deadline_seconds() -> float:
    return float(settings.MODEL_DEADLINE_SECONDS)
