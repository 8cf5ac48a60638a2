"""Teaching the assistant: intents, slots, tasks, replies, scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from attune.kernel import audit
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from chat.dialogue.models import Action, Example, Intent, Script, Slot, Task

MOST_VALUES, MOST_EXAMPLES = 500, 2000


def save_intent(
    *, name: str, title: str, examples: Sequence[str] = (), enabled: bool = True,
    intent: Intent | None = None,
) -> Intent:  # fmt: skip
    """Create or change an intent with exactly these written examples; imported ones stay."""
    _keep_name(intent, name)
    wanted = list(dict.fromkeys(" ".join(e.split())[:500] for e in examples if e.strip()))
    if len(wanted) > MOST_EXAMPLES:
        raise Invalid.one("examples", say("At most %(most)s examples.", most=MOST_EXAMPLES))
    row = intent or Intent()
    row.name, row.title, row.enabled = name.strip(), title.strip() or name, enabled
    taken = Example.objects.filter(text__in=wanted)
    if intent is not None:
        taken = taken.exclude(intent=intent)
    if clash := taken.select_related("intent").first():
        raise Invalid.one("examples", say(
            "“%(text)s” is an example of “%(other)s” already; a sentence means one thing.",
            text=clash.text, other=clash.intent.title if clash.intent else str(say("out of scope")),
        ))  # fmt: skip
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twin:
        raise Invalid.one("name", say("An intent has the name “%(name)s” already.",
                                      name=name)) from twin  # fmt: skip
    Example.objects.filter(intent=row, source="written").exclude(text__in=wanted).delete()
    known = set(row.examples.values_list("text", flat=True))
    Example.objects.bulk_create(Example(intent=row, text=t) for t in wanted if t not in known)
    audit.record("dialogue.save_intent", row, examples=len(wanted))
    return row


def _keep_name(row: Intent | Slot | Task | None, name: str) -> None:
    """What tasks, versions and logs call it by stays."""
    if row is not None and row.name != name.strip():
        raise Invalid.one(
            "name",
            say("A name stays as it is: versions and logs know it. Change the title instead."),
        )


def save_outside(*, examples: Sequence[str]) -> int:
    """Exactly these sentences are out of scope."""
    wanted = list(dict.fromkeys(" ".join(e.split())[:500] for e in examples if e.strip()))
    clash = Example.objects.filter(text__in=wanted, intent__isnull=False).first()
    if clash is not None:
        raise Invalid.one("examples", say("“%(text)s” is an example of an intent.",
                                          text=clash.text))  # fmt: skip
    Example.objects.filter(intent=None).exclude(text__in=wanted).delete()
    known = set(Example.objects.filter(intent=None).values_list("text", flat=True))
    Example.objects.bulk_create(Example(text=t) for t in wanted if t not in known)
    audit.record("dialogue.save_outside", None, examples=len(wanted))
    return len(wanted)


def save_slot(
    *, name: str, kind: str, ask: str, values: Sequence[str] = (), slot: Slot | None = None
) -> Slot:
    """Create or change a slot. Raises Invalid for a choice without values."""
    _keep_name(slot, name)
    chosen = list(dict.fromkeys(v.strip()[:120] for v in values if v.strip()))
    if kind not in Slot.Kind.values:
        raise Invalid.one("kind", say("Choose one of the kinds."))
    if kind == Slot.Kind.CHOICE and not chosen:
        raise Invalid.one("values", say("Give the values that can be chosen, one a line."))
    if len(chosen) > MOST_VALUES:
        raise Invalid.one("values", say("At most %(most)s values.", most=MOST_VALUES))
    row = slot or Slot()
    row.name, row.kind, row.ask, row.values = name.strip(), kind, ask.strip(), chosen
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twin:
        raise Invalid.one("name", say("A slot has the name “%(name)s” already.",
                                      name=name)) from twin  # fmt: skip
    audit.record("dialogue.save_slot", row)
    return row


def save_task(
    *, name: str, title: str, intent: Intent, slots: Sequence[str], tool: str = "", done: str = "",
    enabled: bool = True, task: Task | None = None, tools: Sequence[str] = (),
) -> Task:  # fmt: skip
    """Create or change a task; `tools` are the names that may be chosen."""
    _keep_name(task, name)
    known = set(Slot.objects.filter(name__in=slots).values_list("name", flat=True))
    if missing := [s for s in slots if s not in known]:
        raise Invalid.one("slots", say("There is no slot “%(name)s”.", name=missing[0]))
    if tool and tool not in tools:
        raise Invalid.one("tool", say("There is no such tool."))
    row = task or Task()
    row.name, row.title, row.intent = name.strip(), title.strip(), intent
    row.slots, row.tool, row.done, row.enabled = list(slots), tool, done.strip(), enabled
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twin:
        raise Invalid.one("name", say("A task has this name, or belongs to this intent, already.")
                          ) from twin  # fmt: skip
    audit.record("dialogue.save_task", row)
    return row


def allow_action(*, action: Action, text: str, allowed: bool) -> None:
    """Let the learned policy say this reply on its own, or no more."""
    if allowed and not text.strip():
        raise Invalid.one("text", say("Write what is to be said."))
    Action.objects.filter(pk=action.pk).update(text=text.strip()[:1000], allowed=allowed)
    audit.record("dialogue.allow_action", action, allowed=allowed)


def save_script(
    *, name: str, steps: Sequence[dict[str, Any]], enabled: bool = True,
    script: Script | None = None,
) -> Script:  # fmt: skip
    row = script or Script()
    row.name, row.steps, row.enabled = name.strip(), list(steps), enabled
    if not row.steps:
        raise Invalid.one("steps", say("Write at least one line of the customer."))
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twin:
        raise Invalid.one("name", say("A script has the name “%(name)s” already.",
                                      name=name)) from twin  # fmt: skip
    audit.record("dialogue.save_script", row)
    return row
