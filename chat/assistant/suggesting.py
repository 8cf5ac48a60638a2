"""The gap loop: unanswered questions become suggestions, an answer to one becomes knowledge."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from django.db.models import QuerySet
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, NotFound
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid
from attune.kernel.tenancy import current_tenant
from chat.assistant import gaps
from chat.assistant.jobs import FIND_GAPS, FindGaps
from chat.assistant.models import Generation, Suggestion
from chat.knowledge import services as knowledge

MOST = 2000


def unanswered(days: int) -> list[str]:
    """Questions that had no answer, the newest first, each wording once."""
    start = timezone.now() - timedelta(days=days)
    rows = Generation.objects.filter(route="none", created_at__gte=start).order_by("-id")
    texts = (
        " ".join(text.split())[:300] for text in rows.values_list("question", flat=True)[:MOST]
    )
    return list(dict.fromkeys(t for t in texts if t))


def keep(questions: list[str], vectors: np.ndarray) -> int:
    """Suggestions from groups of questions; what stands open already grows, what was answered or
    dismissed does not come back. The number of new ones."""
    known = [s for s in Suggestion.objects.all() if s.embedding is not None]
    made = 0
    for gap in gaps.worth(gaps.gather(vectors)):
        middle = vectors[list(gap.members)].mean(0)
        twin = next((s for s in known if _alike(np.asarray(s.embedding), middle)), None)
        samples = [questions[i] for i in gap.members][:10]
        if twin is None:
            Suggestion.objects.create(
                question=questions[gap.question], sources=len(gap.members), samples=samples,
                embedding=middle,
            )  # fmt: skip
            made += 1
        elif twin.state == Suggestion.State.OPEN:
            Suggestion.objects.filter(pk=twin.pk).update(
                sources=len(gap.members), samples=samples, embedding=middle
            )
    live.push(current_tenant(), "knowledge")
    return made


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    norm = float(np.linalg.norm(one) * np.linalg.norm(other)) or 1.0
    return float(one @ other) / norm >= 0.85


def ask() -> None:
    """Look for gaps now."""
    FIND_GAPS.enqueue(FindGaps(), dedupe_key="gaps")


def suggestions() -> QuerySet[Suggestion]:
    return Suggestion.objects.filter(state="open").order_by("-sources", "-id")


def suggestion(pk: str) -> Suggestion:
    known = as_uuid(pk)
    row = Suggestion.objects.select_for_update().filter(pk=known).first() if known else None
    if row is None:
        raise NotFound(say("There is no such suggestion in this workspace."))
    return row


def propose(*, question: str, samples: list[str]) -> Suggestion:
    """A question that somebody else found worth an answer, once a wording."""
    row, made = Suggestion.objects.get_or_create(
        question=question[:300], state=Suggestion.State.OPEN,
        defaults={"samples": samples[:10], "sources": max(1, len(samples))},
    )  # fmt: skip
    if made:
        audit.record("assistant.propose_question", row)
        live.push(current_tenant(), "knowledge")
    return row


def approve(*, row: Suggestion, question: str, answer: str) -> None:
    """The answer is live from now on, word for word."""
    if row.state != Suggestion.State.OPEN:
        raise Conflict(say("This suggestion was settled already."))
    document = knowledge.save_document(kind="faq", title=question, body=answer)
    row.state, row.answer, row.document = Suggestion.State.APPROVED, answer.strip(), document
    row.save(update_fields=["state", "answer", "document"])
    audit.record("assistant.approve_suggestion", row)


def dismiss(*, row: Suggestion) -> None:
    if row.state != Suggestion.State.OPEN:
        raise Conflict(say("This suggestion was settled already."))
    Suggestion.objects.filter(pk=row.pk).update(state="dismissed")
    audit.record("assistant.dismiss_suggestion", row)
