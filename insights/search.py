"""The palette: pages, actions, and whatever in the workspace has a name that begins so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Q, QuerySet, When
from django.urls import reverse

from attune.kernel.phrases import Phrase, say, word
from campaigns.automations import selectors as automations
from campaigns.catalog.models import Product
from campaigns.contacts import selectors as contacts
from campaigns.content.models import Brief, Revision
from campaigns.delivery.models import Campaign
from campaigns.experiments.models import Experiment
from campaigns.segments import selectors as segments
from chat.conversations import selectors as conversations
from chat.dialogue.models import Intent
from chat.knowledge.models import Document
from insights.findings.models import Report
from insights.journeys.models import Journey
from insights.reading.models import Feature
from insights.topics.models import Topic
from tenants import navigation
from tenants.registry import Member

MOST = 6  # of each kind
ACTIONS = (
    (say("New brief"), "content:new-brief", "content.edit"),
    (say("Write a message by hand"), "content:new-message", "content.edit"),
    (say("New segment"), "segments:new", "segments.edit"),
    (say("New experiment"), "experiments:new", "experiments.edit"),
    (say("Plan an experiment"), "experiments:plan", "experiments.view"),
    (say("What experiments taught"), "experiments:learnings", "experiments.view"),
    (say("New metric"), "experiments:metric", "experiments.edit"),
    (say("New campaign"), "delivery_pages:new", "campaigns.edit"),
    (say("New product"), "catalog:new", "catalog.edit"),
    (say("Import a file of customers"), "contacts:files", "contacts.import"),
    (say("Add to the knowledge"), "knowledge:new", "knowledge.edit"),
    (say("New intent"), "dialogue:new-intent", "knowledge.edit"),
    (say("Versions of the assistant"), "dialogue:versions", "knowledge.view"),
    (say("Past conversations"), "dialogue:past", "knowledge.view"),
    (say("How the assistant does"), "assistant:quality", "chat.view"),
    (say("Inboxes"), "inboxes:inboxes", "chat.manage"),
    (say("Ask what customers say"), "findings:reports", "insights.view"),
    (say("New path"), "journeys:new", "insights.edit"),
    (say("New journey"), "automations:new", "campaigns.edit"),
    (say("New topic"), "subscriptions:new", "campaigns.edit"),
    (say("This week in sentences"), "alerts:week", "insights.view"),
    (say("Label texts"), "labelling:queue", "insights.edit"),
    (say("New source"), "sources:new", "insights.edit"),
    (say("Brand voice"), "catalog:voice", "catalog.edit"),
    (say("API keys"), "workspace:keys", "keys.manage"),
    (say("Webhook endpoints"), "hooks:endpoints", "webhooks.manage"),
    (say("Take the workspace away"), "workspace:leave", "workspace.leave"),
    (say("Sender"), "workspace:sender", "workspace.manage"),
    (say("Usage"), "workspace:usage", "usage.view"),
    (say("Look"), "workspace:brand", "workspace.manage"),
    (say("Agency"), "workspace:agency", "workspace.manage"),
    (say("New role"), "workspace:new-role", "members.manage"),
    (say("New team"), "workspace:new-team", "members.manage"),
    (say("Privacy"), "privacy:requests", "privacy.manage"),
    (say("How long things are kept"), "privacy:keep", "privacy.manage"),
    (say("Suppressions"), "delivery_pages:suppressions", "campaigns.view"),
    (say("Design of these pages"), "workspace:design", "workspace.view"),
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of the palette."""

    kind: Phrase
    text: str
    url: str
    note: str = ""


def find(*, query: str, member: Member) -> list[Hit]:
    """Hits for what was typed, places first; without a query the places and actions alone."""
    wanted = query.strip()
    hits = [h for h in _known(member) if wanted.lower() in str(h.text).lower()]
    if len(wanted) >= 2:
        hits += _rows(wanted, member)
    return hits[:40]


def _known(member: Member) -> Iterator[Hit]:
    for _, places in navigation.shown(member):
        for place in places:
            yield Hit(say("Go to"), place.text, place.url)
    for text, page, verb in ACTIONS:
        if member.can(verb):
            yield Hit(say("Do"), text, reverse(page, args=[member.slug]))


def _rows(wanted: str, member: Member) -> list[Hit]:
    """Rows that hold the words in their name, the newest first."""
    hits: list[Hit] = []

    def add(kind: Phrase, rows: QuerySet[Any], page: str, note: str) -> None:
        for row in rows[:MOST]:
            told = getattr(row, note)
            text = word(told) if note == "state" else str(told)
            hits.append(Hit(kind, str(row), reverse(page, args=[member.slug, row.pk]), text))

    add(say("Brief"), _named(Brief, wanted), "content:brief", "goal")
    hits += _texts(wanted, member.slug)
    found = segments.segments(q=wanted)
    add(say("Segment"), found, "segments:segment", "description")
    campaigns = _named(Campaign, wanted).filter(by_journey=False)
    add(say("Campaign"), campaigns, "delivery_pages:campaign", "state")
    add(say("Journey"), automations.journeys(q=wanted), "automations:journey", "state")
    add(say("Experiment"), _named(Experiment, wanted), "experiments:experiment", "state")
    if member.can("catalog.edit"):
        add(say("Product"), _named(Product, wanted), "catalog:product", "sku")
    documents = Document.objects.filter(title__icontains=wanted, state="active").order_by("-id")
    add(say("Knowledge"), documents, "knowledge:document", "url")
    if member.can("knowledge.edit"):
        intents = Intent.objects.filter(title__icontains=wanted).order_by("title")
        add(say("Intent"), intents, "dialogue:intent", "name")
    if member.can("chat.view"):
        talks = conversations.conversations(view="all", user_id=0, who=wanted)
        add(say("Conversation"), talks, "conversations:conversation", "last_text")
    if member.can("insights.view"):
        labelled = Q(label__icontains=wanted)
        topics = Topic.objects.filter(labelled, state__in=Topic.SHOWN).defer("centroid")
        add(say("Topic"), topics.order_by("label"), "topics:topic", "state")
        features = Feature.objects.filter(labelled, state="active").order_by("label")
        add(say("Feature"), features, "reading:feature", "key")
        add(say("Path"), _named(Journey, wanted), "journeys:journey", "goal")
        reports = Report.objects.filter(title__icontains=wanted).order_by("-id")
        add(say("Report"), reports, "findings:report", "state")
    if member.can("contacts.view_personal"):
        add(say("Person"), contacts.contacts(search=wanted), "contacts:person", "email")
    return hits


def _named(model: Any, wanted: str) -> QuerySet[Any]:
    """Rows whose name holds the words, the newest first."""
    return model.objects.filter(name__icontains=wanted).order_by("-id")


def _texts(wanted: str, slug: str) -> Iterator[Hit]:
    """Texts by name, approved ones first; what a check blocked is found on its brief."""
    rows = Revision.objects.filter(asset__name__icontains=wanted, blocked=False)
    rows = rows.exclude(state=Revision.State.SUPERSEDED).select_related("asset")
    approved = Case(When(state=Revision.State.APPROVED, then=0), default=1)
    for row in rows.order_by(approved, "-id")[:MOST]:
        url = reverse("content:revision", args=[slug, row.pk])
        yield Hit(say("Text"), row.asset.name, url, word(row.state))
