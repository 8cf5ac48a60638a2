"""Teaching the assistant: intents, slots, tasks, replies, scripts, past conversations."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction

from attune.kernel import audit
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import say
from chat.dialogue import past
from chat.dialogue.jobs import TAKE_PAST, TakePast
from chat.dialogue.models import (
    Action,
    Example,
    Intent,
    PastConversation,
    PastImport,
    PastProblem,
    Script,
    Slot,
    Task,
)
from chat.dialogue.past import Past, Problem
from tenants import notices

MOST_BYTES = 50 * 1024 * 1024
MOST_VALUES, MOST_EXAMPLES = 500, 2000
BATCH = 200


def save_intent(
    *, name: str, title: str, examples: Sequence[str] = (), enabled: bool = True,
    intent: Intent | None = None,
) -> Intent:  # fmt: skip
    """Create or change an intent with exactly these written examples; imported ones stay."""
    wanted = list(dict.fromkeys(" ".join(e.split())[:500] for e in examples if e.strip()))
    if len(wanted) > MOST_EXAMPLES:
        raise Invalid.one("examples", say("At most %(most)s examples.", most=MOST_EXAMPLES))
    row = intent or Intent()
    row.name, row.title, row.enabled = name.strip(), title.strip() or name, enabled
    taken = Example.objects.filter(text__in=wanted).exclude(intent=intent if intent else None)
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


def upload(*, file: UploadedFile, by_id: int | None) -> PastImport:
    """Keep a file of past conversations and take it as a job. The same file twice is refused."""
    name = file.name or "file"
    formats = {"csv": "csv", "tsv": "csv", "txt": "csv", "jsonl": "jsonl", "ndjson": "jsonl"}
    format_ = formats.get(name.rsplit(".", 1)[-1].lower())
    if format_ is None:
        raise Invalid.one("file", say("Only .csv, .tsv and .jsonl files are taken."))
    if (file.size or 0) > MOST_BYTES:
        raise Invalid.one("file", say("The file is larger than 50 MB."), say("Split it."))
    content = file.read()
    if not any(isinstance(p, Past) for p in past.read(io.BytesIO(content[:500_000]), format_)):
        first = next(iter(past.read(io.BytesIO(content[:500_000]), format_)), None)
        why = first.why if isinstance(first, Problem) else say("It is empty.")
        raise Invalid.one("file", say("No conversation of the file can be read. %(why)s", why=why))
    digest = hashlib.sha256(content).hexdigest()
    if PastImport.objects.filter(sha256=digest).exists():
        raise Conflict(say("This file was taken already."))
    row = PastImport.objects.create(
        filename=name[:200], format=format_, content=content, sha256=digest, by_id=by_id
    )
    row.job = TAKE_PAST.enqueue(TakePast(row.pk))
    row.save(update_fields=["job"])
    audit.record("dialogue.upload", row)
    return row


def take(*, of: PastImport, rows: Sequence[Past | Problem]) -> None:
    """One batch of a file; the cursor moves with it. A conversation whose key is known is counted,
    not taken twice. Raises Conflict when another run went on from here."""
    now = PastImport.objects.select_for_update(of=("self",)).get(pk=of.pk)
    if now.next_row != of.next_row:
        raise Conflict(say("Another run of this import went on from here."))
    of.next_row += len(rows)
    PastProblem.objects.bulk_create(
        PastProblem(of=of, line=p.line, field=p.field, why=p.why, raw=p.raw)
        for p in rows if isinstance(p, Problem)
    )  # fmt: skip
    good = [p for p in rows if isinstance(p, Past)]
    known = set(PastConversation.objects.filter(key__in=[p.key for p in good])
                .values_list("key", flat=True))  # fmt: skip
    fresh = list({p.key: p for p in good if p.key not in known}.values())
    PastConversation.objects.bulk_create(
        [
            PastConversation(key=p.key, turns=p.turns, has_slots=p.has_slots,
                             has_actions=p.has_actions, held_out=past.held_out(p.key), source=of)
            for p in fresh
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    _learn_names(fresh)
    of.accepted += len(fresh)
    of.known += len(good) - len(fresh)
    of.rejected += len(rows) - len(good)
    of.save(update_fields=["next_row", "accepted", "known", "rejected"])


def finish(*, of: PastImport) -> None:
    PastImport.objects.filter(pk=of.pk).update(state="finished")
    told = say("%(file)s is taken: %(accepted)s conversations, %(rejected)s not", file=of.filename,
               accepted=of.accepted, rejected=of.rejected)  # fmt: skip
    notices.tell([of.by_id], told, "dialogue:past-file", of.pk)


def _learn_names(fresh: Sequence[Past]) -> None:
    """The intents, slots and actions that conversations name, made known with their examples."""
    turns = [(one.key, turn) for one in fresh for turn in one.turns]
    examples: dict[str, list[str]] = defaultdict(list)
    for key, turn in turns:
        if turn.get("intent") and not past.held_out(key):
            examples[turn["intent"]].append(" ".join(turn["text"].split())[:500])
    for name, sentences in examples.items():
        intent, _ = Intent.objects.get_or_create(name=name, defaults={"title": _title(name)})
        Example.objects.bulk_create(
            [Example(intent=intent, text=t, source="imported") for t in dict.fromkeys(sentences)],
            ignore_conflicts=True,
        )
    _learn_slots([turn for _, turn in turns])
    _learn_actions([turn for _, turn in turns if turn.get("action")])


def _learn_slots(turns: Sequence[dict[str, Any]]) -> None:
    values: dict[str, set[str]] = defaultdict(set)
    for turn in turns:
        for name, value in turn.get("slots", {}).items():
            values[name].add(value)
    for name, found in values.items():
        ask = str(say("What %(name)s?", name=name.replace("_", " ")))
        slot, _ = Slot.objects.get_or_create(
            name=name, defaults={"kind": "choice", "ask": ask, "values": []}
        )
        if slot.kind == Slot.Kind.CHOICE:
            slot.values = sorted((set(slot.values) | found) - {"dontcare"})[:MOST_VALUES]
            slot.save(update_fields=["values"])


def _learn_actions(turns: Sequence[dict[str, Any]]) -> None:
    """Each action with what the house most often said when it did it."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for turn in turns:
        seen[turn["action"]][turn["text"][:1000] if turn["who"] == "agent" else ""] += 1
    for name, texts in seen.items():
        text = next((t for t, _ in texts.most_common() if t), "")
        action, _ = Action.objects.get_or_create(name=name, defaults={"text": text})
        Action.objects.filter(pk=action.pk).update(seen=action.seen + texts.total())


def _title(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()


def forget_past(*, of: PastImport) -> int:
    """Take a file and its conversations out of all later learning."""
    n, _ = PastConversation.objects.filter(source=of).delete()
    audit.record("dialogue.forget_past", of, conversations=n)
    of.delete()
    return n
