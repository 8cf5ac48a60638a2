"""Reading policies."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence

from django.db.models import QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.models import JobRow
from attune.kernel.phrases import say
from campaigns.content.models import Revision
from campaigns.strategy import actions as acting
from campaigns.strategy.actions import Action
from campaigns.strategy.models import (
    ActionBank,
    Constraint,
    FairnessRule,
    OffPolicyEstimate,
    Option,
    PastLog,
    Policy,
    PolicyLook,
    PolicyVersion,
    Ramp,
)


def policies(*, q: str = "", state: str = "") -> QuerySet[Policy]:
    rows = Policy.objects.select_related("bank", "audience").order_by("-id")
    rows = rows.filter(name__icontains=q) if q else rows
    return rows.filter(state=state) if state else rows


def policy(policy_id: uuid.UUID | str, *, lock: bool = False) -> Policy:
    rows = policies().select_for_update(of=("self",)) if lock else policies()
    row = rows.filter(pk=policy_id).first()
    if row is None:
        raise NotFound(say("There is no such policy in this workspace."))
    return row


def deciding() -> QuerySet[Policy]:
    return policies().filter(state=Policy.State.RUNNING)


def banks() -> QuerySet[ActionBank]:
    return ActionBank.objects.order_by("name")


def bank(bank_id: uuid.UUID | str) -> ActionBank:
    row = ActionBank.objects.filter(pk=bank_id).first()
    if row is None:
        raise NotFound(say("There is no such action bank in this workspace."))
    return row


def options_of(bank_id: uuid.UUID) -> list[Option]:
    rows = Option.objects.filter(bank_id=bank_id).select_related("revision__asset", "segment")
    order = list(Option.Dimension.values)
    return sorted(rows, key=lambda o: (order.index(o.dimension), o.position, o.key))


def successors(options: Sequence[Option]) -> dict[uuid.UUID, Revision]:
    """{option: the approved revision of its text, where it shows another one}."""
    assets = {o.revision.asset_id for o in options if o.revision is not None}
    rows = Revision.objects.filter(asset_id__in=assets, state=Revision.State.APPROVED)
    newest = {row.asset_id: row for row in rows.select_related("asset").order_by("number")}
    return {
        o.pk: newest[o.revision.asset_id] for o in options
        if o.revision is not None and o.revision.asset_id in newest
        and newest[o.revision.asset_id].pk != o.revision_id
    }  # fmt: skip


def constraints(of: Policy) -> list[Constraint]:
    return list(of.constraints.select_related("segment").order_by("id"))


def constraints_in_force(of: Policy) -> list[Constraint]:
    return [rule for rule in constraints(of) if rule.in_force]


def actions_of(
    of: Policy, rules: Sequence[Constraint], options: Sequence[Option] | None = None
) -> list[Action]:
    """The actions of the bank that no exclusion in force forbids, WAIT first."""
    never = [r.options for r in rules if r.kind == Constraint.Kind.EXCLUSION]
    found = options_of(of.bank_id) if options is None else options
    return combined_actions(found, of.may_wait, never)


def combined_actions(
    options: Sequence[Option], may_wait: bool, never: Sequence[Sequence[str]] = ()
) -> list[Action]:
    """Every combination of the options in use."""
    return acting.combined(by_dimension([o for o in options if o.in_use]), never, may_wait)


def by_dimension(options: Sequence[Option]) -> dict[str, list[tuple[str, int]]]:
    """{dimension: [(key, cost in cents)]}."""
    found: dict[str, list[tuple[str, int]]] = {}
    for option in options:
        found.setdefault(option.dimension, []).append((option.key, option.cost_cents))
    return found


def parsed_actions(bank_id: uuid.UUID, keys: Sequence[str]) -> dict[str, Action]:
    """What past actions did, by options that may be out of use since: {key: Action}."""
    options = by_dimension(options_of(bank_id))
    return {key: acting.parsed(key, options) for key in keys}


def serving(of: Policy) -> PolicyVersion | None:
    rows = PolicyVersion.objects.defer("snapshot")  # what it knows is read once a process
    return rows.filter(policy=of, number=of.version).first()


def versions(of: Policy, most: int = 100) -> list[PolicyVersion]:
    rows = PolicyVersion.objects.defer("snapshot").filter(policy=of)
    return list(rows.order_by("-number")[:most])


def version(version_id: uuid.UUID | str) -> PolicyVersion:
    row = PolicyVersion.objects.select_related("policy__bank").filter(pk=version_id).first()
    if row is None:
        raise NotFound(say("There is no such version in this workspace."))
    return row


def estimates(of: PolicyVersion) -> QuerySet[OffPolicyEstimate]:
    return OffPolicyEstimate.objects.filter(version=of).order_by("-id")


def estimate_of(of: PolicyVersion) -> OffPolicyEstimate | None:
    """The newest report on a version by the policy's own log."""
    return estimates(of).filter(log="decisions").first()


def open_ramp(of: Policy) -> Ramp | None:
    rows = Ramp.objects.select_related("version").defer("version__snapshot")
    return rows.filter(policy=of, state__in=Ramp.OPEN).first()


def ramps(of: Policy) -> QuerySet[Ramp]:
    rows = Ramp.objects.filter(policy=of).select_related("version").defer("version__snapshot")
    return rows.order_by("-id")


def ramp(ramp_id: uuid.UUID | str, *, lock: bool = False) -> Ramp:
    rows = Ramp.objects.select_related("version", "policy")
    rows = rows.select_for_update(of=("self",)) if lock else rows
    row = rows.filter(pk=ramp_id).first()
    if row is None:
        raise NotFound(say("There is no such ramp in this workspace."))
    return row


def latest_look(of: Policy) -> PolicyLook | None:
    return PolicyLook.objects.filter(policy=of).order_by("-at", "-id").first()


def latest_looks(of: Sequence[Policy]) -> dict[uuid.UUID, PolicyLook]:
    rows = PolicyLook.objects.filter(policy__in=list(of)).order_by("policy_id", "-at", "-id")
    return {row.policy_id: row for row in rows.distinct("policy_id")}


def estimates_of(of: Sequence[PolicyVersion]) -> dict[uuid.UUID, OffPolicyEstimate]:
    """The newest report on each version by the policy's own log."""
    rows = OffPolicyEstimate.objects.filter(version__in=list(of), log="decisions")
    return {
        row.version_id: row for row in rows.order_by("version_id", "-id").distinct("version_id")
    }


def refused_job(of: Policy) -> JobRow | None:
    """The newest attempt to learn a version, where it gave up and none came of it since."""
    kinds = ["strategy.learn", "strategy.learn_return"]
    newest = JobRow.objects.filter(kind__in=kinds, payload__policy_id=str(of.pk)).order_by("-id")
    row = newest.first()
    return row if row is not None and row.state in JobRow.GAVE_UP else None


def past_logs(of: Policy) -> QuerySet[PastLog]:
    return PastLog.objects.filter(policy=of).order_by("-id")


def past_log(log_id: uuid.UUID | str) -> PastLog:
    row = PastLog.objects.select_related("policy", "job").filter(pk=log_id).first()
    if row is None:
        raise NotFound(say("There is no such log in this workspace."))
    return row


def option(option_id: uuid.UUID | str) -> Option:
    row = Option.objects.select_related("bank").filter(pk=option_id).first()
    if row is None:
        raise NotFound(say("There is no such option in this workspace."))
    return row


def constraint(rule_id: uuid.UUID | str) -> Constraint:
    row = Constraint.objects.select_related("policy").filter(pk=rule_id).first()
    if row is None:
        raise NotFound(say("There is no such constraint in this workspace."))
    return row


def fairness_rule(rule_id: uuid.UUID | str) -> FairnessRule:
    row = FairnessRule.objects.filter(pk=rule_id).first()
    if row is None:
        raise NotFound(say("There is no such rule in this workspace."))
    return row


def count_actions(options: Sequence[Option]) -> int:
    """How many combinations options in use make."""
    many: dict[str, int] = {}
    for one in options:
        if one.in_use:
            many[one.dimension] = many.get(one.dimension, 0) + 1
    return math.prod(many.values()) if many else 0
