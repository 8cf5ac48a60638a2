"""A look at a policy: what it brings against its control, what it does, what it may not, and
whether its parts still work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import orjson
from django.db import connection
from django.db.models.fields.json import KeyTransform

from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Contact
from campaigns.decisions import selectors as log
from campaigns.strategy import fairness, learning, offpolicy, rounds, selectors, services
from campaigns.strategy.models import FairnessRule, Policy, PolicyLook
from campaigns.strategy.rounds import Logged
from campaigns.strategy.states import CANDIDATE, CONTROL

PERIODS = 16  # stretches of time that a picture shows
BOUND_SQL = """
SELECT e->>'rule', count(DISTINCT d.id) FROM decision d, jsonb_array_elements(d.excluded) e
WHERE d.tenant_id = %(tenant)s AND d.source_id = %(source)s AND d.at >= %(since)s GROUP BY 1
UNION ALL
SELECT b, count(*) FROM decision d, jsonb_array_elements_text(d.context->'bound') b
WHERE d.tenant_id = %(tenant)s AND d.source_id = %(source)s AND d.at >= %(since)s GROUP BY 1"""
FELL_SQL = """
SELECT context->'fallback', count(*) FROM decision
WHERE tenant_id = %(tenant)s AND source_id = %(source)s AND at >= %(since)s AND mode = 'fallback'
GROUP BY 1 ORDER BY 2 DESC LIMIT 5"""
LAST_SQL = """
SELECT max(r.observed_at) FROM reward r JOIN decision d ON d.tenant_id = %(tenant)s
  AND d.id = r.decision_id AND d.source_id = %(source)s
WHERE r.tenant_id = %(tenant)s AND r.metric_id = %(metric)s AND r.observed_at < %(until)s"""
FAIR_DAYS = 30
LEAST_PEOPLE = 20  # of the policy and of its control, before the two are compared
QUIET_FACTOR = 3  # so many times the longest pause without a reward, and something is broken


def read(policy: Policy, now: datetime) -> Logged:
    """The log that a look is made of."""
    return rounds.logged(policy, since=now - services.LEARN_FROM, until=now)


def look(
    policy: Policy, now: datetime, seen: Logged | None = None, regret: np.ndarray | None = None
) -> PolicyLook:  # fmt: skip
    """Keep what is seen now; and let the policy fall back where its rewards dried up. The log and
    the regrets may have been worked out before, with no transaction waiting for them."""
    seen = read(policy, now) if seen is None else seen
    regret = regrets(seen) if regret is None else regret
    found = seen.rounds
    dried = dried_up(found, now, seen.at, _last(policy, now))
    if str(policy.stalled or "") != str(dried or ""):
        Policy.objects.filter(pk=policy.pk).update(stalled=dried or "")
    bound, fallbacks = _bound(policy, now - timedelta(days=30))
    results: dict[str, Any] = {
        "decisions": len(found), "people": len(np.unique(found.units)),
        "value": _value(seen), "gain": _gain(seen),
        "periods": _periods(seen, regret), "keys": list(found.keys),
        "bound": bound, "fallbacks": fallbacks, "shadow": _agreement(seen),
        "fairness": [_fair(policy, rule, seen, now) for rule in policy.fairness.order_by("id")],
        "drivers": _drivers(policy), "stalled": dried.stored() if dried else None,
    }  # fmt: skip
    row = PolicyLook.objects.create(policy=policy, at=now, results=results)
    services.tell(policy)
    return row


def _interval(rewards: np.ndarray, units: np.ndarray) -> list[float | None]:
    if len(rewards) < 2:
        return [float(rewards.mean()) if len(rewards) else None, None, None]
    value, low, high = (float(v) for v in offpolicy.interval(rewards, units))
    if low == high:  # all alike, often all nothing: that says little about the next ones
        return [value, None, None]
    return [value, low, high]


def _value(seen: Logged) -> dict[str, Any]:
    """A decision's mean worth, control and policy, of those whose time is over."""
    done, control = seen.rounds.over, seen.groups == CONTROL
    found = {}
    for name, mask in (("control", done & control), ("policy", done & ~control)):
        told = _interval(seen.rounds.rewards[mask], seen.rounds.units[mask])
        found[name] = {"n": int(mask.sum()), "value": told[0], "low": told[1], "high": told[2]}
    return found


def _gain(seen: Logged) -> dict[str, Any] | None:
    """What a decision of the policy brings more than one of the control, with its interval: that of
    a difference from those of its parts, which lean (Zou and Donner 2008)."""
    done, control = seen.rounds.over, seen.groups == CONTROL
    parts = []
    for mask in (done & ~control, done & control):
        if len(np.unique(seen.rounds.units[mask])) < LEAST_PEOPLE:
            return None
        parts.append(offpolicy.interval(seen.rounds.rewards[mask], seen.rounds.units[mask]))
    (own, own_low, own_high), (usual, usual_low, usual_high) = parts
    gain = own - usual
    return {"value": gain, "low": gain - float(np.hypot(own - own_low, usual_high - usual)),
            "high": gain + float(np.hypot(own_high - own, usual - usual_low))}  # fmt: skip


def _periods(seen: Logged, regret: np.ndarray) -> list[dict[str, Any]]:
    """The log in stretches of whole days: value of both groups, shares of the actions, regret."""
    if not seen.at:
        return []
    first, last = seen.at[0].date(), seen.at[-1].date()
    days = max(1, -(-((last - first).days + 1) // PERIODS))
    number = np.array([(at.date() - first).days // days for at in seen.at])
    found = []
    for k in range(int(number.max()) + 1):
        here = number == k
        mine = here & (seen.groups != CONTROL)
        shares = np.bincount(seen.rounds.actions[mine], minlength=len(seen.rounds.keys))
        row: dict[str, Any] = {
            "from": str(first + timedelta(days=k * days)), "days": days,
            "open": int((here & ~seen.rounds.over).sum()),
            "shares": [round(float(s), 4) for s in shares / max(1, shares.sum())],
            "regret": _finite(regret[mine]),
        }  # fmt: skip
        for name, mask in (("control", here & ~mine), ("policy", mine)):
            told = _interval(seen.rounds.rewards[mask], seen.rounds.units[mask])
            row[name] = [int(mask.sum()), *told]
        found.append(row)
    return found


def _finite(values: np.ndarray) -> float | None:
    """Their mean, as JSON holds it; None where nothing is known."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def regrets(seen: Logged) -> np.ndarray:
    """By how much the best allowed action is believed to be better than the one done (n,), by a
    model that did not see the person."""
    found = seen.rounds
    if not learning.enough(found):
        return np.full(len(found), np.nan)
    encoder = learning.Encoder.fitted(found.rows, sorted({k for row in found.rows for k in row}))
    model = learning.modelled(found, encoder)
    best = np.where(found.eligible, model, -np.inf).max(1)
    done: np.ndarray = best - model[np.arange(len(found)), found.actions]
    return np.maximum(done, 0.0)


def _bound(policy: Policy, since: datetime) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """How many decisions each constraint bound, and why how many fell back."""
    values: dict[str, Any] = {"tenant": current_tenant(), "source": policy.pk, "since": since}
    with connection.cursor() as cursor:
        cursor.execute(BOUND_SQL, values)
        bound: Counter[str] = Counter()
        for rule, n in cursor.fetchall():
            bound[rule] += n
        cursor.execute(FELL_SQL, values)
        fell = [{"why": orjson.loads(why), "n": n} for why, n in cursor.fetchall() if why]
    return dict(bound), fell


def _last(policy: Policy, now: datetime) -> datetime | None:
    """When the newest reward came, of any decision: of those that fell back, too."""
    metric = log.goals(policy.pk)[0].metric
    with connection.cursor() as cursor:
        cursor.execute(LAST_SQL, {"tenant": current_tenant(), "source": policy.pk,
                                  "metric": metric.pk, "until": now})  # fmt: skip
        found: datetime | None = cursor.fetchone()[0]
    return found


def _agreement(seen: Logged) -> float | None:
    """How much of its choices a version that watches would have shared with what was done: 1 less
    the total variation, on average."""
    watched = ~np.isnan(seen.shadow).any(1) if len(seen.shadow) else np.zeros(0, dtype=bool)
    if not watched.any() or seen.rounds.logged is None:
        return None
    apart = np.abs(seen.shadow[watched] - seen.rounds.logged[watched]).sum(1) / 2
    return float(1 - apart.mean())


def dried_up(
    found: learning.Rounds, now: datetime, at: Sequence[datetime], last: datetime | None = None
) -> Phrase | None:
    """Rewards used to come, and stopped: much longer ago than they ever paused, while decisions
    went on. Learning from such a log would teach that nothing works. `last` is when the newest
    reward came, of decisions that are not in the log, too."""
    rewarded = np.flatnonzero(np.isfinite(found.delays))
    if len(rewarded) < learning.LEAST_DELAYS:
        return None
    came = np.sort(np.array([
        at[int(i)].timestamp() + found.delays[i] * 3600 for i in rewarded
    ]))  # fmt: skip
    usual = float(np.diff(came).max())
    newest = max(float(came[-1]), last.timestamp() if last is not None else 0.0)
    silent = now.timestamp() - newest
    since = sum(a.timestamp() > newest for a in at)
    if since < 50 or silent < max(QUIET_FACTOR * usual, 6 * 3600):
        return None
    return say("No reward came for %(hours)s hours, though they used to come at least every "
               "%(usual)s: is the event still sent? Everybody gets the default until one comes.",
               hours=round(silent / 3600), usual=f"{max(0.1, usual / 3600):.1f}")  # fmt: skip


def _drivers(policy: Policy) -> list[dict[str, Any]]:
    serving = selectors.serving(policy)
    return serving.drivers if serving is not None else []


def _fair(policy: Policy, rule: FairnessRule, seen: Logged, now: datetime) -> dict[str, Any]:
    """One rule, by the people of the last 30 days (the control group left out)."""
    since = now - timedelta(days=FAIR_DAYS)
    lately = np.array([at >= since for at in seen.at], dtype=bool)
    judged, groups, unknown = _groups(policy, rule, seen, lately & (seen.groups != CONTROL))
    own, _, _ = _groups(policy, rule, seen, lately & (seen.groups == CANDIDATE))
    return {
        "rule": str(rule.pk), "state": judged.state, "broken": judged.state == "broken",
        "on_its_way": own.sentence.stored() if own.state == "broken" else None,
        "on_breach": rule.on_breach, "sentence": judged.sentence.stored(), "unknown": unknown,
        "groups": [
            {"name": name, "n": g.n, "mean": g.mean, "error": g.error}
            for name, g in sorted(groups.items(), key=lambda item: -item[1].n)[:12]
            if g.n >= LEAST_PEOPLE
        ],
    }  # fmt: skip


def _groups(
    policy: Policy, rule: FairnessRule, seen: Logged, mine: np.ndarray
) -> tuple[fairness.Judged, dict[str, fairness.Group], int]:
    """What a rule says of some rounds, its groups, and how many people are in none."""
    units = seen.rounds.units[mine]
    people, index = np.unique(units, return_inverse=True)
    told = dict(
        Contact.objects.filter(pk__in=list(people))
        .annotate(group=KeyTransform(rule.trait, "traits")).values_list("pk", "group")
    )  # fmt: skip
    values = _measured(policy, rule, seen, mine)
    total = np.bincount(index, weights=values, minlength=len(people))
    times = np.maximum(np.bincount(index, minlength=len(people)), 1)
    each = total / times
    by: dict[str, list[float]] = {}
    unknown = 0
    named = {str(pk): value for pk, value in told.items()}
    for person, value in zip(people, each, strict=True):
        group = named.get(str(person))
        if group in (None, ""):
            unknown += 1
        else:
            by.setdefault(str(group)[:60], []).append(float(value))
    groups = {
        name: fairness.Group(len(v), float(np.mean(v)), float(np.std(v)) / len(v) ** 0.5)
        for name, v in by.items()
    }
    judged = fairness.judged(groups, unknown, tolerance=rule.tolerance, least=rule.least_people)
    return judged, groups, unknown


def _measured(policy: Policy, rule: FairnessRule, seen: Logged, mine: np.ndarray) -> np.ndarray:
    """Of each round: whether it did the option (exposure), or what it was worth (benefit)."""
    if rule.measure == FairnessRule.Measure.BENEFIT:
        return seen.rounds.rewards[mine]
    actions = selectors.parsed_actions(policy.bank_id, seen.rounds.keys)
    wanted = [rule.option] if rule.option else []
    does = np.array([float(actions[key].has(wanted)) for key in seen.rounds.keys])
    found: np.ndarray = does[seen.rounds.actions[mine]]
    return found
