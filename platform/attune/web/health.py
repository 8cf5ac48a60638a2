"""Is it alive; is it ready; what will soon be in the way."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

from attune.kernel.housekeeping import SWEPT
from attune.kernel.rls import catalog_findings

LEAST_FREE = 0.1
LATEST_SWEEP = 30  # seconds; beat asks for one every two


def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Depends on nothing."""
    return HttpResponse("ok", content_type="text/plain")


def ready(request: HttpRequest) -> JsonResponse:
    """Database reachable, migrated, and row-level security complete; else 503. What does not keep
    this process from answering (a full disk, no beat, no Redis) is told as a warning."""
    try:
        findings = catalog_findings()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            findings.append("migrations are missing")
    except OperationalError:
        findings = ["the database cannot be reached"]
    body = {"ready": not findings, "problems": findings, "warnings": list(_warnings())}
    return JsonResponse(body, status=503 if findings else 200)


def _warnings() -> Iterator[str]:
    disk = shutil.disk_usage(settings.VAR)
    if disk.free < LEAST_FREE * disk.total:
        yield f"{disk.free / disk.total:.0%} of the disk is free"
    try:
        swept = cache.get(SWEPT)
    except (RedisError, OSError):
        yield "Redis cannot be reached: live pages pause, jobs wait for the sweeper"
        return
    if swept is None or time.time() - swept > LATEST_SWEEP:
        yield "the sweeper has not run lately: are beat and a light worker there?"
