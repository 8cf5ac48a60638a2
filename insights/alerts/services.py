"""Watching figures, and saying when one leaves what is usual."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import Phrase, say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from insights.alerts import watching
from insights.alerts.jobs import CHECK_WATCHES, CheckWatches
from insights.alerts.models import Alert, DigestReader, Watch
from insights.alerts.watching import Verdict, Week
from insights.findings import measures
from insights.reading.models import Feature
from insights.sources.models import Document
from insights.topics.models import Topic
from tenants import notices
from tenants.models import User

ALERT = Machine("alert", {("open", "see"): "seen"})
WEEKS, EVERY_HOURS, MOST_WATCHES = 8, 6, 100


def watch(*, figure: str, about_id: object, direction: str, by: User | None) -> Watch:
    """Watch a figure. Raises Invalid, or Conflict where it is watched already."""
    if figure not in Watch.Figure.values:
        raise Invalid.one("figure", say("Choose what to watch."))
    if direction not in Watch.Direction.values:
        raise Invalid.one("direction", say("Choose which way."))
    if Watch.objects.count() >= MOST_WATCHES:
        raise Conflict(say("At most %(most)s figures can be watched.", most=MOST_WATCHES))
    about, label = _about(figure, about_id)
    try:
        with transaction.atomic():
            row = Watch.objects.create(
                figure=figure, about=about, label=label, direction=direction, made_by=by
            )
    except IntegrityError as twin:
        raise Conflict(
            say("“%(label)s” is watched already.", label=label or Watch.Figure(figure).label)
        ) from twin
    audit.record("insights.watch", row, figure=figure)
    CHECK_WATCHES.enqueue(CheckWatches(), dedupe_key="watches")
    live.push(current_tenant(), "alerts")
    return row


def _about(figure: str, about_id: object) -> tuple[dict[str, str], str]:
    if figure == Watch.Figure.TOPIC:
        topic = Topic.objects.filter(pk=about_id, state__in=Topic.SHOWN).first()
        if topic is None:
            raise Invalid.one("about", say("Choose a topic that is shown."))
        return {"topic": str(topic.pk)}, topic.label
    if figure == Watch.Figure.FEATURE:
        feature = Feature.objects.filter(pk=about_id, state="active").first()
        if feature is None:
            raise Invalid.one("about", say("Choose a feature that is shown."))
        return {"feature": str(feature.pk)}, feature.label
    return {}, ""


def unwatch(*, row: Watch) -> None:
    audit.record("insights.unwatch", row, label=str(row))
    Watch.objects.filter(pk=row.pk).delete()
    live.push(current_tenant(), "alerts")


def mute(*, row: Watch, until: datetime | None) -> None:
    """Say nothing of it until then; None: speak again."""
    Watch.objects.filter(pk=row.pk).update(muted_until=until)
    audit.record("insights.mute_watch", row, until=until)
    live.push(current_tenant(), "alerts")


def see(*, alert: Alert) -> None:
    advance(ALERT, alert, "see")
    live.push(current_tenant(), "alerts")


def due(now: datetime) -> bool:
    old = now - timedelta(hours=EVERY_HOURS)
    unchecked = Watch.objects.filter(checked_at=None).exists()
    return unchecked or Watch.objects.filter(checked_at__lt=old).exists()


def check(*, now: datetime) -> list[Alert]:
    """Look at every figure that is watched; the alerts that are new."""
    found = []
    for row in Watch.objects.select_for_update().order_by("id"):  # one check at a time
        verdict, n = judge(row, now)
        Watch.objects.filter(pk=row.pk).update(checked_at=now, seen=_seen(verdict, n))
        if (verdict is None or not verdict.moved) and came_late(now):
            verdict, n = judge(row, now - timedelta(days=7))  # a file of last week came today
        muted = row.muted_until is not None and row.muted_until > now
        wanted = verdict is not None and verdict.moved and row.direction in {"both", verdict.moved}
        recent = row.alerts.filter(at__gt=now - timedelta(days=7)).exists()
        if verdict is None or muted or not wanted or recent:
            continue
        alert = Alert.objects.create(
            watch=row, at=now, value=verdict.value, usual=verdict.usual, low=verdict.low,
            high=verdict.high, n=n, told=_told(row, verdict),
        )  # fmt: skip
        found.append(alert)
        notices.tell(notices.those_who_can("insights.edit"), alert.told, "alerts:alerts")
    if found:
        live.push(current_tenant(), "alerts")
    return found


def came_late(now: datetime) -> bool:
    """Whether texts of the week before this one came in since the last looks."""
    week = now - timedelta(days=7)
    rows = Document.objects.filter(created_at__gte=now - timedelta(hours=2 * EVERY_HOURS))
    return rows.filter(at__lt=week, at__gte=week - timedelta(days=7)).exists()


def _seen(verdict: Verdict | None, n: int) -> dict[str, Any]:
    if verdict is None:
        return {}
    high = verdict.high if math.isfinite(verdict.high) else verdict.value
    return {"value": verdict.value, "low": verdict.low, "high": high, "n": n}


def judge(row: Watch, now: datetime) -> tuple[Verdict | None, int]:
    """This week of a figure against those before, and how many texts stand behind it. With a year
    of texts the same weeks of last year stand for what is usual."""
    weeks = [_week(row, now - timedelta(days=7 * n)) for n in range(WEEKS + 1)]
    before = weeks[1:]
    year = [_week(row, now - timedelta(days=364 + 7 * n)) for n in (-2, -1, 0, 1, 2)]
    if min(w.whole for w in year) >= watching.LEAST_TEXTS:
        before = year
    if row.figure == Watch.Figure.VOLUME:
        return watching.volume(weeks[0].whole, [w.whole for w in before]), round(weeks[0].whole)
    return watching.share(weeks[0], before), round(weeks[0].whole)


def _week(row: Watch, end: datetime) -> Week:
    kind = "feeling" if row.figure == Watch.Figure.VOLUME else row.figure
    found = measures.share(kind, row.about, end - timedelta(days=7), end)
    return Week(found.part, found.whole)


def _told(row: Watch, verdict: Verdict) -> Phrase:
    values: dict[str, Any] = {"label": row.label}
    if row.figure == Watch.Figure.VOLUME:
        return say("Texts written: %(value)s this week, usually %(usual)s.",
                   value=f"{verdict.value:.0f}", usual=f"{verdict.usual:.0f}")  # fmt: skip
    values |= {"value": f"{verdict.value:.0%}", "usual": f"{verdict.usual:.0%}"}
    if row.figure == Watch.Figure.TOPIC:
        return say("Texts about “%(label)s”: %(value)s this week, usually %(usual)s.", **values)
    if row.figure == Watch.Figure.FEATURE:
        return say(
            "Mentions against “%(label)s”: %(value)s this week, usually %(usual)s.", **values
        )
    return say("Negative texts: %(value)s this week, usually %(usual)s.", **values)


def read_digest(*, user: User, wanted: bool) -> None:
    """A member gets the weekly digest, or no longer."""
    if wanted:
        DigestReader.objects.get_or_create(user=user)
    else:
        DigestReader.objects.filter(user=user).delete()
    audit.record("insights.read_digest", None, user=user.pk, wanted=wanted)
