"""How the assistant does, with how sure one can be. Shares carry Wilson's 95 % interval (Wilson
1927), means the interval of their standard error."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Q, QuerySet
from django.utils import timezone

from attune.kernel.phrases import Phrase, say
from campaigns.tuning.lessons import wilson
from chat.assistant import register
from chat.assistant.models import Draft, Generation, Report
from chat.conversations.models import Conversation, Handoff, Rating
from chat.inboxes.models import Inbox

DAYS = 30
ANSWERED = (Generation.Route.FAQ, Generation.Route.GENERATED, Generation.Route.QUOTED)


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure: its name, what it is out of, its interval, and how to read it."""

    name: Phrase
    value: float | None
    n: int
    low: float | None
    high: float | None
    kind: str
    about: Phrase


def share(name: Phrase, part: int, n: int, about: Phrase) -> Measure:
    if not n:
        return Measure(name, None, 0, None, None, "share", about)
    low, high = wilson(part, n)
    return Measure(name, part / n, n, max(0.0, low), min(1.0, high), "share", about)


def mean(name: Phrase, values: list[float], kind: str, about: Phrase) -> Measure:
    if not values:
        return Measure(name, None, 0, None, None, kind, about)
    middle = statistics.fmean(values)
    half = 1.96 * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    if half is None:
        return Measure(name, middle, len(values), None, None, kind, about)
    low, high = (1.0, 5.0) if kind == "stars" else (0.0, math.inf)
    return Measure(name, middle, len(values), max(low, middle - half), min(high, middle + half),
                   kind, about)  # fmt: skip


def since(days: int = DAYS) -> datetime:
    return timezone.now() - timedelta(days=days)


def measures(start: datetime) -> list[Measure]:
    """The figures of conversations that began since `start`."""
    talks = Conversation.objects.filter(created_at__gte=start)
    met = talks.filter(generations__isnull=False).distinct()
    n = met.count()
    contained = met.filter(state="resolved", resolved_by__in=["bot", "rule"]).count()
    alone = met.filter(handoffs=None).count()
    said = Generation.objects.filter(created_at__gte=start)
    asked = said.exclude(route__in=[Generation.Route.SMALL_TALK, Generation.Route.TASK])
    questions = asked.count()
    grounded = asked.filter(route__in=ANSWERED).count()
    reported = said.filter(route__in=ANSWERED, reports__isnull=False).distinct().count()
    answers = said.filter(route__in=ANSWERED).count()
    return [
        share(say("Contained"), alone, n,
              say("Conversations that the assistant met and no person had to take.")),
        share(say("Answered from knowledge"), grounded, questions,
              say("Questions with an answer that stands on your documents; the others were "
                  "admitted or handed over.")),
        share(say("Reported answers"), reported, answers,
              say("Answers that somebody said were not right.")),
        mean(say("First answer"), _first(talks), "seconds",
             say("From the customer's first message to the first answer, whoever gave it.")),
        mean(say("A person's first answer"), _persons(talks), "seconds",
             say("From the hand-off to the person's first message.")),
        *_csat(start),
        share(say("Resolved by the assistant"), contained, n,
              say("Closed without a person, by the assistant or because nobody wrote again.")),
    ]  # fmt: skip


def _first(talks: QuerySet[Conversation]) -> list[float]:
    rows = talks.filter(first_reply_at__isnull=False).values_list("created_at", "first_reply_at")
    return [(reply - began).total_seconds() for began, reply in rows[:5000]]


def _persons(talks: QuerySet[Conversation]) -> list[float]:
    rows = talks.filter(first_person_reply_at__isnull=False, person_since__isnull=False)
    pairs = rows.values_list("person_since", "first_person_reply_at")[:5000]
    return [max(0.0, (reply - began).total_seconds()) for began, reply in pairs]


def _csat(start: datetime) -> list[Measure]:
    asked = Rating.objects.filter(created_at__gte=start)
    given = list(asked.exclude(rating=None).values_list("handler", "rating")[:5000])
    return [
        mean(say("CSAT"), [float(r) for _, r in given], "stars",
             say("1 to 5, of everybody who answered.")),
        mean(say("CSAT of the assistant"), [float(r) for h, r in given if h == "bot"], "stars",
             say("Conversations that no person took.")),
        share(say("Ratings answered"), len(given), asked.count(),
              say("A low share says little about those who did not answer.")),
    ]  # fmt: skip


def handoffs(start: datetime) -> list[dict[str, Any]]:
    """Why conversations went to people, the commonest first."""
    rows = (
        Handoff.objects.filter(created_at__gte=start)
        .values("reason")
        .annotate(n=Count("pk"), customer=Count("pk", filter=Q(requested_by="customer")))
        .order_by("-n", "reason")
    )
    names = dict(Handoff.Reason.choices)
    return [{**row, "name": names[row["reason"]]} for row in rows]


def routes(start: datetime) -> list[dict[str, Any]]:
    rows = (
        Generation.objects.filter(created_at__gte=start)
        .values("route")
        .annotate(n=Count("pk"), seconds=Avg("seconds"), confidence=Avg("confidence"))
        .order_by("-n")
    )
    names = dict(Generation.Route.choices)
    return [{**row, "name": names[row["route"]]} for row in rows]


def reports() -> QuerySet[Report]:
    """What waits to be mended, the newest first."""
    rows = Report.objects.filter(settled_at=None).select_related("generation__conversation")
    return rows.order_by("-id")


def registers() -> list[dict[str, Any]]:
    """How each way of speaking to customers who are not content is rated, per inbox."""
    found = []
    for inbox in Inbox.objects.filter(bot_enabled=True).order_by("name")[:20]:
        rated = register.ratings(inbox)
        if any(r["chosen"] for r in rated.values()):
            shares = register.propensities(rated)
            found += [{"inbox": inbox.name, "arm": arm, "share": shares[arm], **row}
                      for arm, row in rated.items()]  # fmt: skip
    return found


def drafts(start: datetime) -> list[dict[str, Any]]:
    """What became of the answers proposed to agents."""
    rows = (
        Draft.objects.filter(created_at__gte=start)
        .exclude(state__in=["waiting"])
        .values("state").annotate(n=Count("pk")).order_by("-n", "state")
    )  # fmt: skip
    names = dict(Draft.State.choices)
    return [{**row, "name": names[row["state"]]} for row in rows]


def outcomes(start: datetime, most: int = 20) -> list[dict[str, Any]]:
    """The ledger: what came of the newest conversations that the assistant met."""
    rows = (
        Conversation.objects.filter(created_at__gte=start, generations__isnull=False)
        .select_related("visitor", "inbox").prefetch_related("handoffs", "ratings")
        .annotate(answers=Count("generations", distinct=True)).order_by("-id")[:most]
    )  # fmt: skip
    found = []
    for row in rows:
        handed = next(iter(sorted(row.handoffs.all(), key=lambda h: h.pk)), None)
        rated = [r.rating for r in row.ratings.all() if r.rating is not None]
        first = row.first_reply_at
        found.append({
            "row": row, "answers": row.answers,
            "first": (first - row.created_at).total_seconds() if first else None,
            "handed": handed, "rating": rated[-1] if rated else None,
        })  # fmt: skip
    return found


def bars(turns: list[tuple[int, float]]) -> list[dict[str, float]]:
    """Sentiment by turn as bars of a small picture: x, y and height in a box of 100 by 40."""
    width = 100 / max(1, len(turns))
    return [
        {"x": round(n * width + width * 0.15, 2), "w": round(width * 0.7, 2),
         "y": round(20 - max(mood, 0) * 20, 2), "h": round(max(0.8, abs(mood) * 20), 2),
         "bad": mood < 0, "mood": mood}
        for n, (_, mood) in enumerate(turns)
    ]  # fmt: skip
