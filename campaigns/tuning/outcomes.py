"""How often people answered to a text: one row an arm of an experiment that showed it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from campaigns.content.models import Revision
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Metric
from campaigns.experiments import reading, statistics
from campaigns.experiments.models import Arm, Experiment

LEAST_ARMS, LEAST_PEOPLE = 12, 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """A text, whom it was shown among (`group`), to how many people, how many of whom converted by
    which metric."""

    text: str
    group: int
    people: int
    successes: int
    metric: UUID


def arms(*, until: datetime, but: UUID | None = None) -> list[Outcome]:
    """Arms with a text and at least 50 people, of experiments whose primary metric is a conversion
    that is wanted; the newest 200 experiments, without `but`: a bandit does not learn beforehand
    from itself."""
    found = []
    rows = Experiment.objects.exclude(state=Experiment.State.DRAFT).exclude(pk=but)
    for group, experiment in enumerate(rows.order_by("-id")[:200]):
        goals = log.goals(experiment.pk)
        known = goals[0].metric if goals else None
        if known is None or known.kind != Metric.Kind.CONVERSION or not known.higher_is_better:
            continue
        strata = reading.strata_of(experiment, goals[0].metric, until)
        for arm in Arm.objects.filter(experiment=experiment, revision__isnull=False).select_related(
            "revision"
        ):
            moments = statistics.pooled(strata.get(arm.key, {}))
            if moments.n >= LEAST_PEOPLE:
                text = text_of(arm.revision)
                found.append(Outcome(text, group, moments.n, round(moments.total), known.pk))
    return found


def text_of(revision: Revision) -> str:
    """A message as one text: what the reader sees first, then the body."""
    return " ".join(text for name, text in revision.parts if name not in ("cta", "link"))
