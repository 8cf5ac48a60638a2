"""What the workspace has learned: statements, each with the experiments that speak for it and
against it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from attune.kernel import audit
from attune.kernel.errors import Invalid, NotFound
from attune.kernel.phrases import Phrase, say
from campaigns.experiments import selectors
from campaigns.experiments.models import Experiment, Learning, LearningEvidence


@dataclass(frozen=True, slots=True)
class Told:
    """A statement with its evidence, and what that amounts to."""

    learning: Learning
    supports: list[LearningEvidence]
    contradicts: list[LearningEvidence]

    @property
    def standing(self) -> Phrase:
        yes, no = len(self.supports), len(self.contradicts)
        if not yes and not no:
            return say("No experiment speaks to it yet.")
        if yes and no:
            return say("%(yes)s for, %(no)s against: it does not hold everywhere.", yes=yes, no=no)
        if yes > 1:
            return say("%(yes)s experiments speak for it, none against.", yes=yes)
        if yes:
            return say("One experiment speaks for it: repeat it before you build on it.")
        return say("%(no)s against, none for.", no=no)


def learnings(*, q: str = "") -> QuerySet[Learning]:
    rows = Learning.objects.order_by("-id")
    return rows.filter(claim__icontains=q) if q else rows


def learning(pk: UUID | str) -> Learning:
    row = Learning.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such learning in this workspace."))
    return row


def told(rows: list[Learning]) -> list[Told]:
    """Statements with their evidence, in one question."""
    evidence = LearningEvidence.objects.filter(learning__in=rows).select_related("experiment")
    by: dict[UUID, list[LearningEvidence]] = {}
    for one in evidence.order_by("id"):
        by.setdefault(one.learning_id, []).append(one)
    return [
        Told(row, [e for e in by.get(row.pk, []) if e.stance == "supports"],
             [e for e in by.get(row.pk, []) if e.stance == "contradicts"])
        for row in rows
    ]  # fmt: skip


def of_experiment(experiment: Experiment) -> list[LearningEvidence]:
    rows = LearningEvidence.objects.filter(experiment=experiment)
    return list(rows.select_related("learning").order_by("id"))


def write(*, claim: str, note: str = "", row: Learning | None = None) -> Learning:
    """A statement, new or in better words."""
    if not claim.strip():
        raise Invalid.one("claim", say("Say what was learned, in one sentence."))
    row = row or Learning()
    row.claim, row.note = claim.strip()[:300], note.strip()[:1000]
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as clash:
        raise Invalid.one("claim", say("This is written down already.")) from clash
    audit.record("experiments.learn", row)
    return row


def add_evidence(*, learning: Learning, experiment: Experiment, stance: str) -> LearningEvidence:
    """Say that an experiment speaks for or against a statement; what it showed is kept with it."""
    if stance not in LearningEvidence.Stance.values:
        raise Invalid.one("stance", say("Choose supports or contradicts."))
    latest = selectors.latest(experiment)
    if latest is None:
        raise Invalid.one("experiment", say("This experiment has not shown anything yet."))
    row, _ = LearningEvidence.objects.update_or_create(
        learning=learning, experiment=experiment,
        defaults={"stance": stance, "verdict": latest.verdict, "shown": latest.sentence},
    )  # fmt: skip
    audit.record("experiments.add_evidence", learning, experiment=str(experiment.pk), stance=stance)
    return row


def drop_evidence(*, learning: Learning, experiment: Experiment) -> None:
    LearningEvidence.objects.filter(learning=learning, experiment=experiment).delete()
    audit.record("experiments.drop_evidence", learning, experiment=str(experiment.pk))
