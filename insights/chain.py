"""One chain (C1): from a message received back to data, model, reviewer, experiment, reward."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from attune.kernel.phrases import Phrase, say, say_many, word
from campaigns.approval import selectors as approvals
from campaigns.approval.services import REVIEW
from campaigns.contacts import selectors as contacts
from campaigns.content import selectors as content
from campaigns.content.models import Brief, GenerationRun, Revision
from campaigns.decisions.models import Decision
from campaigns.delivery.models import Send
from campaigns.experiments.models import Arm, Experiment
from campaigns.strategy import deciding as policies
from campaigns.strategy.models import Policy

VERDICTS = {kind: state for (_, kind), state in REVIEW.moves.items()}


@dataclass(frozen=True, slots=True)
class Step:
    """One link: a sentence for people, its time, the facts for everyone else."""

    key: str
    title: Phrase
    sentence: Phrase
    at: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def of_send(send: Send) -> list[Step]:
    """The chain of one message, oldest cause first."""
    decision = send.decision
    if decision is None:  # a step of a journey with one text: there was nothing to choose from
        return [_event(send), *_content(send.revision), _send(send)]
    steps = [_event(send), _profile(decision)]
    steps += _content(send.revision)
    steps += [_decision(decision), _send(send), _reward(decision)]
    return steps


def as_json(steps: list[Step]) -> list[dict[str, Any]]:
    return [asdict(step) for step in steps]


def _event(send: Send) -> Step:
    rows = contacts.timeline(send.contact_id, most=200)
    at = send.decision.at if send.decision is not None else send.created_at
    before = [e for e in rows if e.at <= at and e.name != "Message Sent"]
    if not before:
        return Step("event", say("What they did"), say("Nothing was known of this person before."))
    last = before[0]
    return Step(
        "event",
        say("What they did"),
        say("The last thing before the decision was “%(name)s”.", name=last.name),
        last.at.isoformat(),
        {"event_id": str(last.pk), "name": last.name, "events_before": len(before)},
    )


def _profile(decision: Decision) -> Step:
    profile = decision.profile or contacts.snapshot(decision.contact_id)
    who = [say("no profile yet")]
    if profile:
        who = [
            say_many("%(n)s order", "%(n)s orders", n=profile.get("orders", 0)),
            word(profile.get("lifecycle", "unknown")),
        ]
    if profile and profile.get("top_category"):
        who.append(say("likes %(category)s", category=profile["top_category"]))
    sentence = (
        say("Profile at the decision: %(who)s.", who=who)
        if decision.profile
        else say("Profile now (nothing was known at the decision): %(who)s.", who=who)
    )
    return Step("profile", say("Who they are"), sentence, "", profile)


def _content(revision: Revision) -> list[Step]:
    brief, run = revision.asset.brief, revision.run
    steps = [_brief(brief)] if brief is not None else []
    if run is not None:
        steps.append(_model(run))
    return [*steps, _checks(revision), _revision(revision), _review(revision)]


def _brief(brief: Brief) -> Step:
    why = say("“%(brief)s”: %(goal)s", brief=brief.name, goal=brief.goal)
    if brief.audience:
        why = say(
            "“%(brief)s” for “%(audience)s”: %(goal)s",
            brief=brief.name, audience=brief.audience, goal=brief.goal,
        )  # fmt: skip
    facts = {"brief_id": str(brief.pk), "offer": brief.offer}
    return Step("brief", say("Why it was written"), why, brief.created_at.isoformat(), facts)


def _model(run: GenerationRun) -> Step:
    sentence = say(
        "%(model)s wrote it, with %(facts)s facts to stand on; %(passed)s of %(tried)s candidates "
        "passed the checks.",
        model=run.model, facts=len(run.grounding), passed=run.passed, tried=run.tried,
    )  # fmt: skip
    facts = {
        "run_id": str(run.pk), "prompt": run.prompt, "parameters": run.parameters,
        "seed": run.seed, "grounding": run.grounding,
    }  # fmt: skip
    return Step("model", say("Who wrote it"), sentence, run.created_at.isoformat(), facts)


def _checks(revision: Revision) -> Step:
    rows = list(revision.checks.all())
    blocks = [c for c in rows if c.verdict == "block"]
    claims = [c for c in rows if c.kind == "claims" and c.evidence]
    return Step(
        "checks", say("What the machine checked"),
        say("%(checks)s checks, %(blocked)s blocked; %(claims)s claims traced to a source.",
            checks=len(rows), blocked=len(blocks), claims=len(claims)), "",
        {"checks": [
            {"kind": c.kind, "verdict": c.verdict, "message": c.message, "span": c.span,
             "evidence": c.evidence} for c in rows
        ]},
    )  # fmt: skip


def _review(revision: Revision) -> Step:
    verdicts = approvals.verdicts_of(revision.pk)
    diff: dict[str, Any] = {}
    if revision.parent is not None:
        old, new = revision.parent.components, revision.components
        diff = {k: content.diff(old.get(k, ""), new.get(k, "")) for k in new}
    if not verdicts:
        return Step(
            "review",
            say("Who approved it"),
            say("Nobody: it was not reviewed."),
            "",
            {"diff": diff},
        )
    last = verdicts[-1]
    verdict = {"who": last.by_label, "verdict": word(VERDICTS[last.kind])}
    sentence = (
        say("%(who)s: %(verdict)s.", **verdict)
        if revision.parent is None
        else say("%(who)s: %(verdict)s after an edit.", **verdict)
    )
    return Step(
        "review", say("Who approved it"), sentence,
        last.created_at.isoformat(),
        {"verdict_id": str(last.pk), "reason": last.reason, "comment": last.comment,
         "hash": last.hash, "diff": diff},
    )  # fmt: skip


def _revision(revision: Revision) -> Step:
    return Step(
        "revision", say("Which text"),
        say("Revision %(number)s of “%(asset)s”.", number=revision.number, asset=revision.asset),
        revision.created_at.isoformat(),
        {"revision_id": str(revision.pk), "hash": revision.hash, "components": revision.components},
    )  # fmt: skip


def _decision(decision: Decision) -> Step:
    return _policy(decision) if decision.source == policies.SOURCE else _experiment(decision)


def _policy(decision: Decision) -> Step:
    """Of a policy: the version that chose; its page tells the reasons of the choice."""
    policy = Policy.objects.filter(pk=decision.source_id).first()
    values: dict[str, Any] = {
        "policy": policy or "?",
        "action": decision.action,
        "n": len(decision.eligible),
        "chance": f"{decision.propensity:.1%}",
    }
    sentence = say(
        "Version %(version)s of “%(policy)s” chose “%(action)s” with probability %(chance)s "
        "of %(n)s alternatives.", version=decision.version, **values,
    )  # fmt: skip
    if decision.mode == Decision.Mode.CONTROL:
        sentence = say("They are in the control group of “%(policy)s”, which gets “%(action)s”; "
                       "the probability of it was %(chance)s of %(n)s alternatives.",
                       **values)  # fmt: skip
    return Step(
        "decision", say("Why this variant"), sentence,
        decision.at.isoformat(),
        {"decision_id": str(decision.pk), "policy_id": str(decision.source_id),
         "propensities": decision.propensities, "propensity": decision.propensity,
         "draw": decision.draw, "version": decision.version, "mode": decision.mode,
         "excluded": decision.excluded},
    )  # fmt: skip


def _experiment(decision: Decision) -> Step:
    experiment = Experiment.objects.filter(pk=decision.source_id).first()
    arm = Arm.objects.filter(experiment=experiment, key=decision.action).first()
    return Step(
        "decision", say("Why this variant"),
        say(
            "“%(experiment)s” chose “%(arm)s” with probability %(chance)s of %(n)s alternatives.",
            experiment=experiment or "?", arm=arm or decision.action,
            chance=f"{decision.propensity:.1%}", n=len(decision.propensities),
        ),
        decision.at.isoformat(),
        {"decision_id": str(decision.pk), "experiment_id": str(decision.source_id),
         "propensities": decision.propensities, "propensity": decision.propensity,
         "draw": decision.draw, "allocation_version": decision.version},
    )  # fmt: skip


def _send(send: Send) -> Step:
    when = send.sent_at.isoformat() if send.sent_at else ""
    sentence = say("%(campaign)s: %(state)s.", campaign=send.campaign, state=word(send.state))
    if send.reason:
        sentence = say(
            "%(campaign)s: %(state)s (%(reason)s).",
            campaign=send.campaign, state=word(send.state), reason=send.reason,
        )  # fmt: skip
    return Step(
        "send", say("How it left"), sentence, when,
        {"send_id": str(send.pk), "message_id": send.message_id, "components": send.components},
    )  # fmt: skip


def _reward(decision: Decision) -> Step:
    rows = list(decision.rewards.select_related("metric", "event").order_by("observed_at"))
    if not rows:
        return Step(
            "reward", say("What came of it"),
            say("Nothing so far; the window closes %(day)s.",
                day=f"{decision.window_closes_at:%Y-%m-%d}"), "",
        )  # fmt: skip
    names = sorted({r.metric.name for r in rows})
    return Step(
        "reward", say("What came of it"), 
        say_many("%(n)s reward: %(names)s.", "%(n)s rewards: %(names)s.", n=len(rows), names=names),
        rows[-1].observed_at.isoformat(),
        {"rewards": [
            {"metric": r.metric.key, "value": r.value, "event_id": str(r.event_id),
             "at": r.observed_at.isoformat()} for r in rows
        ]},
    )  # fmt: skip
