"""A policy ready to decide, kept in each process until anything that it is made of changes.

One statement asks for the marks (xmin, ctid) of every row that a plan is made of: a row that was
written has another mark. So a stop or a new constraint holds from the next decision on, and what
did not change is not read again.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock

from django.db import connection

from attune.kernel.errors import Conflict, NotFound
from attune.kernel.phrases import Phrase, say, word
from attune.kernel.tenancy import current_tenant
from campaigns.strategy import actions as acting
from campaigns.strategy import selectors
from campaigns.strategy.actions import Action
from campaigns.strategy.models import Constraint, Option, Policy, PolicyVersion, Ramp
from campaigns.strategy.snapshots import EVEN, Snapshot
from tenants.models import Tenant

MOST = 500  # plans kept in a process
MARKS_SQL = """
SELECT p.id, concat_ws(';', p.xmin, p.ctid,
  (SELECT concat(t.xmin, t.ctid) FROM tenants_tenant t WHERE t.id = p.tenant_id),
  (SELECT concat(s.xmin, s.ctid) FROM segment s
   WHERE s.tenant_id = p.tenant_id AND s.id = p.audience_id),
  (SELECT string_agg(concat(o.xmin, o.ctid, r.xmin, r.ctid, s.xmin, s.ctid), ',' ORDER BY o.id)
   FROM option o
   LEFT JOIN revision r ON r.tenant_id = o.tenant_id AND r.id = o.revision_id
   LEFT JOIN segment s ON s.tenant_id = o.tenant_id AND s.id = o.segment_id
   WHERE o.tenant_id = p.tenant_id AND o.bank_id = p.bank_id),
  (SELECT string_agg(concat(c.xmin, c.ctid, s.xmin, s.ctid), ',' ORDER BY c.id)
   FROM policy_constraint c
   LEFT JOIN segment s ON s.tenant_id = c.tenant_id AND s.id = c.segment_id
   WHERE c.tenant_id = p.tenant_id AND c.policy_id = p.id),
  (SELECT string_agg(concat(w.xmin, w.ctid), ',') FROM ramp w
   WHERE w.tenant_id = p.tenant_id AND w.policy_id = p.id
     AND w.state IN ('pending', 'ready', 'running', 'paused')))
FROM policy p WHERE p.tenant_id = %s AND """


@dataclass(frozen=True, slots=True)
class Plan:
    """What is the same for everybody at this moment. Its rows are shared: read them only."""

    policy: Policy
    actions: list[Action]
    rules: list[Constraint]
    serving: PolicyVersion | None
    ramp: Ramp | None
    fallback: Phrase | None  # why everybody gets the default
    options: Mapping[str, Option]  # those in use, by "dimension:key"
    known: Mapping[str, Sequence[tuple[str, int]]]  # (key, cost) of every option, by dimension
    zone: str = "UTC"  # the workspace's, for people whose own is not known

    def parsed(self, key: str) -> Action:
        """What an action did, by options that may be out of use since."""
        return acting.parsed(key, self.known)


_kept: OrderedDict[tuple[int, uuid.UUID], tuple[str, Plan]] = OrderedDict()
_lock = Lock()


@lru_cache(maxsize=256)
def _loaded(version_id: uuid.UUID, tenant_id: int) -> Snapshot:
    """A version never changes, so it is read once a process."""
    return Snapshot.of(PolicyVersion.objects.get(pk=version_id).snapshot)


def loaded(version: PolicyVersion) -> Snapshot:
    return _loaded(version.pk, version.tenant_id)


def planned(policy: Policy, now: datetime) -> Plan:
    """Raises Conflict where the policy does not decide yet, or not any more."""
    return _planned("p.id = %s", policy.pk, now)


def planned_by_key(key: str, now: datetime) -> Plan:
    """As `planned`; raises NotFound where no policy has this key."""
    return _planned("p.key = %s", key, now)


def _planned(where: str, which: uuid.UUID | str, now: datetime) -> Plan:
    with connection.cursor() as cursor:
        cursor.execute(MARKS_SQL + where, [current_tenant(), which])
        found = cursor.fetchone()
    if found is None:
        raise NotFound(say("There is no policy with the key “%(key)s”.", key=str(which)))
    place, marks = (current_tenant(), found[0]), found[1]
    kept = _kept.get(place)
    if kept is None or kept[0] != marks:
        kept = (marks, _made(selectors.policy(found[0])))
        with _lock:
            _kept[place] = kept
            _kept.move_to_end(place)
            while len(_kept) > MOST:
                _kept.popitem(last=False)
    plan = kept[1]
    _check_decides(plan.policy)
    return replace(plan, fallback=_fallback(plan, now))


def _check_decides(policy: Policy) -> None:
    if policy.state in {Policy.State.DRAFT, Policy.State.RETIRED}:
        raise Conflict(say("The policy “%(name)s” does not decide: it is %(state)s.",
                           name=policy.name, state=word(policy.state)))  # fmt: skip


def _made(policy: Policy) -> Plan:
    rules = selectors.constraints_in_force(policy)
    every = selectors.options_of(policy.bank_id)
    options = [o for o in every if o.in_use]
    return Plan(
        policy, selectors.actions_of(policy, rules, options), rules, selectors.serving(policy),
        selectors.open_ramp(policy), None, {o.code: o for o in options},
        selectors.by_dimension(every), Tenant.objects.get(pk=current_tenant()).timezone,
    )  # fmt: skip


def _fallback(plan: Plan, now: datetime) -> Phrase | None:
    policy, serving, ramp = plan.policy, plan.serving, plan.ramp
    if policy.state == Policy.State.PAUSED:
        return say("The policy is stopped; everybody gets the default.")
    if serving is None:
        return say("The policy has no version that serves.")
    if policy.stalled:
        return policy.stalled
    learned = serving.until
    if ramp is not None and ramp.in_force:  # what is on its way may heal it
        learned = max(learned, ramp.version.until)
    if serving.kind != EVEN and now - learned > timedelta(hours=policy.stale_hours):
        return say("What it learned is older than %(hours)s hours; everybody gets the default "
                   "until it learns anew.", hours=policy.stale_hours)  # fmt: skip
    return None
