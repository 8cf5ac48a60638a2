"""The week in a few sentences, each with its page; sent on Mondays to those who want it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import translation

from attune.kernel.phrases import Phrase, say, say_many
from attune.kernel.tenancy import current_tenant, tenant_context
from insights.alerts.models import Alert, DigestReader
from insights.findings import measures
from insights.findings.models import Finding
from insights.topics import selectors as topics
from insights.topics import trends
from insights.topics.trends import Count
from tenants import notices
from tenants.models import Tenant

logger = logging.getLogger(__name__)
MONDAY, HOUR = 0, 7


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of the digest, and the page that it comes from."""

    text: Phrase
    page: str
    row: str = ""


def lines(now: datetime) -> list[Line]:
    """What happened in the seven days before `now`."""
    week = now - timedelta(days=7)
    this = measures.share("feeling", {}, week, now)
    last = measures.share("feeling", {}, week - timedelta(days=7), week)
    n = round(this.whole)
    found = [
        Line(say_many("%(n)s text was read.", "%(n)s texts were read.", n=n), "reading:overview")
    ]
    if this.whole and last.whole:
        (shift,) = trends.shifts([Count(this.part, this.whole, last.part, last.whole)])
        told = say(
            "%(share)s of them are negative (%(change)s points against the week before, "
            "95 %% interval %(low)s to %(high)s).", share=f"{this.rate:.0%}",
            change=f"{shift.difference:+.0f}", low=f"{shift.low:+.0f}", high=f"{shift.high:+.0f}",
        )  # fmt: skip
        found.append(Line(told, "reading:overview"))
    moved = Alert.objects.filter(at__gte=week).order_by("-at")[:5]
    found += [Line(alert.told, "alerts:alerts") for alert in moved]
    for row in topics.overview(now).rows:
        if row.shift.verdict in {"rising", "falling"}:
            name = row.topic.label
            said = {
                "rising": say("“%(topic)s” is written about more.", topic=name),
                "falling": say("“%(topic)s” is written about less.", topic=name),
            }
            found.append(Line(said[row.shift.verdict], "topics:topic", str(row.topic.pk)))
    new = Finding.objects.filter(created_at__gte=week).exclude(state="rejected")
    for finding in new.order_by("-n")[:5]:
        told_new = say("New: %(claim)s", claim=finding.claim)
        found.append(Line(told_new, "findings:finding", str(finding.pk)))
    return found[:16]


def _late(now: datetime) -> QuerySet[DigestReader]:
    """Who wants it and has not got it this week; who may no longer see the workspace gets none."""
    late = Q(sent_at=None) | Q(sent_at__lt=now - timedelta(days=5))
    members = notices.those_who_can("insights.view")
    return DigestReader.objects.filter(late, user_id__in=members).order_by("id")


def waiting(now: datetime) -> bool:
    """Is it Monday morning, and somebody has not got theirs?"""
    return now.weekday() == MONDAY and now.hour >= HOUR and _late(now).exists()


def send_due(*, now: datetime) -> int:
    """Send the digest to those who want it, once a week, on Mondays; how many. A week in which
    nothing was read sends nothing."""
    if not waiting(now):
        return 0
    rows = list(_late(now).select_related("user").select_for_update(of=("self",)))
    told = lines(now)
    empty = measures.share("feeling", {}, now - timedelta(days=7), now).whole == 0
    tenant = Tenant.objects.get(pk=current_tenant())
    for row in rows:
        DigestReader.objects.filter(pk=row.pk).update(sent_at=now)
        if not empty:
            _mail(row, tenant, told)
    return 0 if empty else len(rows)


def _mail(row: DigestReader, tenant: Tenant, told: list[Line]) -> None:
    """In the language of who reads it; where it cannot be sent it waits for the next look."""
    with translation.override(row.user.language or "en"):
        title = str(say("What customers said this week: %(workspace)s", workspace=tenant.name))
        body = "\n\n".join(f"{line.text}\n{_address(tenant, line)}" for line in told)

    def send() -> None:
        try:
            send_mail(title, body, None, [row.user.email])
        except OSError as away:  # smtplib's errors are OSErrors
            logger.warning("the digest of %s could not be sent: %s", tenant.slug, away)
            with tenant_context(tenant.pk):
                DigestReader.objects.filter(pk=row.pk).update(sent_at=row.sent_at)

    transaction.on_commit(send)


def _address(tenant: Tenant, line: Line) -> str:
    arguments = [tenant.slug, line.row] if line.row else [tenant.slug]
    return settings.PUBLIC_URL + reverse(line.page, args=arguments)
