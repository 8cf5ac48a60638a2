"""The workspace itself, its jobs and its audit log over REST."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ModelSerializer, sees_names
from attune.api.viewsets import ReadViewSet, TenantAPIView
from attune.kernel import jobs
from attune.kernel.errors import Invalid
from attune.kernel.models import AuditEntry, JobRow
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from tenants import auditing, caps
from tenants.api_clients import LineOut
from tenants.models import Tenant


class JobOut(ModelSerializer):
    class Meta:
        model = JobRow
        fields = (
            "id", "kind", "queue", "state", "attempts", "done", "total", "note", "error",
            "created_at", "started_at", "finished_at",
        )  # fmt: skip


class AuditOut(ModelSerializer):
    class Meta:
        model = AuditEntry
        fields = (
            "id", "action", "object_type", "object_id", "object_label", "actor_kind",
            "actor_label", "request", "details", "created_at",
        )  # fmt: skip

    def to_representation(self, instance: AuditEntry) -> dict[str, Any]:
        """As the page and the file show it: what was done to a person is told without the name."""
        if sees_names(self.context.get("request")) or not auditing.is_personal(instance):
            return super().to_representation(instance)
        told: dict[str, Any] = super().to_representation(auditing.veil(instance))
        return {**told, "details": {}}


class WorkspaceOut(ModelSerializer):
    class Meta:
        model = Tenant
        fields = ("slug", "name", "timezone", "currency", "frequency_cap", "frequency_days")


class JobViewSet(ReadViewSet):
    """Later work with its progress."""

    model = JobRow
    serializer_class = JobOut
    scopes: ClassVar = {
        "list": "jobs.view",
        "retrieve": "jobs.view",
        "retry": "jobs.manage",
        "cancel": "jobs.manage",
    }

    @extend_schema(request=None, responses=JobOut)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Put a quarantined job back to work."""
        row = self.get_object()
        jobs.retry(row)
        row.refresh_from_db()
        return Response(JobOut(row).data)

    @extend_schema(request=None, responses=JobOut)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        jobs.cancel(row)
        row.refresh_from_db()
        return Response(JobOut(row).data)


class AuditViewSet(ReadViewSet):
    """Who did what. Append-only."""

    model = AuditEntry
    serializer_class = AuditOut
    scopes: ClassVar = {"list": "audit.view", "retrieve": "audit.view"}


class UsageOut(serializers.Serializer):
    """`counted_at` is when the meter counted last; a kind with a cap is of this moment."""

    month = serializers.CharField()
    counted_at = serializers.DateTimeField(allow_null=True)
    results = LineOut(many=True)


@extend_schema(
    parameters=[OpenApiParameter("month", description="As 2026-11; this month without it.")],
    responses=UsageOut,
)
class Usage(TenantAPIView):
    """What the workspace used in a month, by kind, and the caps that hold now."""

    scopes: ClassVar = {"get": "usage.view"}
    asks: ClassVar = {"get": frozenset({"month"})}

    def get(self, request: Request) -> Response:
        tenant = Tenant.objects.get(pk=current_tenant())
        month = _month(request.query_params.get("month"), caps.month_of(tenant))
        found = {"month": f"{month:%Y-%m}", "counted_at": tenant.metered_at,
                 "results": caps.lines(tenant, month)}  # fmt: skip
        return Response(UsageOut(found).data)


def _month(asked: str | None, now: date) -> date:
    if asked is None:
        return now
    try:
        month = date.fromisoformat(f"{asked}-01")
    except ValueError:
        month = None
    if month is None or len(asked) != len("2026-11") or month > now:
        told = say("Give a month as 2026-11, not later than %(now)s.", now=f"{now:%Y-%m}")
        raise Invalid.one("month", told)
    return month


@extend_schema(responses=WorkspaceOut)
class Workspace(TenantAPIView):
    """The workspace that this key belongs to."""

    scopes: ClassVar = {"get": "workspace.view"}

    def get(self, request: Request) -> Response:
        return Response(WorkspaceOut(Tenant.objects.get(pk=current_tenant())).data)
