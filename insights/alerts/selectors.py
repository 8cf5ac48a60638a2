"""Reading what is watched and what moved."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db.models import Case, QuerySet, When

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from campaigns.contacts.models import Event
from campaigns.decisions.models import Metric
from campaigns.delivery.models import Endpoint
from insights.alerts.models import Alert, AlertRoute, DigestReader, Watch
from insights.forecasts.values import counted
from insights.reading.models import Feature
from insights.topics.models import Topic
from tenants.models import User


def watches() -> QuerySet[Watch]:
    return Watch.objects.order_by("figure", "label")


def watch(pk: uuid.UUID | str) -> Watch:
    row = Watch.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("This figure is not watched."))
    return row


def alerts(*, state: str = "") -> QuerySet[Alert]:
    """What is open first, then the newest."""
    closed = Case(When(state=Alert.State.OPEN, then=0), default=1)
    rows = Alert.objects.select_related("watch").order_by(closed, "-at", "-id")
    return rows.filter(state=state) if state else rows


def perhaps(pk: uuid.UUID) -> Alert | None:
    return Alert.objects.select_related("watch").filter(pk=pk).first()


def route(pk: uuid.UUID) -> AlertRoute | None:
    return AlertRoute.objects.select_related("user", "endpoint").filter(pk=pk).first()


def endpoints() -> list[tuple[Endpoint, bool]]:
    """Webhook endpoints, and whether each is told of alerts."""
    told = set(AlertRoute.objects.exclude(endpoint=None).values_list("endpoint_id", flat=True))
    return [(row, row.pk in told) for row in Endpoint.objects.order_by("name")]


def endpoint(pk: uuid.UUID | str) -> Endpoint:
    row = Endpoint.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such endpoint in this workspace."))
    return row


def events_behind(alert: Alert, most: int = 25) -> list[Event]:
    """The newest events that a metric's alert counted."""
    metric = Metric.objects.filter(pk=alert.watch.about.get("metric")).first()
    if metric is None or alert.day is None:
        return []
    until = alert.day + timedelta(days=1)
    return list(counted(metric, until - timedelta(days=alert.days), until)[:most])


def mailed(user: User) -> bool:
    return AlertRoute.objects.filter(user=user).exists()


def metrics() -> list[Metric]:
    return list(Metric.objects.order_by("name")[:200])


def alert(pk: uuid.UUID | str) -> Alert:
    row = Alert.objects.select_related("watch").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such alert in this workspace."))
    return row


def reads_digest(user: User) -> bool:
    return DigestReader.objects.filter(user=user).exists()


def topics() -> list[tuple[uuid.UUID, str]]:
    rows = Topic.objects.filter(state__in=Topic.SHOWN).order_by("label")
    return list(rows.values_list("pk", "label")[:200])


def features() -> list[tuple[uuid.UUID, str]]:
    rows = Feature.objects.filter(state="active", mentions__isnull=False).order_by("label")
    return list(rows.values_list("pk", "label").distinct()[:300])
