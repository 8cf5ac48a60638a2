"""What people and experiments said about texts, read as lessons (lessons.py judges them)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import combinations
from uuid import UUID

from campaigns.approval.models import Verdict
from campaigns.contacts.models import Contact, Trait
from campaigns.content.models import Revision
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Metric
from campaigns.experiments import reading, statistics
from campaigns.experiments.models import Arm, Experiment
from campaigns.tuning.lessons import Evidence, Preference, Text, gather, weigh
from campaigns.tuning.models import Exclusion

PER_BRIEF = 60  # pairs of approved beside rejected that one brief may give
SURE = 0.5  # an experiment's pair counts from P(better) = 0.75 on
NOT_OF_THE_TEXT = {"repetitive"}  # reasons that say nothing against the text by itself
CAPITAL = re.compile(r"\b[A-ZÀ-Þ][\w'’-]+")
NAMES = ("name", "first_name", "firstName", "last_name", "lastName")


def evidence(*, until: datetime) -> Evidence:
    """All that a version trained now would see, without what is excluded."""
    excluded = set(Exclusion.objects.values_list("revision_id", flat=True))
    approved = [r for r in _approved() if r.pk not in excluded]
    texts = [Text(r.pk, _brief(r), _parts(r)) for r in approved]
    pairs = [*_verdicts(approved), *_edits(approved), *_experiments(until)]
    return gather(texts, [p for p in pairs if not {p.chosen, p.rejected} & excluded])


def _brief(revision: Revision) -> UUID:
    found = revision.asset.brief_id
    assert found is not None  # noqa: S101 - only texts of a brief are read here
    return found


def _parts(revision: Revision) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in revision.parts if name != "link")


def _approved() -> list[Revision]:
    """Every text that a person approved, the newest first, whatever became of it later."""
    judged = Verdict.objects.filter(kind=Verdict.Kind.APPROVE).values("review__revision_id")
    rows = Revision.objects.filter(pk__in=judged, asset__brief__isnull=False)
    return list(rows.select_related("asset", "parent").order_by("-id")[:5000])


def _verdicts(approved: Iterable[Revision]) -> Iterator[Preference]:
    """Of one brief, each approved text beside each rejected one."""
    good: dict[UUID, list[Revision]] = defaultdict(list)
    for revision in approved:
        good[_brief(revision)].append(revision)
    rows = (
        Verdict.objects.filter(
            kind=Verdict.Kind.REJECT, review__revision__asset__brief__isnull=False
        )
        .exclude(reason__in=NOT_OF_THE_TEXT)
        .select_related("review__revision__asset")
        .order_by("-id")
    )
    given: dict[UUID, int] = defaultdict(int)
    for verdict in rows:
        worse = verdict.review.revision
        brief = _brief(worse)
        for better in good.get(brief, []):
            if given[brief] >= PER_BRIEF:
                break
            given[brief] += 1
            yield Preference(
                "verdict", better.pk, worse.pk, brief, _parts(better), _parts(worse),
                reason=verdict.reason,
            )  # fmt: skip


def _edits(approved: Iterable[Revision]) -> Iterator[Preference]:
    """A text that was approved after a person's edit, beside what it was before."""
    for revision in approved:
        if revision.origin == Revision.Origin.PERSON and revision.parent is not None:
            yield Preference(
                "edit", revision.pk, revision.parent.pk, _brief(revision),
                _parts(revision), _parts(revision.parent),
            )  # fmt: skip


def _experiments(until: datetime) -> Iterator[Preference]:
    """Two arms of one experiment, by the shrunken P(better) on its primary metric."""
    rows = list(Experiment.objects.exclude(state=Experiment.State.DRAFT).order_by("-id")[:200])
    arms: dict[UUID, list[Arm]] = defaultdict(list)
    for arm in Arm.objects.filter(
        experiment__in=rows, revision__asset__brief__isnull=False
    ).select_related("revision__asset").order_by("position"):  # fmt: skip
        arms[arm.experiment_id].append(arm)
    for experiment in rows:
        goals = log.goals(experiment.pk) if len(arms[experiment.pk]) > 1 else []
        if goals:
            yield from _duels(experiment, arms[experiment.pk], goals[0].metric, until)


def _duels(
    experiment: Experiment, arms: list[Arm], metric: Metric, until: datetime
) -> Iterator[Preference]:
    strata = reading.strata_of(experiment, metric, until)
    for one, other in combinations(arms, 2):
        effect = statistics.effect(strata.get(one.key, {}), strata.get(other.key, {}))
        if effect is None or weigh(effect.chance) < SURE:
            continue
        other_wins = (effect.chance > 0.5) == metric.higher_is_better
        better, worse = (other, one) if other_wins else (one, other)
        if better.revision is None or worse.revision is None:
            continue
        yield Preference(
            "experiment", better.revision.pk, worse.revision.pk, _brief(better.revision),
            _parts(better.revision), _parts(worse.revision), weigh(effect.chance),
        )  # fmt: skip


def names_in(texts: Iterable[str], *, but: Iterable[str] = ()) -> set[str]:
    """Names of the workspace's contacts that stand in these texts; words of `but` (what is sold)
    are no names."""
    ours = {w for text in but for w in CAPITAL.findall(text)}
    words = {w for text in texts for w in CAPITAL.findall(text)} - ours
    if not words:
        return set()
    found = set(Trait.objects.filter(key__in=NAMES, text__in=words).values_list("text", flat=True))
    for name in Contact.objects.filter(
        name__regex=r"(^|\s)(" + "|".join(map(re.escape, sorted(words))) + r")(\s|$)"
    ).values_list("name", flat=True)[:1000]:
        found |= words & set(name.split())
    return found
