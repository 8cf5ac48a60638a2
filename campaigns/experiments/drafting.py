"""What a plan of an experiment must hold before it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attune.kernel.errors import FieldError, Invalid
from attune.kernel.phrases import say
from campaigns.content.models import Revision
from campaigns.decisions.models import Metric
from campaigns.experiments.models import Experiment


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """An arm to be: without a revision it shows nothing (the holdout)."""

    key: str
    name: str
    weight: float
    revision: Revision | None = None
    is_control: bool = False


def faults(of: Experiment, arms: list[ArmPlan]) -> Iterator[FieldError]:
    """Every mistake of a plan but those of its metrics."""
    kind, floor = of.kind, of.floor
    if not of.name.strip():
        yield FieldError("name", say("Give the experiment a name."))
    if kind not in Experiment.Kind.values:
        yield FieldError("kind", say("Choose fixed or thompson."))
    if not 0 <= floor <= 0.5:
        yield FieldError("floor", say("The floor is a share from 0 to 0.5."))
    elif kind == Experiment.Kind.THOMPSON and floor * len(arms) >= 1:
        told = say("With %(n)s arms the floor must be below %(most)s: else every arm has an equal "
                   "share for ever.", n=len(arms), most=f"{1 / len(arms):.2f}")  # fmt: skip
        yield FieldError("floor", told)
    if not 1 <= of.window_hours <= 24 * 365:
        yield FieldError("window_hours", say("The window is 1 hour to 1 year."))
    if not 0 < of.target_lift <= 10:
        yield FieldError("target_lift", say("The target effect is above 0, up to 10."))
    if of.criteria not in Experiment.Criteria.values:
        names = ", ".join(Experiment.Criteria.values)
        yield FieldError("criteria", say("Choose one of %(names)s.", names=names))
    yield from _arm_faults(arms)
    yield from _sdk_faults(kind, of.assigned_by, of.hash_version)


def _sdk_faults(kind: str, assigned_by: str, hash_version: int) -> Iterator[FieldError]:
    if assigned_by not in Experiment.By.values:
        names = ", ".join(Experiment.By.values)
        yield FieldError("assigned_by", say("Choose one of %(names)s.", names=names))
    elif assigned_by == Experiment.By.SDK and kind != Experiment.Kind.FIXED:
        told = say("An SDK assigns by shares that stay; choose a fixed split.")
        yield FieldError("kind", told)
    if hash_version not in {1, 2}:
        yield FieldError("hash_version", say("The SDK's hash is of version 1 or 2."))


def _arm_faults(arms: list[ArmPlan]) -> Iterator[FieldError]:
    if len(arms) < 2 or len({a.key for a in arms}) != len(arms):
        yield FieldError("arms", say("Give at least two arms with different keys."))
    if any(not 0 < a.weight < 1e6 for a in arms):
        yield FieldError("arms", say("Every share must be more than 0."))
    shown = [a.revision.pk for a in arms if a.revision]
    if len(set(shown)) != len(shown):
        yield FieldError("arms", say("Two arms show the same text."))
    if sum(a.is_control for a in arms) != 1 or all(a.revision is None for a in arms):
        yield FieldError("arms", say("One arm is the control, and at least one shows a text."))
    if len({a.revision.asset.channel for a in arms if a.revision}) > 1:
        yield FieldError("arms", say("All texts must be of one channel."))


def check_metrics(kind: str, primary: Metric, others: list[Metric]) -> None:
    """Raise Invalid for a goal that a bandit cannot follow, and for a metric in two roles."""
    if kind == Experiment.Kind.THOMPSON and not primary.higher_is_better:
        raise Invalid.one("primary", say("A bandit needs a goal that should rise."))
    keys = [primary.key, *(m.key for m in others)]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise Invalid.one(
            "metrics",
            say("“%(metric)s” is named in two roles; choose one.", metric=sorted(twice)[0]),
        )
