"""Files of past conversations: kept, taken in batches, and the names that they teach."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from attune.kernel import audit, privacy
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import say
from attune.kernel.states import Machine, advance
from chat.dialogue import past
from chat.dialogue.jobs import TAKE_PAST, TakePast
from chat.dialogue.models import (
    Action,
    Example,
    Intent,
    PastConversation,
    PastImport,
    PastProblem,
    Slot,
)
from chat.dialogue.past import Past, Problem
from chat.dialogue.services import MOST_VALUES
from tenants import notices

PAST_IMPORT = Machine("past_import", {("running", "finish"): "finished"})
MOST_BYTES = 50 * 1024 * 1024
BATCH, MOST_PROBLEMS = 200, 1_000
MOST_NAMES = 300  # intents, slots and actions each that files may make known


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
    try:
        with transaction.atomic():
            row = PastImport.objects.create(
                filename=name[:200], format=format_, content=content, sha256=digest, by_id=by_id
            )
    except IntegrityError as twin:
        raise Conflict(say("This file was taken already.")) from twin
    row.job = TAKE_PAST.enqueue(TakePast(row.pk))
    row.save(update_fields=["job"])
    audit.record("dialogue.upload", row)
    return row


def take(*, of: PastImport, rows: Sequence[Past | Problem]) -> None:
    """One batch of a file; the cursor moves with it. A conversation whose key is known is counted,
    not taken twice. Raises Conflict when another run went on from here."""
    now = PastImport.objects.select_for_update(of=("self",)).defer("content").get(pk=of.pk)
    if now.next_row != of.next_row:
        raise Conflict(say("Another run of this import went on from here."))
    of.next_row += len(rows)
    room = max(0, MOST_PROBLEMS - of.rejected)  # the others are counted
    PastProblem.objects.bulk_create(
        PastProblem(of=of, line=p.line, field=p.field, why=p.why, raw=p.raw)
        for p in [p for p in rows if isinstance(p, Problem)][:room]
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
    """Close the run, with a notice for who brought the file."""
    advance(PAST_IMPORT, of, "finish")
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
    for name in _known(Intent, examples):
        sentences = examples[name]
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
    for name in _known(Slot, values):
        found = values[name]
        ask = str(say("What %(name)s?", name=name.replace("_", " ")))
        slot, _ = Slot.objects.get_or_create(
            name=name, defaults={"kind": "choice", "ask": ask, "values": []}
        )
        if slot.kind == Slot.Kind.CHOICE:
            fresh = sorted(v for v in found - set(slot.values) - {"dontcare"}
                           if privacy.mask(v).text == v)  # fmt: skip
            slot.values = [*slot.values, *fresh][:MOST_VALUES]
            slot.save(update_fields=["values"])


def _learn_actions(turns: Sequence[dict[str, Any]]) -> None:
    """Each action with what the house most often said when it did it."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for turn in turns:
        seen[turn["action"]][turn["text"][:1000] if turn["who"] == "agent" else ""] += 1
    for name in _known(Action, seen):
        texts = seen[name]
        text = next((t for t, _ in texts.most_common() if t), "")
        action, _ = Action.objects.get_or_create(name=name, defaults={"text": text})
        Action.objects.filter(pk=action.pk).update(seen=F("seen") + texts.total())


def _known(kind: Any, names: Iterable[str]) -> list[str]:
    """Those of the names that exist, and new ones while there is room for them."""
    wanted = list(names)
    there = set(kind.objects.filter(name__in=wanted).values_list("name", flat=True))
    room = max(0, MOST_NAMES - kind.objects.count())
    return [n for n in wanted if n in there] + [n for n in wanted if n not in there][:room]


def _title(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()


def _sentences(rows: QuerySet[PastConversation]) -> Iterator[str]:
    """The sentences that conversations teach as examples; read in portions."""
    for turns in rows.values_list("turns", flat=True).iterator(chunk_size=500):
        for turn in turns:
            if turn.get("intent"):
                yield " ".join(turn["text"].split())[:500]


def forget_past(*, of: PastImport) -> int:
    """Take a file and its conversations out of all later learning; the sentences that it taught
    as examples go with it, unless another file says them too."""
    said = set(_sentences(PastConversation.objects.filter(source=of)))
    others = PastConversation.objects.exclude(source=of)
    kept = {sentence for sentence in _sentences(others) if sentence in said}
    n = PastConversation.objects.filter(source=of).delete()[1].get("dialogue.PastConversation", 0)
    Example.objects.filter(source="imported", text__in=said - kept).delete()
    audit.record("dialogue.forget_past", of, conversations=n)
    of.delete()
    return n
