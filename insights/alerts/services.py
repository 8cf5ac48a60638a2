"""Watching figures: which, muted until when, explained by whom."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.phrases import say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.decisions.models import Metric
from campaigns.delivery.models import Endpoint
from insights.alerts.jobs import CHECK_WATCHES, CheckWatches
from insights.alerts.models import Alert, AlertRoute, DigestReader, Watch
from insights.reading.models import Feature
from insights.topics.models import Topic
from tenants.models import User

ALERT = Machine("alert", {("open", "see"): "seen", ("open", "explain"): "explained",
                          ("seen", "explain"): "explained",
                          ("explained", "explain"): "explained"})  # fmt: skip
MOST_WATCHES, LONGEST_NOTE = 100, 300


def watch(
    *, figure: str, about_id: object, direction: str, by: User | None, of_id: object = None,
    least: int = 10,
) -> Watch:  # fmt: skip
    """Watch a figure; a metric for each of another where `of_id` names one. Raises Invalid, or
    Conflict where it is watched already."""
    errors = []
    if figure == Watch.Figure.METRIC and of_id:
        figure = Watch.Figure.RATIO
    elif of_id:
        told = say("Only a metric can be told for each of another: choose nothing here.")
        errors.append(FieldError("of", told))
    if figure not in Watch.Figure.values:
        errors.append(FieldError("figure", say("Choose what to watch.")))
    if direction not in Watch.Direction.values:
        errors.append(FieldError("direction", say("Choose which way.")))
    if not 1 <= least <= 1_000_000:
        told = say("Give a number of events a day, 1 to 1,000,000.")
        errors.append(FieldError("least", told))
    if errors:
        raise Invalid(errors)
    if Watch.objects.count() >= MOST_WATCHES:
        raise Conflict(say("At most %(most)s figures can be watched.", most=MOST_WATCHES))
    about, label = _about(figure, about_id, of_id)
    try:
        with transaction.atomic():
            row = Watch.objects.create(
                figure=figure, about=about, label=label, direction=direction, made_by=by,
                least=least,
            )  # fmt: skip
    except IntegrityError as twin:
        raise Conflict(
            say("“%(label)s” is watched already.", label=label or Watch.Figure(figure).label)
        ) from twin
    audit.record("insights.watch", row, figure=figure)
    CHECK_WATCHES.enqueue(CheckWatches(), dedupe_key="watches")
    live.push(current_tenant(), "alerts")
    return row


def _about(figure: str, about_id: object, of_id: object) -> tuple[dict[str, str], str]:
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
    if figure not in {Watch.Figure.METRIC, Watch.Figure.RATIO}:
        return {}, ""
    metric = Metric.objects.filter(pk=about_id).first()
    if metric is None:
        raise Invalid.one("about", say("Choose a metric of this workspace."))
    if figure == Watch.Figure.METRIC:
        return {"metric": str(metric.pk)}, metric.name
    other = Metric.objects.filter(pk=of_id).exclude(pk=metric.pk).first()
    if other is None:
        raise Invalid.one("of", say("Choose another metric of this workspace."))
    if Metric.Kind.VALUE in {metric.kind, other.kind}:
        told = say("A share is of counts: choose metrics that do not sum money.")
        raise Invalid.one("of", told)
    return {"metric": str(metric.pk), "of": str(other.pk)}, f"{metric.name} ÷ {other.name}"


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


def explain(*, alert: Alert, note: str, by: str) -> None:
    """Say what it was: its days are not what is usual any more, and are not judged again."""
    told = "".join(c for c in note if c.isprintable()).strip()
    if not told or len(told) > LONGEST_NOTE:
        few = say("Say in a few words what it was (at most %(n)s characters).", n=LONGEST_NOTE)
        raise Invalid.one("note", few)
    advance(ALERT, alert, "explain")
    Alert.objects.filter(pk=alert.pk).update(note=told, noted_by=by[:120])
    live.push(current_tenant(), "alerts")


def route_to_me(*, user: User, wanted: bool) -> None:
    """A member gets alerts by e-mail, or no longer."""
    if wanted:
        AlertRoute.objects.get_or_create(user=user)
    else:
        AlertRoute.objects.filter(user=user).delete()
    audit.record("insights.route_alerts", None, user=user.pk, wanted=wanted)
    live.push(current_tenant(), "alerts")


def route_to_endpoint(*, endpoint: Endpoint, wanted: bool) -> None:
    """A webhook endpoint is called for each alert, or no longer."""
    if wanted:
        AlertRoute.objects.get_or_create(endpoint=endpoint)
    else:
        AlertRoute.objects.filter(endpoint=endpoint).delete()
    audit.record("insights.route_alerts", endpoint, wanted=wanted)
    live.push(current_tenant(), "alerts")


def read_digest(*, user: User, wanted: bool) -> None:
    """A member gets the weekly digest, or no longer."""
    if wanted:
        DigestReader.objects.get_or_create(user=user)
    else:
        DigestReader.objects.filter(user=user).delete()
    audit.record("insights.read_digest", None, user=user.pk, wanted=wanted)
