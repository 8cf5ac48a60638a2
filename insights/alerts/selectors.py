"""Reading what is watched and what moved."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from insights.alerts.models import Alert, DigestReader, Watch
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


def alerts() -> QuerySet[Alert]:
    return Alert.objects.select_related("watch").order_by("state", "-at")


def alert(pk: uuid.UUID | str) -> Alert:
    row = Alert.objects.filter(pk=pk).first()
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
