"""A policy in words: what it brings, what drives it, what binds it, why this for this person."""

from __future__ import annotations

from typing import Any

from attune.kernel.phrases import Phrase, as_is, say, say_many
from campaigns.decisions.models import Decision, Metric
from campaigns.strategy import planning
from campaigns.strategy.features import CONTEXT, TRAIT, name_of
from campaigns.strategy.models import Constraint, Policy, PolicyVersion

MOST = 5
HIDDEN = "•••"


def summary(policy: Policy, results: dict[str, Any] | None, metric: Metric) -> Phrase:
    """What the page says in one sentence."""
    if policy.state == Policy.State.DRAFT:
        return say("It does not decide yet. Start it, and it tries every action in turn.")
    if policy.state == Policy.State.PAUSED:
        return say("It is stopped: everybody gets the default. %(why)s", why=policy.reason)
    if results is None or not results["decisions"]:
        return say("Nobody was decided for yet. Ask by the API: POST /v1/decide.")
    gain = results["gain"]
    if gain is None:
        return say("Not enough decisions whose time to be rewarded is over, yet.")
    values = _amounts(gain, metric)
    if gain["low"] > 0:
        return say("It brings more than its control: %(gain)s a decision, 95 %% interval %(low)s "
                   "to %(high)s.", **values)  # fmt: skip
    if gain["high"] < 0:
        return say("It brings less than its control: %(gain)s a decision, 95 %% interval %(low)s "
                   "to %(high)s. Stop it, or roll back.", **values)  # fmt: skip
    return say("Not shown to differ from its control yet: %(gain)s a decision, 95 %% interval "
               "%(low)s to %(high)s.", **values)  # fmt: skip


def _amounts(gain: dict[str, float], metric: Metric) -> dict[str, Any]:
    if metric.kind == Metric.Kind.CONVERSION:
        told = {k: say("%(n)s points", n=f"{v * 100:+.2f}") for k, v in gain.items()}
    else:
        told = {k: as_is(f"{v:+.3f}") for k, v in gain.items()}
    return {"gain": told["value"], "low": told["low"], "high": told["high"]}


def constraint(rule: Constraint) -> Phrase:
    """A constraint as a sentence."""
    what = as_is(", ".join(rule.options)) if rule.options else say("whatever it does")
    values = rule.values
    if rule.kind == Constraint.Kind.ELIGIBILITY:
        return say("%(what)s only for “%(segment)s”", what=what,
                   segment=rule.segment.name if rule.segment else "")  # fmt: skip
    if rule.kind == Constraint.Kind.CAP:
        return say_many("%(what)s at most %(n)s time in %(days)s days",
                        "%(what)s at most %(n)s times in %(days)s days", what=what,
                        n=values["most"], days=values["days"])  # fmt: skip
    if rule.kind == Constraint.Kind.QUIET:
        return say("%(what)s not from %(start)s to %(end)s o'clock", what=what,
                   start=values["from"], end=values["to"])  # fmt: skip
    if rule.kind == Constraint.Kind.BUDGET:
        period = {"day": say("day"), "week": say("week"), "month": say("month")}
        money = f"{values['cents'] / 100:,.2f}"
        return say("%(what)s for at most %(money)s each %(period)s", what=what, money=money,
                   period=period[values["period"]])  # fmt: skip
    if rule.kind == Constraint.Kind.EXCLUSION:
        return say("never together: %(what)s", what=what)
    told = say("%(what)s for %(least)s to %(most)s", what=what, least=f"{values['least']:.0%}",
               most=f"{values['most']:.0%}")  # fmt: skip
    if values.get("trait"):
        return say("%(told)s, of people whose %(trait)s is %(value)s", told=told,
                   trait=values["trait"], value=values["value"])  # fmt: skip
    return told


def drivers(results: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What the choice depends on, over everybody."""
    return [{**row, "name": _named(row["feature"], row["level"])}
            for row in (results or {}).get("drivers", []) if row["share"] > 0]  # fmt: skip


def _named(feature: str, level: str) -> Phrase:
    if not level:
        return name_of(feature)
    return say("%(name)s: %(level)s", name=name_of(feature), level=level)


def shares(decision: Decision) -> list[dict[str, Any]]:
    """Every action with its probability, the chosen one marked."""
    rows = sorted(decision.propensities.items(), key=lambda item: -item[1])
    return [{"action": key, "share": p, "chosen": key == decision.action} for key, p in rows]


def reasons(policy: Policy, decision: Decision, *, personal: bool) -> list[dict[str, Any]]:
    """What spoke for the action rather than the others, in units of the reward; none where chance
    or the default decided. Traits are shown to those alone who may see them."""
    if decision.mode != Decision.Mode.EXPLOIT:
        return []
    version = PolicyVersion.objects.filter(policy=policy, number=decision.version).first()
    if version is None:
        return []
    found = planning.loaded(version).reasons(
        decision.profile, decision.action, list(decision.propensities)
    )
    return [
        {"name": _named(name, level) if personal else name_of(name), "part": part,
         "value": _shown(name, decision.profile.get(name), personal=personal)}
        for name, level, part in found[:MOST]
    ]  # fmt: skip


def known(decision: Decision, *, personal: bool) -> list[dict[str, Any]]:
    """The features as they were."""
    return [{"name": name_of(k), "value": _shown(k, v, personal=personal)}
            for k, v in decision.profile.items()]  # fmt: skip


def _shown(name: str, value: Any, *, personal: bool) -> Any:
    return value if personal or not name.startswith((TRAIT, CONTEXT)) else HIDDEN
