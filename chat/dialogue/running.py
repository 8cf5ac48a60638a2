"""A conversation's dialogue as it runs: the log read and appended, the domain as it is taught."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db.models import Max
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from chat.conversations.models import Conversation
from chat.dialogue import domain as domains
from chat.dialogue import tools
from chat.dialogue.domain import Domain
from chat.dialogue.models import Action, DialogueStep, Example, Intent, Slot, Task
from chat.dialogue.state import DialogueEvent, DialogueState, effective, replay

PATIENCE, FORGOTTEN = timedelta(minutes=30), timedelta(hours=24)
MOST_STEPS = 1_000
MOST_EXAMPLES = 2_000  # that are compared by sense; who has more trains a version


def domain(*, known: bool = True) -> Domain:
    """What the open workspace's assistant is taught now, for a customer who is `known` or not."""
    slots = {
        s.name: domains.Slot(s.name, s.kind, s.ask, tuple(s.values)) for s in Slot.objects.all()
    }
    tasks = {
        t.name: domains.Task(t.name, t.title, t.intent.name, tuple(t.slots), t.tool, t.done)
        for t in Task.objects.filter(enabled=True, intent__enabled=True).select_related("intent")
    }
    titles = dict(Intent.objects.filter(enabled=True).values_list("name", "title"))
    replies = dict(Action.objects.filter(allowed=True).values_list("name", "text"))
    writes = frozenset(name for name, tool in tools.TOOLS.items() if tool.writes)
    barred = {} if known else {t.name: tools.WHO for t in tools.TOOLS.values() if t.known_only}
    return Domain(slots, tasks, titles, replies, writes, barred)


def examples() -> list[tuple[str, str | None]]:
    """Sentences and the intents that they mean; None is out of scope."""
    rows = Example.objects.exclude(intent__enabled=False).order_by("id")
    return list(rows.values_list("text", "intent__name")[:MOST_EXAMPLES])


def events(conversation_id: UUID) -> list[DialogueEvent]:
    """The newest steps, oldest first: a dialogue of a day does not have more, and one that goes on
    for years is not read whole at each message."""
    rows = DialogueStep.objects.filter(conversation=conversation_id).order_by("-n")[:MOST_STEPS]
    return [DialogueEvent(r.kind, r.data, r.n) for r in reversed(rows)]


def state(conversation_id: UUID) -> DialogueState:
    return replay(events(conversation_id))


def last(conversation_id: UUID) -> int:
    """The number of the last step; 0 before the first."""
    rows = DialogueStep.objects.filter(conversation=conversation_id)
    return int(rows.aggregate(n=Max("n"))["n"] or 0)


def resumed(conversation: Conversation) -> tuple[DialogueState, int]:
    """The state to go on from, and the number of its last step. A dialogue that a person had
    meanwhile is over; a yes is waited for only so long."""
    newest = DialogueStep.objects.filter(conversation=conversation).order_by("-n").first()
    now = state(conversation.pk)
    if newest is None:
        return now, 0
    had = conversation.person_since is not None and conversation.person_since > newest.created_at
    old = timezone.now() - newest.created_at
    steps = []
    if (had and newest.kind != "handoff") or (old > FORGOTTEN and now.stack):
        steps = [DialogueEvent("handoff", {"reason": "person" if had else "time"})]
    elif now.awaited and now.awaited.what == "confirm" and old > PATIENCE:
        steps = [DialogueEvent("expired", {})]
    if not steps:
        return now, newest.n
    n = append(conversation=conversation, seq=newest.seq, steps=steps)
    return state(conversation.pk), n


def append(*, conversation: Conversation, seq: int, steps: Iterable[DialogueEvent]) -> int:
    """Add what a turn did; the conversation is held by the caller. The last number."""
    rows = DialogueStep.objects.filter(conversation=conversation)
    n = rows.aggregate(n=Max("n"))["n"] or 0
    made = [
        DialogueStep(conversation=conversation, n=n + place, seq=seq, kind=s.kind,
                     data=dict(s.data))
        for place, s in enumerate(steps, start=1)
    ]  # fmt: skip
    DialogueStep.objects.bulk_create(made)
    return n + len(made)


def seen(conversation_id: UUID, seq: int) -> bool:
    """Whether a turn that answers this message was logged already."""
    rows = DialogueStep.objects.filter(conversation=conversation_id, seq=seq, kind="user")
    return rows.exists()


def rewind(*, conversation: Conversation, to: int) -> DialogueState:
    """Take back everything after step `to`; the log keeps it, and that it was taken back."""
    log = events(conversation.pk)
    if to and to not in {e.n for e in effective(log)}:
        raise Invalid.one("to", say("There is no such step to go back to."))
    append(conversation=conversation, seq=conversation.last_seq,
           steps=[DialogueEvent("rewind", {"to": to})])  # fmt: skip
    audit.record("dialogue.rewind", conversation, to=to)
    return state(conversation.pk)
