"""Writing what a policy may do and what binds it: banks, options, constraints, fairness rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from attune.kernel import audit
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.phrases import say
from campaigns.content.models import Revision
from campaigns.content.services import verify
from campaigns.segments.models import Segment
from campaigns.strategy import binding, selectors
from campaigns.strategy.models import ActionBank, Constraint, FairnessRule, Option, Policy

NUMBERS: dict[str, tuple[tuple[str, int, int], ...]] = {  # whole numbers of a kind, from and to
    Constraint.Kind.CAP: (("most", 1, 1_000), ("days", 1, 365)),
    Constraint.Kind.QUIET: (("from", 0, 23), ("to", 0, 23)),
    Constraint.Kind.BUDGET: (("cents", 1, 10**12),),
}


def create_bank(name: str) -> ActionBank:
    if not name.strip():
        raise Invalid.one("name", say("Give the bank a name."))
    try:
        with transaction.atomic():
            bank = ActionBank.objects.create(name=name.strip()[:120])
    except IntegrityError as clash:
        raise Invalid.one("name", say("A bank has this name already.")) from clash
    audit.record("strategy.create_bank", bank)
    return bank


def add_option(
    bank: ActionBank, *, dimension: str, name: str, key: str = "", revision: Revision | None = None,
    cost_cents: int = 0, hour: int | None = None, days: int | None = None,
    segment: Segment | None = None,
) -> Option:  # fmt: skip
    """A new option; policies that decide by this bank may choose it from the next decision on, as
    one of which nothing is known. `hour` is of a send time, `days` of a frequency, `segment` of an
    audience."""
    key = slugify(key or name)[:30]
    faults = list(_option_faults(bank, dimension, name, key, cost_cents))
    faults += _meaning_faults(dimension, hour, days, segment)
    if faults:
        raise Invalid(faults)
    same = Option.objects.filter(bank=bank, dimension=dimension)
    try:
        with transaction.atomic():
            option = Option.objects.create(
                bank=bank, dimension=dimension, name=name.strip()[:120], key=key,
                revision=revision, cost_cents=cost_cents, position=same.count(), hour=hour,
                days=days, segment=segment,
            )  # fmt: skip
    except IntegrityError as clash:
        raise Invalid.one(
            "key", say("The bank has the option “%(key)s” already.", key=key)
        ) from clash
    audit.record("strategy.add_option", option, bank=str(bank.pk))
    return option


def _option_faults(
    bank: ActionBank, dimension: str, name: str, key: str, cost: int
) -> Iterator[FieldError]:
    if dimension not in Option.Dimension.values:
        yield FieldError("dimension", say("Choose one of the dimensions."))
    if not name.strip():
        yield FieldError("name", say("Give the option a name."))
    elif not key or key == "wait":
        yield FieldError("key", say("Give it a key of letters and digits; “wait” is taken."))
    if not 0 <= cost <= 10_000_000:
        yield FieldError("cost_cents", say("The cost is 0 or more, below 100,000."))
    started = bank.policies.exclude(state__in=["draft", "retired"]).exists()
    known = set(bank.options.filter(in_use=True).values_list("dimension", flat=True))
    if started and known and dimension not in known:
        told = say("A policy decides by this bank already: a new dimension would change every "
                   "action. Make another bank.")  # fmt: skip
        yield FieldError("dimension", told)


def _meaning_faults(
    dimension: str, hour: int | None, days: int | None, segment: Segment | None
) -> Iterator[FieldError]:
    if hour is not None and dimension != Option.Dimension.SEND_TIME:
        yield FieldError("hour", say("Only a send time has an hour."))
    elif hour is not None and not 0 <= hour <= 23:
        yield FieldError(
            "hour", say("Give a whole number from %(low)s to %(high)s.", low=0, high=23)
        )
    if days is not None and dimension != Option.Dimension.FREQUENCY:
        yield FieldError("days", say("Only a frequency has days."))
    elif days is not None and not 1 <= days <= 365:
        yield FieldError(
            "days", say("Give a whole number from %(low)s to %(high)s.", low=1, high=365)
        )
    if segment is not None and dimension != Option.Dimension.AUDIENCE:
        yield FieldError("segment", say("Only an audience has a segment."))


def show(option: Option, revision: Revision) -> None:
    """Let an option show another approved revision of its text: what was learned of it stays."""
    if option.revision is None or revision.asset_id != option.revision.asset_id:
        raise Invalid.one("revision", say("Choose a revision of the same text."))
    verify(revision)
    Option.objects.filter(pk=option.pk).update(revision=revision)
    audit.record("strategy.show_revision", option, before=str(option.revision_id),
                 after=str(revision.pk))  # fmt: skip


def set_in_use(option: Option, in_use: bool) -> None:
    """Take an option out, or back in. The log and what was learned of the others stay."""
    left = Option.objects.filter(bank=option.bank, dimension=option.dimension, in_use=True)
    deciding = option.bank.policies.exclude(state__in=["draft", "retired"]).exists()
    if not in_use and deciding and not left.exclude(pk=option.pk).exists():
        raise Conflict(say("It is the last option of its dimension; add another one first."))
    Option.objects.filter(pk=option.pk).update(in_use=in_use)
    audit.record("strategy.use_option" if in_use else "strategy.take_out_option", option)


def add_constraint(
    policy: Policy, *, kind: str, options: Sequence[str], values: dict[str, Any],
    segment: Segment | None = None,
) -> Constraint:  # fmt: skip
    """Bind a policy. Raises Invalid with every mistake; `values` by kind: cap {most, days}, quiet
    {from, to}, budget {cents, period}, share {least, most, trait, value}."""
    known = {f"{o.dimension}:{o.key}" for o in selectors.options_of(policy.bank_id)}
    faults = [
        FieldError("options", say("There is no option “%(name)s” in the bank.", name=name))
        for name in options if name not in known
    ]  # fmt: skip
    faults += _constraint_faults(kind, options, values, segment)
    faults += _impossible(policy, kind, options, values)
    if faults:
        raise Invalid(faults)
    with transaction.atomic():  # one that leaves nothing to choose is not kept
        rule = Constraint.objects.create(
            policy=policy, kind=kind, options=list(options), values=values,
            segment=segment if kind == Constraint.Kind.ELIGIBILITY else None,
        )  # fmt: skip
        _check_left(policy)
    audit.record("strategy.add_constraint", rule, policy=str(policy.pk), kind=kind)
    return rule


def _impossible(
    policy: Policy, kind: str, options: Sequence[str], values: dict[str, Any]
) -> Iterator[FieldError]:
    """What could never hold."""
    if kind == Constraint.Kind.EXCLUSION and len({o.partition(":")[0] for o in options}) < 2:
        told = say("Choose options of two dimensions or more: two of one never come together.")
        yield FieldError("options", told)
    if kind != Constraint.Kind.SHARE:
        return
    trait, value = values.get("trait", ""), values.get("value", "")
    if bool(trait) != bool(value):
        told = say("Give the trait and its value, or neither.")
        yield FieldError("value" if trait else "trait", told)
    least = sum(
        float(rule.values["least"]) for rule in selectors.constraints_in_force(policy)
        if rule.kind == Constraint.Kind.SHARE and not set(rule.options) & set(options)
        and rule.values.get("value", "") in {"", value}
        and {o.partition(":")[0] for o in rule.options} == {o.partition(":")[0] for o in options}
    )  # fmt: skip
    if _share(values.get("least")) and least + float(values["least"]) > 1:
        told = say("With the other rules in force the least shares would add up to more than "
                   "100 %.")  # fmt: skip
        yield FieldError("least", told)


def _constraint_faults(
    kind: str, options: Sequence[str], values: dict[str, Any], segment: Segment | None
) -> Iterator[FieldError]:
    for name, low, high in NUMBERS.get(kind, ()):
        yield from _whole(values, name, low, high)
    if kind == Constraint.Kind.ELIGIBILITY and segment is None:
        yield FieldError("segment", say("Choose the segment."))
    elif kind == Constraint.Kind.QUIET and values.get("from") == values.get("to"):
        yield FieldError("to", say("Quiet hours begin and end at different hours."))
    elif kind == Constraint.Kind.BUDGET and values.get("period") not in binding.PERIODS:
        yield FieldError("period", say("Choose day, week or month."))
    elif kind == Constraint.Kind.EXCLUSION and len(options) < 2:
        yield FieldError("options", say("Choose at least two options that never go together."))
    elif kind == Constraint.Kind.SHARE:
        least, most = values.get("least"), values.get("most")
        if not (_share(least) and _share(most) and float(least) < float(most)):  # type: ignore[arg-type]
            yield FieldError(
                "least", say("Give shares from 0 % to 100 %, the least below the most.")
            )
    elif kind not in Constraint.Kind.values:
        yield FieldError("kind", say("Choose a kind."))


def _whole(values: dict[str, Any], name: str, low: int, high: int) -> Iterator[FieldError]:
    value = values.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        yield FieldError(name, say("Give a whole number from %(low)s to %(high)s.", low=low,
                                   high=high))  # fmt: skip


def _share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _check_left(policy: Policy) -> None:
    """Exclusions must leave something to choose."""
    if len(selectors.actions_of(policy, selectors.constraints_in_force(policy))) < 2:
        raise Invalid.one("options", say("That would leave fewer than two actions."))


def set_in_force(rule: Constraint, in_force: bool) -> None:
    with transaction.atomic():
        Constraint.objects.filter(pk=rule.pk).update(in_force=in_force)
        _check_left(rule.policy)
    verb = "strategy.enforce_constraint" if in_force else "strategy.lift_constraint"
    audit.record(verb, rule, policy=str(rule.policy_id))


def add_fairness(
    policy: Policy, *, trait: str, measure: str, option: str = "", tolerance: float = 0.2,
    least_people: int = 100, on_breach: str = FairnessRule.Breach.WARN,
) -> FairnessRule:  # fmt: skip
    """Watch a group. Its trait may be no feature of the policy: what must be fair to a group is
    not decided by it."""
    faults = []
    if not trait.strip():
        faults.append(FieldError("trait", say("Name the trait that tells the groups apart.")))
    elif f"trait:{trait}" in policy.features:
        told = say("The policy decides by “%(trait)s”: take it out of the features first.",
                   trait=trait)  # fmt: skip
        faults.append(FieldError("trait", told))
    if measure not in FairnessRule.Measure.values:
        faults.append(FieldError("measure", say("Choose exposure or benefit.")))
    if not 0 < tolerance < 1:
        faults.append(FieldError("tolerance", say("The tolerance is above 0, below 1.")))
    if not 20 <= least_people <= 1_000_000:
        faults.append(FieldError("least_people", say("Compare groups of 20 people or more.")))
    if on_breach not in FairnessRule.Breach.values:
        faults.append(FieldError("on_breach", say("Choose to warn or to block.")))
    if faults:
        raise Invalid(faults)
    try:
        with transaction.atomic():
            rule = FairnessRule.objects.create(
                policy=policy, trait=trait.strip(), measure=measure, option=option,
                tolerance=tolerance, least_people=least_people, on_breach=on_breach,
            )  # fmt: skip
    except IntegrityError as clash:
        raise Invalid.one("trait", say("There is such a rule already.")) from clash
    audit.record("strategy.add_fairness", rule, policy=str(policy.pk))
    return rule


def remove_fairness(rule: FairnessRule) -> None:
    audit.record("strategy.remove_fairness", rule, policy=str(rule.policy_id), trait=rule.trait)
    rule.delete()
