"""Where things are, by what people do. One table: the side, the palette and the tests read it.

Places are kept for what the pillars bring (Conversations, Insights, Strategy, Forecast): an entry
whose page does not exist yet is left out, and shows up when its slice does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from tenants.roles import role_can


@dataclass(frozen=True, slots=True)
class Place:
    """A page one can go to: its route, icon, words, the right it needs, and the badge it wears."""

    page: str
    icon: str
    text: str
    verb: str
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A place as one member sees it."""

    text: str
    icon: str
    url: str
    badge: str


PLACES: tuple[tuple[str, tuple[Place, ...]], ...] = (
    ("", (Place("insights:home", "home", "Home", "workspace.view"),)),
    (
        "Audience",
        (
            Place("contacts:people", "people", "People", "contacts.view"),
            Place("segments:segments", "segment", "Segments", "segments.view"),
            Place("contacts:events", "bolt", "Events", "events.view", "rejected"),
            Place("conversations:inbox", "chat", "Conversations", "workspace.view"),
        ),
    ),
    (
        "Content",
        (
            Place("content:briefs", "pen", "Briefs", "content.view"),
            Place("approval:queue", "check", "Review", "approval.view", "reviews"),
            Place("catalog:products", "tag", "Catalogue", "catalog.view"),
        ),
    ),
    (
        "Reach",
        (
            Place("delivery_pages:campaigns", "send", "Campaigns", "campaigns.view"),
            Place("experiments:experiments", "flask", "Experiments", "experiments.view"),
            Place("strategy:policies", "compass", "Strategy", "workspace.view"),
            Place("delivery_pages:outbox", "inbox", "Outbox", "sends.view"),
        ),
    ),
    (
        "Learn",
        (
            Place("insights:findings", "lens", "Insights", "workspace.view"),
            Place("insights:forecast", "trend", "Forecast", "workspace.view"),
        ),
    ),
    (
        "Workspace",
        (
            Place("workspace:jobs", "clock", "Jobs", "jobs.view", "stuck"),
            Place("workspace:audit", "shield", "Audit log", "audit.view"),
            Place("workspace:members", "people", "Members", "members.view"),
            Place("workspace:settings", "gear", "Settings", "workspace.manage"),
        ),
    ),
)


def shown(slug: str, role: str) -> list[tuple[str, list[Shown]]]:
    """The groups with at least one place that exists and this role may open."""
    groups = []
    for title, places in PLACES:
        found = list(_open(places, slug, role))
        if found:
            groups.append((title, found))
    return groups


def _open(places: tuple[Place, ...], slug: str, role: str) -> Iterator[Shown]:
    for place in places:
        if not role_can(role, place.verb):
            continue
        try:
            url = reverse(place.page, args=[slug])
        except NoReverseMatch:  # a place that is kept
            continue
        yield Shown(place.text, place.icon, url, place.badge)
