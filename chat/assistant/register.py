"""How to speak to a customer who is not content: a policy whose choices are in the decision log.

Arms: `plain` answers as always; `warm` says sorry before; `offer` says sorry and offers a person.
Of a known customer the choice is drawn by the probability that each arm gets the best ratings
(Thompson's share, none below a floor), logged with these probabilities before the answer, and
rewarded by the customer's rating of the conversation (CSAT, 1 to 5). Once a customer and inbox: who
writes again is spoken to in the same way. A visitor whose rating cannot come back gets `offer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Avg, Count, Q
from django.utils import timezone

from attune.kernel.errors import Invalid
from attune.kernel.phrases import Phrase, known_words, say
from campaigns.decisions import selectors as decisions
from campaigns.decisions import services as log
from campaigns.decisions.models import Decision, Metric
from campaigns.decisions.services import Choice
from campaigns.experiments import bandits
from chat.assistant.words import SOUR
from chat.conversations.models import Conversation
from chat.inboxes.models import Inbox

ARMS = ("plain", "warm", "offer")
DEFAULT = "offer"
FLOOR, WINDOW = 0.1, timedelta(days=14)
METRIC, EVENT = "csat", "Conversation Rated"
PRIOR_MEAN, PRIOR_SPREAD = 3.5, 1.2  # of a rating, before any came
known_words(*ARMS)


@dataclass(frozen=True, slots=True)
class Register:
    """How to say it: words before the answer, whether a person is offered, the logged arm."""

    arm: str
    before: Phrase | str
    offer: bool
    logged: bool


SORRY = say("I am sorry about that.")
WAYS = {
    "plain": ("", False),
    "warm": (SORRY, False),
    "offer": (SORRY, True),
}


def choose(conversation: Conversation, mood: float) -> Register | None:
    """The register for a customer of this mood; None where they are content."""
    if mood > SOUR:
        return None
    if conversation.contact_id is None:
        return Register(DEFAULT, *WAYS[DEFAULT], logged=False)
    known = decisions.decided(conversation.inbox_id, conversation.contact_id)
    if known is not None:
        return Register(known.action, *WAYS.get(known.action, WAYS[DEFAULT]), logged=True)
    now = timezone.now()
    _goal(conversation.inbox)
    shares = propensities(ratings(conversation.inbox))
    draw = bandits.draw_of(f"register:{conversation.inbox_id}", str(conversation.contact_id))
    arm = bandits.choose(shares, draw)
    log.log([Choice(
        source="chat", source_id=conversation.inbox_id, contact_id=conversation.contact_id,
        propensities=shares, action=arm, draw=draw, at=now, window_closes_at=now + WINDOW,
        mode=Decision.Mode.EXPLORE,
        context={"conversation": str(conversation.pk), "sentiment": round(mood, 3)},
    )])  # fmt: skip
    return Register(arm, *WAYS[arm], logged=True)


def propensities(rated: dict[str, dict[str, Any]]) -> dict[str, float]:
    """The share of each arm: P(its mean rating is the highest), none below the floor."""
    means, errors = [], []
    for arm in ARMS:
        n, mean = rated[arm]["n"], rated[arm]["mean"] or PRIOR_MEAN
        weight = n / (n + 2)  # two ratings' worth of prior
        means.append(weight * mean + (1 - weight) * PRIOR_MEAN)
        errors.append(PRIOR_SPREAD / (n + 1) ** 0.5)
    best = bandits.probability_best_normal(means, errors)
    return bandits.with_floor(dict(zip(ARMS, best, strict=True)), FLOOR)


def ratings(inbox: Inbox) -> dict[str, dict[str, Any]]:
    """{arm: {chosen, n, mean}}: how often, how many were rated, and their mean rating."""
    found: dict[str, dict[str, Any]] = {a: {"chosen": 0, "n": 0, "mean": None} for a in ARMS}
    rated = Q(rewards__metric__key=METRIC)
    rows = (
        Decision.objects.filter(source="chat", source_id=inbox.pk)
        .values("action")
        .annotate(chosen=Count("pk", distinct=True), n=Count("rewards", filter=rated),
                  mean=Avg("rewards__value", filter=rated))
    )  # fmt: skip
    for row in rows:
        found[row["action"]] = {k: row[k] for k in ("chosen", "n", "mean")}
    return found


def _goal(inbox: Inbox) -> None:
    """The rating as a metric, and as the goal of this inbox's choices, made with the first one."""
    if decisions.goals(inbox.pk):
        return
    metric = Metric.objects.filter(key=METRIC).first()
    if metric is None:
        try:
            metric = log.save_metric(key=METRIC, name="CSAT", event_name=EVENT, kind="value")
        except Invalid:  # another conversation made it at this moment
            metric = decisions.metric_by_key(METRIC)
    log.set_goals(source_id=inbox.pk, goals={"primary": [metric]})
