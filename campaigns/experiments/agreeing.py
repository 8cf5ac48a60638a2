"""Agreeing to an experiment: another person approves exactly this plan before it starts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import orjson
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Forbidden
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.decisions import selectors as log
from campaigns.experiments.models import Arm, Experiment
from tenants import notices
from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Approval:
    """Whether the workspace wants one, whether this plan has it, and by whom."""

    wanted: bool
    given: bool
    by: str = ""
    at: datetime | None = None
    stale: bool = False  # somebody agreed to another plan


def digest(experiment: Experiment) -> str:
    """The plan as one hash: whoever approves, approves this."""
    arms = [[a.key, str(a.revision_id), a.weight, a.is_control, a.revision.hash if a.revision
             else ""] for a in _arms(experiment)]  # fmt: skip
    goals = [[g.role, g.metric.key] for g in log.goals(experiment.pk)]
    plan = [experiment.kind, experiment.assigned_by, experiment.hash_version, experiment.floor,
            experiment.window_hours, experiment.target_lift, experiment.criteria,
            experiment.use_before, experiment.hypothesis, arms, goals]  # fmt: skip
    return hashlib.sha256(orjson.dumps(plan)).hexdigest()


def approval(experiment: Experiment) -> Approval:
    wanted = Tenant.objects.get(pk=current_tenant()).approve_experiments
    given = bool(experiment.approved_digest) and experiment.approved_digest == digest(experiment)
    return Approval(wanted, given, experiment.approved_by, experiment.approved_at,
                    bool(experiment.approved_digest) and not given)  # fmt: skip


def ask(experiment: Experiment) -> None:
    """Tell those who may approve that a plan waits for them, where the workspace wants that."""
    if approval(experiment).wanted:
        people = set(notices.those_who_can("approval.decide")) - {experiment.author_id}
        notices.tell(people, say("The experiment “%(experiment)s” waits for your approval",
                                 experiment=experiment), "experiments:experiment",
                     experiment.pk)  # fmt: skip


def approve(experiment: Experiment, *, by_id: int | None, label: str) -> None:
    """Agree to the plan as it stands. Nobody agrees to their own."""
    if experiment.state != Experiment.State.DRAFT:
        raise Conflict(say("Only a draft is approved; this experiment runs or has ended."))
    if by_id is not None and by_id == experiment.author_id:
        raise Forbidden(say("Somebody else has to approve an experiment that you made."))
    Experiment.objects.filter(pk=experiment.pk).update(
        approved_digest=digest(experiment), approved_by=label[:120], approved_at=timezone.now()
    )
    audit.record("experiments.approve", experiment, digest=digest(experiment))
    notices.tell([experiment.author_id],
                 say("%(who)s approved the experiment “%(experiment)s”", who=label,
                     experiment=experiment), "experiments:experiment", experiment.pk)  # fmt: skip
    live.push(current_tenant(), "experiments", str(experiment.pk))


def demand_approval(experiment: Experiment) -> None:
    """Raise Conflict where the workspace wants an approval that this plan does not have."""
    told = approval(experiment)
    if told.wanted and not told.given:
        raise Conflict(say("Another person has to approve this experiment before it starts."))


def _arms(experiment: Experiment) -> list[Arm]:
    rows = Arm.objects.filter(experiment=experiment).select_related("revision")
    return list(rows.order_by("position"))
