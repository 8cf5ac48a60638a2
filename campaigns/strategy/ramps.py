"""Bringing a version to serve, step by step, and taking it back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from attune.kernel import audit
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import Phrase, restored, say
from attune.kernel.states import advance
from attune.kernel.tenancy import current_tenant
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Goal, Metric
from campaigns.experiments import guardrails, statistics
from campaigns.experiments.statistics import Effect, Moments, Strata
from campaigns.strategy import ramping, rounds, selectors, services
from campaigns.strategy.models import OffPolicyEstimate, Policy, PolicyVersion, Ramp, RampLook
from campaigns.strategy.ramping import Move, Seen
from campaigns.strategy.states import RAMP

SERVED_SQL = """
WITH worth AS (
  SELECT (d.context->>'step')::int AS step, d.context->>'group' AS who, d.contact_id,
    coalesce((SELECT sum(r.value) FROM reward r WHERE r.tenant_id = %(tenant)s
      AND r.decision_id = d.id AND r.metric_id = %(metric)s), 0) AS came,
    coalesce((%(costs)s::jsonb->>d.action)::float8, 0) AS cost
  FROM decision d
  WHERE d.tenant_id = %(tenant)s AND d.source_id = %(source)s AND d.at >= %(since)s
    AND d.mode NOT IN ('fallback', 'control')
    AND d.context->>'step' IS NOT NULL  -- not what was decided while the ramp was paused
    AND NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.tenant_id = d.tenant_id
      AND w.decision_id = d.id)),
people AS (
  SELECT step, who, contact_id, sum(came) AS came, sum(came) - sum(cost) AS value
  FROM worth GROUP BY 1, 2, 3)
SELECT step, who, count(*), sum(v)::float8, sum(v * v)::float8, count(*) FILTER (WHERE came <> 0)
FROM (SELECT step, who, came, CASE WHEN %(binary)s THEN least(value, 1) ELSE value END AS v
      FROM people) shaped
GROUP BY step, who"""
ACTIONS_SQL = """
SELECT DISTINCT action FROM decision WHERE tenant_id = %s AND source_id = %s AND at >= %s"""
SHADOWED_SQL = """
SELECT count(*) FROM decision WHERE tenant_id = %s AND source_id = %s AND at >= %s
  AND (shadow->>'version')::int = %s"""


def begin(version: PolicyVersion, now: datetime, steps: list[dict[str, Any]] | None = None) -> Ramp:
    """Start to bring a version to serve. Nothing goes live without the gate's word."""
    policy = version.policy
    estimate = selectors.estimate_of(version)
    if estimate is None:
        raise Conflict(say("Version %(n)s was not judged yet.", n=version.number))
    if estimate.verdict != "promote":
        raise Conflict(say("The gate does not let version %(n)s through: %(reason)s",
                           n=version.number, reason=estimate.reason))  # fmt: skip
    if policy.state != Policy.State.RUNNING:
        raise Conflict(say("The policy does not decide now; resume it first."))
    chosen = steps if steps is not None else ramping.STEPS
    if wrong := ramping.faults(chosen):
        raise Invalid.one("steps", wrong[0])
    try:
        with transaction.atomic():
            ramp = Ramp.objects.create(policy=policy, version=version, steps=chosen)
    except IntegrityError as clash:
        raise Conflict(
            say("Another version is on its way; finish or roll back that one.")
        ) from clash
    if chosen[0].get("approval"):
        audit.record("ramp.wait", ramp, version=version.number)
        return ramp
    _begin(ramp, now)
    return ramp


def begin_if_free(version: PolicyVersion, estimate: OffPolicyEstimate, now: datetime) -> None:
    """Of a policy that refreshes itself: begin where the gate lets it and nothing else is on its
    way; quicker where the version that serves is of the same kind."""
    policy = version.policy
    free = selectors.open_ramp(policy) is None and policy.state == Policy.State.RUNNING
    if policy.refreshes and estimate.verdict == "promote" and free:
        serving = selectors.serving(policy)
        same = serving is not None and serving.kind == version.kind
        begin(version, now, ramping.REFRESH if same else ramping.STEPS)


def _begin(ramp: Ramp, now: datetime) -> None:
    advance(RAMP, ramp, "begin")
    Ramp.objects.filter(pk=ramp.pk).update(step_since=now)
    _note(ramp, "begin", say("It begins with %(share)s.", share=_share(ramp, 0)), now, {})


def approve(ramp: Ramp, now: datetime) -> None:
    """A person lets the next step begin."""
    if ramp.state == Ramp.State.PENDING:
        _begin(ramp, now)
        return
    advance(RAMP, ramp, "approve")
    _step(ramp, now)
    _note(ramp, "approve", say("Approved: %(share)s.", share=_share(ramp, ramp.step)), now, {})


def pause(ramp: Ramp) -> None:
    """The version serves nobody until it is resumed; what served before does."""
    advance(RAMP, ramp, "pause")
    services.tell(ramp.policy)


def resume(ramp: Ramp, now: datetime) -> None:
    advance(RAMP, ramp, "resume")
    Ramp.objects.filter(pk=ramp.pk).update(step_since=now)
    services.tell(ramp.policy)


def roll_back(ramp: Ramp, reason: Phrase, now: datetime, results: Any = None) -> None:
    """What served before serves everybody again."""
    advance(RAMP, ramp, "roll_back", reason=str(reason))
    Ramp.objects.filter(pk=ramp.pk).update(reason=reason)
    _note(ramp, "roll_back", reason, now, results or {})


def _share(ramp: Ramp, step: int) -> str:
    return f"{ramp.steps[step]['coverage']:.0%}"


def _step(ramp: Ramp, now: datetime) -> None:
    ramp.step += 1
    Ramp.objects.filter(pk=ramp.pk).update(step=ramp.step, step_since=now)


def look(ramp: Ramp, now: datetime) -> Move:
    """Look at a ramp and do what follows. Looks that say what the last one said are not kept; of a
    paused ramp nothing follows."""
    if ramp.state == Ramp.State.PAUSED:
        return Move("wait", say("It is paused."))
    results = _results(ramp, now)
    move = ramping.next_move(ramp.steps, ramp.step, _seen(ramp, results, now))
    if move.did == "roll_back":
        roll_back(ramp, move.sentence, now, results)
        return move
    if ramp.state != Ramp.State.RUNNING:
        return move
    if move.did == "hold":
        advance(RAMP, ramp, "hold")
    elif move.did == "advance":
        audit.record("ramp.advance", ramp, step=ramp.step + 1)
        _step(ramp, now)
    elif move.did == "complete":
        _complete(ramp, now)
    _note(ramp, move.did, move.sentence, now, results)
    return move


def _complete(ramp: Ramp, now: datetime) -> None:
    advance(RAMP, ramp, "complete")
    why = say("Version %(n)s went through every step.", n=ramp.version.number)
    Policy.objects.filter(pk=ramp.policy_id).update(version=ramp.version.number, reason=why)
    audit.record("strategy.serve", ramp.policy, version=ramp.version.number)


def _note(ramp: Ramp, did: str, sentence: Phrase, now: datetime, results: Any) -> None:
    last = RampLook.objects.filter(ramp=ramp).order_by("-at", "-id").first()
    if last is not None and (last.did, str(last.sentence)) == (did, str(sentence)):
        RampLook.objects.filter(pk=last.pk).update(at=now, results=results)
    else:
        RampLook.objects.create(ramp=ramp, at=now, did=did, sentence=sentence, results=results)
    services.tell(ramp.policy)


def _results(ramp: Ramp, now: datetime) -> dict[str, Any]:
    """Effects of the candidate on what served before, by metric."""
    rows = []
    goals = log.goals(ramp.policy_id)
    alpha = statistics.ALPHA / max(1, len(goals))
    people: dict[str, int] = {}
    for goal in goals:
        strata = served(ramp, goal.metric, net=goal.role == Goal.Role.PRIMARY)
        effect = statistics.effect(
            strata.get("incumbent", {}), strata.get("candidate", {}), alpha=alpha
        )
        rows.append(_row(goal, strata, effect))
        if goal.role == Goal.Role.PRIMARY:
            people = {k: strata.get(k, {}).get(ramp.step, statistics.ZERO).n
                      for k in ("candidate", "incumbent")}  # fmt: skip
    return {"step": ramp.step, "people": people, "metrics": rows,
            "shadowed": _shadowed(ramp)}  # fmt: skip


def _row(goal: Goal, strata: dict[str, Strata], effect: Effect | None) -> dict[str, Any]:
    harmed = guardrails.harmed(effect, higher_is_better=goal.metric.higher_is_better)
    known = effect is not None and effect.error > 0
    pooled = {k: statistics.pooled(s) for k, s in strata.items()}
    return {
        "name": goal.metric.name, "role": goal.role, "harmed": harmed,
        "candidate": pooled["candidate"].mean if "candidate" in pooled else None,
        "incumbent": pooled["incumbent"].mean if "incumbent" in pooled else None,
        "difference": effect.difference if known and effect else None,
        "low": effect.low if known and effect else None,
        "high": effect.high if known and effect else None,
    }  # fmt: skip


def served(ramp: Ramp, metric: Metric, *, net: bool = False) -> dict[str, Strata]:
    """People served since the ramp began, with what they were worth (`net`: money less what it cost
    to do, as the gate counts it): group → step → moments."""
    first = RampLook.objects.filter(ramp=ramp).order_by("at", "id").first()
    if first is None:
        return {}
    found: dict[str, Strata] = {}
    binary = metric.kind == Metric.Kind.CONVERSION
    with connection.cursor() as cursor:
        cursor.execute(SERVED_SQL, {
            "tenant": current_tenant(), "source": ramp.policy_id, "metric": metric.pk,
            "since": first.at, "binary": binary,
            "costs": _costs(ramp, metric, first.at) if net else "{}",
        })  # fmt: skip
        for step, who, n, total, squares, hits in cursor.fetchall():
            moments = Moments(n, total, squares, None if binary else hits)
            found.setdefault(who, {})[step] = moments
    return found


def _costs(ramp: Ramp, metric: Metric, since: datetime) -> str:
    """What each action costs of the metric, in its unit, as JSON; of a loss it adds up."""
    with connection.cursor() as cursor:
        cursor.execute(ACTIONS_SQL, [current_tenant(), ramp.policy_id, since])
        keys = [row[0] for row in cursor.fetchall()]
    sign = 1 if metric.higher_is_better else -1
    known = selectors.parsed_actions(ramp.policy.bank_id, keys)
    return json.dumps({k: sign * rounds.cost(metric, action) for k, action in known.items()})


def _shadowed(ramp: Ramp) -> int:
    if ramp.steps[ramp.step]["coverage"] or ramp.step_since is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(SHADOWED_SQL, [
            current_tenant(), ramp.policy_id, ramp.step_since, ramp.version.number,
        ])  # fmt: skip
        return int(cursor.fetchone()[0])


def _seen(ramp: Ramp, results: dict[str, Any], now: datetime) -> Seen:
    coverage = float(ramp.steps[ramp.step]["coverage"])
    since = ramp.step_since or now
    people = results["people"]
    candidate, incumbent = people.get("candidate", 0), people.get("incumbent", 0)
    srm = None
    if 0 < coverage < 1:
        expected = {"candidate": coverage, "incumbent": 1 - coverage}
        total = candidate + incumbent
        srm = statistics.srm_p(
            {"candidate": candidate, "incumbent": incumbent},
            {k: total * share for k, share in expected.items()},
        )
    return Seen(
        (now - since).total_seconds() / 3600, results["shadowed"] if not coverage else candidate,
        incumbent, srm,
        [m["name"] for m in results["metrics"] if m["harmed"] and m["role"] == "guardrail"],
        any(m["harmed"] and m["role"] == "primary" for m in results["metrics"]),
        broken(ramp.policy),
    )  # fmt: skip


def broken(policy: Policy) -> list[Phrase]:
    """Fairness rules that block and were broken at the last look, by the people whom a version on
    its way served."""
    last = selectors.latest_look(policy)
    rows = last.results.get("fairness", []) if last is not None else []
    return [
        restored(r["on_its_way"]) for r in rows
        if r.get("on_its_way") is not None and r["on_breach"] == "block"
    ]  # fmt: skip
