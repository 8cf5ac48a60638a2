"""One row of everything about policies, with canaries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone

from attune.kernel.phrases import say
from campaigns.budget.models import BudgetPlan, Lift, Mix, MixDay, MixFit
from campaigns.contacts.models import Contact, Score
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Withdrawal
from campaigns.experiments.models import Experiment
from campaigns.predictions.models import Prediction, PredictionRun, UpliftReport
from campaigns.strategy import banks, deciding, looking, planning, selectors, services
from campaigns.strategy.models import (
    Constraint,
    FairnessRule,
    OffPolicyEstimate,
    PastLog,
    PastRound,
    PolicySpend,
    Ramp,
    RampLook,
)
from campaigns.strategy.ramping import STEPS
from tests import make

CANARY = "CANARY-B"


def steered(number: int = 0) -> dict[str, Any]:
    """One more of everything that the strategy pages show."""
    now = timezone.now()
    bank = banks.create_bank(f"{CANARY} bank {number}")
    option = banks.add_option(bank, dimension="offer", name=f"{CANARY} {number}", key=f"o{number}")
    metric = log.metrics().first() or make.metric()
    policy = services.create(
        services.PolicyPlan(name=f"{CANARY} policy {number}", bank=bank, primary=metric)
    )
    services.start(policy)
    policy = selectors.policy(policy.pk)
    person = Contact.objects.order_by("id").first() or make.contact(f"steered-{number}")
    decision = deciding.decide(planning.planned(policy, now), person, {}, now)
    rule = Constraint.objects.create(policy=policy, kind="budget", options=[],
                                     values={"cents": 100, "period": "day"})  # fmt: skip
    PolicySpend.objects.create(constraint=rule, period=now.date(), cents=1)
    fair = FairnessRule.objects.create(policy=policy, trait=CANARY, measure="benefit")
    version = selectors.serving(policy)
    told = say("%(w)s", w=CANARY)
    Withdrawal.objects.create(decision_id=decision.pk, why="the campaign ended")
    estimate = OffPolicyEstimate.objects.create(
        version=version, until=now, verdict="hold", reason=told, rounds=10,
        estimates={"logged": [0.1, 0.0, 0.2], "gain": [0.1, 0.0, 0.2]},
    )  # fmt: skip
    ramp = Ramp.objects.create(policy=policy, version=version, steps=STEPS, state="running",
                               step_since=now - timedelta(hours=1))  # fmt: skip
    RampLook.objects.create(ramp=ramp, at=now, did="wait", sentence=told)
    looking.look(policy, now)
    past = PastLog.objects.create(policy=policy, filename=f"{CANARY}.csv", format="obp",
                                  state="ready", file=ContentFile(b"x", name="b.csv"))  # fmt: skip
    PastRound.objects.create(of=past, line=1, action=CANARY, reward=0, propensity=1)
    foretold = Prediction.objects.create(key=f"p{number}", name=f"{CANARY} {number}", goal=metric)
    PredictionRun.objects.create(prediction=foretold, at=now, state="refused", reason=told)
    mix = Mix.objects.create(name=f"{CANARY} {number}", outcome=metric)
    MixDay.objects.create(mix=mix, day=now.date(), channel=CANARY, amount=1)
    lift = Lift.objects.create(mix=mix, channel=CANARY, since=now.date(), until=now.date(),
                               outcome=1, error=1)  # fmt: skip
    fit = MixFit.objects.create(mix=mix, at=now, state="refused", reason=told,
                                curves={"channels": [CANARY], "k": [[1]], "b": [[1]]})  # fmt: skip
    plan = BudgetPlan.objects.create(mix=mix, fit=fit, name=f"{CANARY} {number}", weeks=4,
                                     starts=now.date(), total=1)  # fmt: skip
    trial = Experiment.objects.order_by("id").first()
    if trial is not None:
        UpliftReport.objects.create(experiment=trial, at=now, reason=told)
    score = Score.objects.create(contact=person, key=f"p{number}", value=0.5, rank=0.5, at=now)
    return {
        "mix": mix.pk, "lift": lift.pk, "budget-plan": plan.pk,
        "prediction": foretold.pk, "score": score.pk,
        "policy": policy.pk, "bank": bank.pk, "option": option.pk, "policy-constraint": rule.pk,
        "fairness": fair.pk, "policy-version": version.pk if version else None,
        "estimate": estimate.pk, "ramp": ramp.pk, "past-log": past.pk,
        "policy-decision": decision.pk,
    }  # fmt: skip
