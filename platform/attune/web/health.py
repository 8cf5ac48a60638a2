"""Is it alive; is it ready."""

from __future__ import annotations

from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from attune.kernel.rls import catalog_findings


def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Depends on nothing."""
    return HttpResponse("ok", content_type="text/plain")


def ready(request: HttpRequest) -> JsonResponse:
    """Database reachable, migrated, and row-level security complete."""
    try:
        findings = catalog_findings()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            findings.append("migrations are missing")
    except OperationalError:
        findings = ["the database cannot be reached"]
    body = {"ready": not findings, "problems": findings}
    return JsonResponse(body, status=503 if findings else 200)
