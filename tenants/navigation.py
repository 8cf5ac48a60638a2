"""Where things are, by what people do. One table: the side, the palette and the tests read it.

Places are kept for what the pillars bring (Strategy, Forecast): an entry
whose page does not exist yet is left out, and shows up when its slice does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.urls import NoReverseMatch, reverse

from attune.kernel.phrases import Phrase, say
from tenants.registry import Member


@dataclass(frozen=True, slots=True)
class Place:
    """A page one can go to: its route, icon, words, the right it needs, and the badge it wears."""

    page: str
    icon: str
    text: Phrase
    verb: str
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A place as one member sees it."""

    text: Phrase
    icon: str
    url: str
    badge: str
    current: str = ""  # "page" where one is, "true" of the place around it


PLACES: tuple[tuple[Phrase | str, tuple[Place, ...]], ...] = (
    ("", (Place("insights:home", "home", say("Home"), "workspace.view"),)),
    (
        say("Audience"),
        (
            Place("contacts:people", "people", say("People"), "contacts.view"),
            Place("segments:segments", "segment", say("Segments"), "segments.view"),
            Place("contacts:events", "bolt", say("Events"), "events.view", "rejected"),
            Place("conversations:inbox", "chat", say("Conversations"), "chat.view", "waiting"),
        ),
    ),
    (
        say("Content"),
        (
            Place("content:briefs", "pen", say("Briefs"), "content.view"),
            Place("approval:queue", "check", say("Review"), "approval.view", "reviews"),
            Place("tuning:models", "spark", say("Models"), "models.view"),
            Place("catalog:products", "tag", say("Catalogue"), "catalog.view"),
            Place("knowledge:documents", "book", say("Knowledge"), "knowledge.view"),
            Place("dialogue:overview", "bot", say("Assistant"), "knowledge.view"),
        ),
    ),
    (
        say("Reach"),
        (
            Place("delivery_pages:campaigns", "send", say("Campaigns"), "campaigns.view"),
            Place("automations:journeys", "route", say("Journeys"), "campaigns.view"),
            Place("experiments:experiments", "flask", say("Experiments"), "experiments.view"),
            Place("strategy:policies", "compass", say("Strategy"), "strategy.view"),
            Place("predictions:predictions", "target", say("Predictions"), "strategy.view"),
            Place("budget:budgets", "coins", say("Budget"), "strategy.view"),
            Place("delivery_pages:outbox", "inbox", say("Outbox"), "sends.view"),
        ),
    ),
    (
        say("Learn"),
        (
            Place("dashboards:board", "trend", say("Results"), "workspace.view"),
            Place("reading:overview", "lens", say("Insights"), "insights.view"),
            Place("findings:findings", "bolt", say("Findings"), "insights.view"),
            Place("alerts:alerts", "bell", say("Alerts"), "insights.view"),
            Place("topics:topics", "book", say("Topics"), "insights.view"),
            Place("graph:graph", "link", say("Graph"), "insights.view"),
            Place("journeys:journeys", "route", say("Paths"), "insights.view"),
            Place("labelling:labels", "check", say("Labels"), "insights.view"),
            Place("sources:sources", "inbox", say("Sources"), "insights.view"),
            Place("forecasts:forecasts", "trend", say("Forecasts"), "insights.view"),
            Place("risk:board", "shield", say("Risk"), "insights.view"),
        ),
    ),
    (
        say("Workspace"),
        (
            Place("workspace:jobs", "clock", say("Jobs"), "jobs.view", "stuck"),
            Place("workspace:audit", "shield", say("Audit log"), "audit.view"),
            Place("workspace:members", "people", say("Members"), "members.view"),
            Place("workspace:usage", "coins", say("Usage"), "usage.view"),
            Place("workspace:clients", "link", say("Clients"), "clients.view"),
            Place("workspace:keys", "link", say("API keys"), "keys.manage"),
            Place("workspace:settings", "gear", say("Settings"), "workspace.manage"),
        ),
    ),
)


def shown(member: Member, path: str = "") -> list[tuple[Phrase | str, list[Shown]]]:
    """The groups with at least one place that exists and this member may open; of the places, the
    one whose address begins `path` furthest is where one is."""
    groups = []
    for title, places in PLACES:
        found = list(_open(places, member))
        if found:
            groups.append((title, found))
    home = reverse("insights:home", args=[member.slug])
    urls = [p.url for _, group in groups for p in group if path.startswith(p.url)]
    here = max(urls, key=len, default="")
    if here == home and path != home:
        here = ""
    current = "page" if here == path else "true"
    return [
        (title, [replace(p, current=current) if p.url == here else p for p in group])
        for title, group in groups
    ]


def _open(places: tuple[Place, ...], member: Member) -> Iterator[Shown]:
    for place in places:
        if not member.can(place.verb):
            continue
        try:
            url = reverse(place.page, args=[member.slug])
        except NoReverseMatch:  # a place that is kept
            continue
        yield Shown(place.text, place.icon, url, place.badge)
