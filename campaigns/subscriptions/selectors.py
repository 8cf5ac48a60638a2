"""Reading topics, and what somebody has said to each of them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.urls import reverse

from attune.kernel import secrets
from attune.kernel.errors import NotFound
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Consent
from campaigns.subscriptions.models import Topic


@dataclass(frozen=True, slots=True)
class Standing:
    """A topic, the newest word of one person about it ("" for none), and whether they get it."""

    topic: Topic
    state: str
    gets: bool


def topics(*, archived: bool = False) -> QuerySet[Topic]:
    rows = Topic.objects.order_by("name", "id")
    return rows if archived else rows.filter(archived=False)


def public_topics() -> QuerySet[Topic]:
    return topics().filter(public=True)


def topic(pk: UUID | str, *, lock: bool = False) -> Topic:
    rows = Topic.objects.select_for_update() if lock else Topic.objects.all()
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such topic in this workspace."))
    return row


def counts() -> dict[tuple[str, str], int]:
    """People by (topic, their newest word) for e-mail, of those who said one."""
    newest = Consent.objects.filter(
        contact_id=OuterRef("contact_id"), channel="email", purpose=OuterRef("purpose")
    ).order_by("-created_at", "-id")
    rows = (
        Consent.objects.filter(channel="email", pk=Subquery(newest.values("pk")[:1]))
        .values("purpose", "state")
        .annotate(n=Count("pk"))
    )
    return {(row["purpose"], row["state"]): row["n"] for row in rows}


def standings(contact_id: UUID, channel: str = "email") -> list[Standing]:
    """What one person has said to each public topic, as themselves or before they were known."""
    said = contacts.latest_consents(contact_id, channel)
    refused = said.get("marketing") == Consent.State.REFUSED
    return [
        Standing(row, said.get(row.key, ""), not refused and gets(row, said.get(row.key, "")))
        for row in public_topics()
    ]


def gets(topic: Topic, state: str) -> bool:
    """Whether somebody whose newest word is `state` gets the messages of a topic."""
    if state == Consent.State.GIVEN:
        return True
    return state == "" and topic.mode == Topic.Mode.OPT_OUT


def refusal(contact_id: UUID, channel: str, topic: Topic | None) -> Phrase | None:
    """Why this person is not written to by this channel about this topic; None where they are."""
    said = contacts.latest_consents(contact_id, channel)
    if said.get("marketing") == Consent.State.REFUSED:
        return say("The contact refused this channel.")
    if topic is None:
        return None
    state = said.get(topic.key, "")
    if gets(topic, state):
        return None
    if state == Consent.State.PENDING:
        return say("“%(topic)s” was asked for and not confirmed yet.", topic=topic)
    if state == Consent.State.REFUSED:
        return say("The contact does not want “%(topic)s”.", topic=topic)
    return say("The contact has not asked for “%(topic)s”.", topic=topic)


def sign_up_url() -> str:
    """The workspace's own form to subscribe."""
    token = secrets.sign("sign-up", {"t": current_tenant()})
    return settings.PUBLIC_URL + reverse("delivery:sign-up", args=[token])


def as_choices() -> list[tuple[str, str]]:
    return [(str(row.pk), row.name) for row in topics()]
