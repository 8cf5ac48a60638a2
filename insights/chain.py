"""One chain (C1): from a message received back to data, model, reviewer, experiment, reward."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from campaigns.approval import selectors as approvals
from campaigns.contacts import selectors as contacts
from campaigns.content import selectors as content
from campaigns.content.models import Revision
from campaigns.decisions.models import Decision
from campaigns.delivery.models import Send
from campaigns.experiments.models import Arm, Experiment


@dataclass(frozen=True, slots=True)
class Step:
    """One link: a sentence for people, its time, the facts for everyone else."""

    key: str
    title: str
    sentence: str
    at: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def of_send(send: Send) -> list[Step]:
    """The chain of one message, oldest cause first."""
    decision = send.decision
    steps = [_event(send), _profile(decision)]
    steps += _content(send.revision)
    steps += [_experiment(decision), _send(send), _reward(decision)]
    return steps


def as_json(steps: list[Step]) -> list[dict[str, Any]]:
    return [asdict(step) for step in steps]


def _event(send: Send) -> Step:
    rows = contacts.timeline(send.contact_id, most=200)
    before = [e for e in rows if e.at <= send.decision.at and e.name != "Message Sent"]
    if not before:
        return Step("event", "What they did", "Nothing was known of this person before.")
    last = before[0]
    return Step(
        "event",
        "What they did",
        f"The last thing before the decision was “{last.name}”.",
        last.at.isoformat(),
        {"event_id": str(last.pk), "name": last.name, "events_before": len(before)},
    )


def _profile(decision: Decision) -> Step:
    profile = decision.profile or contacts.snapshot(decision.contact_id)
    known = "at the decision" if decision.profile else "now (nothing was known at the decision)"
    words = (
        f"{profile.get('orders', 0)} orders, {profile.get('lifecycle', 'unknown')}"
        + (f", likes {profile['top_category']}" if profile.get("top_category") else "")
        if profile
        else "no profile yet"
    )
    return Step("profile", "Who they are", f"Profile {known}: {words}.", "", profile)


def _content(revision: Revision) -> list[Step]:
    steps = []
    brief, run = revision.asset.brief, revision.run
    if brief is not None:
        audience = f" for “{brief.audience}”" if brief.audience else ""
        steps.append(
            Step(
                "brief",
                "Why it was written",
                f"“{brief.name}”{audience}: {brief.goal}",
                brief.created_at.isoformat(),
                {"brief_id": str(brief.pk), "offer": brief.offer},
            )
        )
    if run is not None:
        steps.append(
            Step(
                "model",
                "Who wrote it",
                f"{run.model} wrote it, with {len(run.grounding)} facts "
                f"to stand on; {run.passed} of {run.tried} candidates passed the checks.",
                run.created_at.isoformat(),
                {
                    "run_id": str(run.pk),
                    "prompt": run.prompt,
                    "parameters": run.parameters,
                    "seed": run.seed,
                    "grounding": run.grounding,
                },
            )
        )
    steps += [_checks(revision), _review(revision), _revision(revision)]
    return steps


def _checks(revision: Revision) -> Step:
    rows = list(revision.checks.all())
    blocks = [c for c in rows if c.verdict == "block"]
    claims = [c for c in rows if c.kind == "claims" and c.evidence]
    return Step(
        "checks", "What the machine checked",
        f"{len(rows)} checks, {len(blocks)} blocked; {len(claims)} claims traced to a source.", "",
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
        return Step("review", "Who approved it", "Nobody: it was not reviewed.", "", {"diff": diff})
    last = verdicts[-1]
    edited = " after an edit" if revision.parent is not None else ""
    return Step(
        "review", "Who approved it", f"{last.by_label}: {last.kind.replace('_', ' ')}{edited}.",
        last.created_at.isoformat(),
        {"verdict_id": str(last.pk), "reason": last.reason, "comment": last.comment,
         "hash": last.hash, "diff": diff},
    )  # fmt: skip


def _revision(revision: Revision) -> Step:
    return Step(
        "revision", "What was approved", f"Revision {revision.number} of “{revision.asset}”.",
        revision.created_at.isoformat(),
        {"revision_id": str(revision.pk), "hash": revision.hash, "components": revision.components},
    )  # fmt: skip


def _experiment(decision: Decision) -> Step:
    experiment = Experiment.objects.filter(pk=decision.source_id).first()
    arm = Arm.objects.filter(experiment=experiment, key=decision.action).first()
    name = f"“{experiment}”" if experiment else "an experiment"
    return Step(
        "decision", "Why this variant",
        f"{name} chose “{arm or decision.action}” with probability {decision.propensity:.1%} of "
        f"{len(decision.propensities)} alternatives.",
        decision.at.isoformat(),
        {"decision_id": str(decision.pk), "experiment_id": str(decision.source_id),
         "propensities": decision.propensities, "propensity": decision.propensity,
         "draw": decision.draw, "allocation_version": decision.version},
    )  # fmt: skip


def _send(send: Send) -> Step:
    when = send.sent_at.isoformat() if send.sent_at else ""
    why = f" ({send.reason})" if send.reason else ""
    return Step(
        "send", "How it left", f"{send.campaign}: {send.state}{why}.", when,
        {"send_id": str(send.pk), "message_id": send.message_id, "components": send.components},
    )  # fmt: skip


def _reward(decision: Decision) -> Step:
    rows = list(decision.rewards.select_related("metric", "event").order_by("observed_at"))
    if not rows:
        return Step(
            "reward", "What came of it", "Nothing so far; the window closes "
            f"{decision.window_closes_at:%d %b %Y}.", "",
        )  # fmt: skip
    names = ", ".join(sorted({r.metric.name for r in rows}))
    return Step(
        "reward", "What came of it", f"{len(rows)} rewards: {names}.",
        rows[-1].observed_at.isoformat(),
        {"rewards": [
            {"metric": r.metric.key, "value": r.value, "event_id": str(r.event_id),
             "at": r.observed_at.isoformat()} for r in rows
        ]},
    )  # fmt: skip
