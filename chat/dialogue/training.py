"""Asking for a version: the evidence there is, the gate before, the row and its job."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from attune.kernel import jobs
from attune.kernel.errors import Conflict
from attune.kernel.phrases import say
from campaigns.generators import meter
from campaigns.tuning import evidence
from chat.dialogue import lessons, registry
from chat.dialogue.jobs import TRAIN_DIALOGUE, TrainDialogue
from chat.dialogue.lessons import Lesson, ThereIs
from chat.dialogue.models import DialogueVersion, Example, Intent, PastConversation, Slot

MOST_TALKS, PORTION = 20_000, 500


class Refused(Conflict):
    """The gate's answer: there is too little to learn from."""

    code, title = "gate_refused", say("The training gate refuses")


def lesson() -> Lesson:
    """What a training would see now."""
    rows = Example.objects.filter(intent__isnull=False, intent__enabled=True)
    examples = list(rows.order_by("id").values_list("text", "intent__name"))
    outside = list(
        Example.objects.filter(intent=None).order_by("id").values_list("text", flat=True)
    )
    talks = list(
        PastConversation.objects.order_by("key").values_list("turns", "held_out")[:MOST_TALKS]
    )
    slots = {s.name: s.values for s in Slot.objects.filter(kind="choice")}
    requests = list(Slot.objects.filter(requested=True).values_list("name", flat=True))
    texts = [t for t, _ in examples] + [str(x["text"]) for turns, _ in talks for x in turns]
    names: set[str] = set()
    for at in range(0, len(texts), PORTION):  # each portion is one pattern of its capital words
        names |= evidence.names_in(texts[at : at + PORTION])
    titles = dict(Intent.objects.filter(enabled=True).values_list("name", "title"))
    return lessons.gather(examples, outside, talks, slots, requests, sorted(names), titles)


def there_is() -> ThereIs:
    """What a training would see now, counted, not read."""
    rows = Example.objects.filter(intent__isnull=False, intent__enabled=True)
    per = list(rows.values("intent").annotate(n=Count("pk")).values_list("n", flat=True))
    held = Q(held_out=True)
    talks = PastConversation.objects.aggregate(
        slots=Count("pk", filter=Q(has_slots=True)),
        slots_held=Count("pk", filter=Q(has_slots=True) & held),
        actions=Count("pk", filter=Q(has_actions=True)),
        actions_held=Count("pk", filter=Q(has_actions=True) & held),
    )
    able = sum(n >= lessons.LEAST_EXAMPLES for n in per)
    return ThereIs(sum(per), able, (talks["slots"], talks["slots_held"]),
                   (talks["actions"], talks["actions_held"]))  # fmt: skip


def request(*, author_id: int | None, now: datetime) -> DialogueVersion:
    """Ask for a new version. Raises Refused, with the reason, where there is too little."""
    meter.demand_allowance()
    verdict = there_is().verdict
    if not verdict.passed:
        raise Refused(verdict.why)
    live = registry.live_one()
    told = {"at": now.isoformat(), "live": live.number if live is not None else None}
    row = registry.begin(card=told, author_id=author_id)
    row.job = TRAIN_DIALOGUE.enqueue(TrainDialogue(row.pk))
    row.save(update_fields=["job"])
    return row


def card(known: Lesson) -> dict[str, Any]:
    """The data card: what a version is made from."""
    return {
        "parts": known.parts,
        "examples": len(known.texts), "held_examples": len(known.held_texts),
        "intents": len({intent for _, intent in known.texts}), "outside": len(known.outside),
        "conversations": len(known.talks), "held_conversations": len(known.held_talks),
        "slots": {name: len(values) for name, values in known.slots.items()},
        "acted": len(known.acted), "held_acted": len(known.held_acted),
        "actions": len({t["action"] for talk in known.acted for t in talk if t.get("action")}),
    }  # fmt: skip


@jobs.on_cancel(TRAIN_DIALOGUE)
def _cancelled(payload: TrainDialogue) -> None:
    registry.failed(row=registry.version(payload.version_id), reason=say("Cancelled by a person."))
