"""Numbers of the home page; each opens the rows behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from attune.kernel.models import JobRow
from attune.kernel.phrases import Phrase, say, say_many
from campaigns.approval import selectors as approvals
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import RejectedEvent
from campaigns.decisions.models import Decision
from campaigns.delivery.models import Campaign
from campaigns.experiments import selectors as experiments
from campaigns.experiments.models import Experiment, Snapshot
from chat.conversations import selectors as conversations


@dataclass(frozen=True, slots=True)
class Number:
    """A number, what it counts, and the page that shows its rows. Counting stops at MOST."""

    label: Phrase
    value: int
    page: str
    query: str = ""

    @property
    def more(self) -> bool:
        return self.value >= MOST


MOST = 100_000


def _some(rows: QuerySet[Any]) -> int:
    """How many, up to MOST: a home page does not count millions."""
    return rows.order_by()[:MOST].count()


def numbers() -> list[Number]:
    return [
        Number(say("Contacts"), _some(contacts.contacts()), "contacts:people"),
        Number(say("Decisions logged"), _some(Decision.objects.all()), "experiments:experiments"),
        Number(say("Campaigns running"), _running(), "delivery_pages:campaigns"),
        Number(
            say("Experiments running"), experiments.running().count(), "experiments:experiments"
        ),
    ]


def _running() -> int:
    rows = Campaign.objects.filter(state__in=["loading", "running"], by_journey=False)
    return rows.count()


def needs_me() -> list[Number]:
    """What waits for a person; only what is not zero."""
    waiting = badges()
    rows = [
        Number(
            say_many(
                "%(n)s text waits for review", "%(n)s texts wait for review", n=waiting["reviews"]
            ),
            waiting["reviews"],
            "approval:queue",
        ),
        Number(
            say_many("%(n)s event was refused", "%(n)s events were refused", n=waiting["rejected"]),
            waiting["rejected"],
            "contacts:events",
        ),
        Number(
            say_many("%(n)s job is stuck", "%(n)s jobs are stuck", n=waiting["stuck"]),
            waiting["stuck"],
            "workspace:jobs",
            "?state=quarantined",
        ),
        Number(
            say_many("%(n)s customer waits for an answer", "%(n)s customers wait for an answer",
                     n=waiting["waiting"]),
            waiting["waiting"],
            "conversations:inbox",
        ),
    ]  # fmt: skip
    return [row for row in rows if row.value]


def badges() -> dict[str, int]:
    """Numbers beside places: how much waits there for a person."""
    return {
        "reviews": approvals.open_reviews().count(),
        "rejected": RejectedEvent.objects.filter(replayed_at=None).count(),
        "waiting": conversations.waiting().count(),
        "stuck": JobRow.objects.filter(state=JobRow.State.QUARANTINED).count(),
    }


def running_experiments() -> list[tuple[Experiment, Snapshot | None]]:
    rows = list(experiments.running()[:6])
    latest = experiments.latest_of(rows)
    return [(row, latest.get(row.pk)) for row in rows]


def events_chart() -> dict[str, Any] | None:
    rows = contacts.events_by_day()
    if not rows:
        return None
    return {
        "kind": "bar",
        "unit": say("events"),
        "x": [row["day"].isoformat() for row in rows],
        "series": [{"name": say("Events received"), "values": [row["n"] for row in rows]}],
    }
