"""Training a version, moving it, and forgetting: every change of the tuning slice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from attune.kernel import audit, jobs
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import Phrase, say
from attune.kernel.words import holds
from campaigns.contacts.models import Contact
from campaigns.content.models import Revision
from campaigns.generators import meter, registry
from campaigns.generators.models import ModelVersion
from campaigns.tuning import evidence as reading
from campaigns.tuning import lessons
from campaigns.tuning.jobs import TRAIN_VERSION, TrainVersion
from campaigns.tuning.lessons import Evidence, Preference
from campaigns.tuning.models import Exclusion, LessonItem


class Refused(Conflict):
    """The gate's answer: there is too little to learn from, or it contradicts itself."""

    code, title = "gate_refused", say("The training gate refuses")


def request_training(*, base: str, author_id: int | None, now: datetime) -> ModelVersion:
    """Ask for a new version: what it will see is fixed here, item by item. Raises Refused, with
    the reason, when the gate does not let through."""
    meter.demand_allowance()
    known = reading.evidence(until=now)
    verdict = lessons.before(known)
    if not verdict.passed:
        raise Refused(verdict.why)
    try:
        with transaction.atomic():
            row = registry.begin(base=base, card=_card(known, base, now), author_id=author_id)
    except IntegrityError as twin:
        raise Conflict(say("Another training was started at this moment; wait for it.")) from twin
    LessonItem.objects.bulk_create(_items(row, known))
    row.job = TRAIN_VERSION.enqueue(TrainVersion(row.pk))
    row.save(update_fields=["job"])
    return row


def _items(row: ModelVersion, known: Evidence) -> list[LessonItem]:
    texts = [(t, False) for t in known.texts] + [(t, True) for t in known.held_out_texts]
    pairs = [(p, False) for p in known.pairs] + [(p, True) for p in known.held_out_pairs]
    return [
        LessonItem(version=row, source="approval", chosen_id=t.revision, held_out=held)
        for t, held in texts
    ] + [
        LessonItem(
            version=row, source=p.source, chosen_id=p.chosen, rejected_id=p.rejected,
            weight=p.weight, held_out=held, reason=p.reason,
        )
        for p, held in pairs
    ]  # fmt: skip


def _card(known: Evidence, base: str, now: datetime) -> dict[str, Any]:
    """The data card: what the version is made from, said before it is made."""
    seen = Revision.objects.filter(
        pk__in=[t.revision for t in known.texts + known.held_out_texts]
    ).select_related("asset")
    channels: dict[str, int] = {}
    locales: dict[str, int] = {}
    for revision in seen:
        channels[revision.asset.channel] = channels.get(revision.asset.channel, 0) + 1
        locales[revision.asset.locale] = locales.get(revision.asset.locale, 0) + 1
    return {
        "base": base, "at": now.isoformat(), "texts": known.all_texts, "pairs": known.all_pairs,
        "by_source": known.by_source, "held_out_texts": len(known.held_out_texts),
        "held_out_pairs": len(known.held_out_pairs), "contradicted": len(known.contradicted),
        "briefs": len({t.brief for t in known.texts + known.held_out_texts}),
        "channels": channels, "locales": locales,
        "excluded": Exclusion.objects.count(),
    }  # fmt: skip


def state_of_evidence(now: datetime) -> tuple[Evidence, lessons.Verdict]:
    """What a training would see now, and what the gate says of it."""
    known = reading.evidence(until=now)
    return known, lessons.before(known)


def contradictions(known: Evidence, most: int = 5) -> list[tuple[Preference, Preference]]:
    return known.contradicted[:most]


@jobs.on_cancel(TRAIN_VERSION)
def _cancelled(payload: TrainVersion) -> None:
    cancel(row=registry.version(payload.version_id), why=say("Cancelled by a person."))


def cancel(*, row: ModelVersion, why: Phrase) -> None:
    """Close a version whose training was cancelled or gave up."""
    if row.state == ModelVersion.State.TRAINING:
        registry.failed(row=row, reason=why)


def forget_contact(*, contact: Contact) -> int:
    """Before a person is erased: no version may learn from texts about them any more, and those
    that did are marked. The number of versions marked. A first name alone says nobody: texts that
    speak of a rose are not about Rose."""
    rows = {row.pk: row for row in Revision.objects.filter(run__contact=contact)}
    name = contact.name.strip()
    for words in (contact.email, contact.phone, name if " " in name or not name.isascii() else ""):
        if len(words) > 2:
            rows |= {row.pk: row for row in holding(words)}
    return _forget(rows.values(), reason="a person was erased")


def holding(words: str) -> list[Revision]:
    """The texts of the workspace that say these words, as words of their own."""
    stored = json.dumps(words, ensure_ascii=False)[1:-1]  # as jsonb writes them
    rows = Revision.objects.filter(components__icontains=stored)
    return [row for row in rows if any(holds(text, words) for text in row.components.values())]


def forget_words(*, words: str, reason: str) -> tuple[int, int]:
    """Exclude every text that holds these words; (texts excluded, versions marked)."""
    words = words.strip()
    if len(words) < 3:
        raise Invalid.one("words", say("Give at least three letters of the text to forget."))
    rows = holding(words)
    if not rows:
        raise Invalid.one("words", say("No text of this workspace holds “%(words)s”.", words=words))
    return len(rows), _forget(rows, reason=reason or "by a person's wish")


def _forget(rows: Iterable[Revision], *, reason: str) -> int:
    ids: list[UUID] = [row.pk for row in rows]
    Exclusion.objects.bulk_create(
        [Exclusion(revision_id=pk, reason=reason[:200]) for pk in ids], ignore_conflicts=True
    )
    saw = LessonItem.objects.filter(Q(chosen__in=ids) | Q(rejected__in=ids))
    versions = set(saw.values_list("version_id", flat=True))
    marked = registry.taint(versions)
    audit.record("tuning.forget", None, texts=len(ids), versions=marked)
    return marked
