"""Requests per key and minute, counted in the shared cache."""

from __future__ import annotations

import time

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView


class PerKey(BaseThrottle):
    """A fixed window of one minute. Open when the cache is away: reading beats refusing."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        most = settings.API_THROTTLE_PER_MINUTE
        if not most or request.auth is None:
            return True
        window = int(time.time() // 60)
        name = f"t{request.auth.tenant_id}.throttle.{request.auth.id}.{window}"
        try:
            cache.add(name, 0, timeout=120)
            return cache.incr(name) <= most
        except (RedisError, OSError, ValueError):
            return True

    def wait(self) -> float:
        return 60 - time.time() % 60
