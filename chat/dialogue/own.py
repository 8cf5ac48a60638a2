"""Our own conversations as past ones: those that ended well, with what the log says of each turn.

A dialogue teaches only where its labels were confirmed: a task was completed, nobody had to take
over, and no answer was reported. What the assistant guessed and nobody confirmed teaches nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from attune.kernel import audit
from chat.conversations.models import Conversation, Message
from chat.dialogue import past
from chat.dialogue.models import DialogueStep, PastConversation
from chat.dialogue.state import DialogueEvent, effective

MOST = 500


def take() -> int:
    """Take in the resolved conversations that ended well and are not taken yet; how many."""
    done = DialogueStep.objects.filter(kind="completed").values("conversation")
    rows = (
        Conversation.objects.filter(state="resolved", pk__in=done, handoffs=None)
        .exclude(generations__reports__isnull=False)
        .exclude(pk__in=PastConversation.objects.exclude(conversation=None).values("conversation"))
        .order_by("-id")[:MOST]
    )
    made = []
    for row in rows:
        messages = list(Message.objects.filter(conversation=row).order_by("seq")[:400])
        turns = turns_of(messages, by_seq(list(row.steps.order_by("n"))))
        key = f"own-{row.pk}"
        made.append(PastConversation(
            key=key, turns=turns, conversation=row, held_out=past.held_out(key),
            has_slots=any(t.get("slots") for t in turns),
            has_actions=any(t.get("action") for t in turns),
        ))  # fmt: skip
    PastConversation.objects.bulk_create(made, ignore_conflicts=True)
    audit.record("dialogue.take_own", None, conversations=len(made))
    return len(made)


def turns_of(
    messages: Sequence[Message], log: dict[int, list[DialogueEvent]]
) -> list[dict[str, Any]]:
    """Turns as a file would have them; `log` holds the steps that answered each message."""
    turns: list[dict[str, Any]] = []
    pending: list[DialogueEvent] = []
    for message in messages:
        if message.kind == Message.Kind.INCOMING and message.body:
            pending = log.get(message.seq, [])
            read = _sayings(pending)
            while read and turns and turns[-1] == {"who": "customer", "text": turns[-1]["text"]}:
                turns.pop()  # it was read together with this one
            turns += read or [{"who": "customer", "text": message.body}]
        elif message.kind == Message.Kind.OUTGOING and message.body:
            turns += _tools(pending)
            turns.append({"who": "agent", "text": message.body, **_action(pending)})
            pending = []
    return turns


def _sayings(steps: Sequence[DialogueEvent]) -> list[dict[str, Any]]:
    """What the customer said, as it was read: each saying with its intent and slots."""
    found: list[dict[str, Any]] = []
    for e in steps:
        if e.kind == "user":
            intent = {"intent": e.data["intent"]} if e.data.get("intent") else {}
            found.append({"who": "customer", "text": e.data["text"], **intent})
        elif e.kind == "slot" and found:
            found[-1].setdefault("slots", {})[e.data["name"]] = e.data["value"]
    return found


def _tools(steps: Sequence[DialogueEvent]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for e in steps:
        if e.kind == "bot" and e.data.get("who") == "tool":
            found.append({"who": "tool", "text": e.data.get("text", ""),
                          "action": e.data.get("action", "")})  # fmt: skip
        elif e.kind == "bot" and e.data.get("who") == "result":
            found.append({"who": "result", "text": e.data.get("text", "")})
    return found


def _action(steps: Sequence[DialogueEvent]) -> dict[str, Any]:
    """What the assistant did with its message: what it asked for last, else what ended."""
    for e in reversed(steps):
        if e.kind == "asked":
            if e.data["what"] == "slot":
                return {"action": f"ask_{e.data['name']}", "asks": [e.data["name"]]}
            return {"action": str(e.data["what"])}
        if e.kind in {"completed", "cancelled"}:
            return {"action": f"{e.kind}_{e.data['name']}"}
    return {}


def by_seq(rows: Sequence[DialogueStep]) -> dict[int, list[DialogueEvent]]:
    """The steps that still hold, by the message that they answer."""
    seqs = {r.n: r.seq for r in rows}
    found: dict[int, list[DialogueEvent]] = defaultdict(list)
    for event in effective(DialogueEvent(r.kind, r.data, r.n) for r in rows):
        found[seqs[event.n]].append(event)
    return dict(found)
