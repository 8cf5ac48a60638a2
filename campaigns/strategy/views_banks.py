"""Pages of what a policy may do and what binds it."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError, Conflict, Invalid
from attune.kernel.phrases import say
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from campaigns.content import selectors as content
from campaigns.segments import selectors as segments
from campaigns.strategy import banks, selectors
from campaigns.strategy.forms import BankForm, ConstraintForm, FairnessForm, OptionForm
from campaigns.strategy.models import Constraint, FairnessRule, Policy
from tenants.pages import can, demand, go, page


def demand_live(request: HttpRequest, *policies: Policy) -> None:
    """What decides for people now is changed by those alone who may start and stop it."""
    if any(policy.state in {Policy.State.RUNNING, Policy.State.PAUSED} for policy in policies):
        demand(request, "strategy.launch")


def may_change(request: HttpRequest, *policies: Policy) -> bool:
    live = any(policy.state in {Policy.State.RUNNING, Policy.State.PAUSED} for policy in policies)
    return can(request, "strategy.edit") and (not live or can(request, "strategy.launch"))


@page("strategy.edit")
def new_bank(request: HttpRequest) -> HttpResponse:
    form = BankForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return go(request, "strategy:bank", banks.create_bank(**form.cleaned_data).pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "strategy/bank_form.html", {"form": form}, status=form_status(form))


@page("strategy.view")
def bank(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A bank with its options; adding one posts here too."""
    row = selectors.bank(pk)
    posted = request.method == "POST"
    if posted:
        demand(request, "strategy.edit")
    form = OptionForm(request.POST if posted else None)
    if posted and form.is_valid():
        demand_live(request, *row.policies.all())
        told = form.cleaned_data
        try:
            banks.add_option(
                row, dimension=told["dimension"], name=told["name"], key=told["key"],
                revision=content.revision(told["revision"]) if told["revision"] else None,
                cost_cents=int(told["cost"] * 100), hour=told["hour"], days=told["days"],
                segment=segments.segment(told["segment"]) if told["segment"] else None,
            )  # fmt: skip
            return go(request, "strategy:bank", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    options = selectors.options_of(row.pk)
    context = {
        "bank": row, "options": options, "newer": selectors.successors(options), "form": form,
        "policies": row.policies.order_by("name"), "n_actions": selectors.count_actions(options),
        "mine": may_change(request, *row.policies.all()),
    }  # fmt: skip
    return render(request, "strategy/bank.html", context, status=form_status(form))


@require_POST
@page("strategy.edit")
def use_option(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    option = selectors.option(pk)
    demand_live(request, *option.bank.policies.all())
    verb = request.POST.get("verb", "")
    if verb == "show":
        newest = selectors.successors([option]).get(option.pk)
        if newest is None:
            raise Conflict(say("There is no other approved revision of its text."))
        banks.show(option, newest)
    elif verb in {"take_out", "put_back"}:
        banks.set_in_use(option, verb == "put_back")
    else:
        raise Invalid.one("verb", say("Choose to take it out or to put it back."))
    return go(request, "strategy:bank", option.bank_id)


@page("strategy.edit")
def new_constraint(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    policy = selectors.policy(pk)
    kind = request.GET.get("kind", Constraint.Kind.CAP)
    if kind not in Constraint.Kind.values:
        raise Invalid.one("kind", say("Choose a kind."))
    demand_live(request, policy)
    form = ConstraintForm(request.POST or None, policy=policy, kind=kind)
    if request.method == "POST" and form.is_valid():
        segment = form.cleaned_data.get("segment")
        try:
            banks.add_constraint(
                policy, kind=kind, options=form.cleaned_data["options"], values=form.values(),
                segment=segments.segment(segment) if segment else None,
            )  # fmt: skip
            return go(request, "strategy:policy", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "policy": policy, "title": Constraint.Kind(kind).label}
    return render(request, "strategy/constraint_form.html", context, status=form_status(form))


@require_POST
@page("strategy.edit")
def move_constraint(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    rule = selectors.constraint(pk)
    demand_live(request, rule.policy)
    verb = request.POST.get("verb", "")
    if verb not in {"lift", "enforce"}:
        raise Invalid.one("verb", say("Choose to lift it or to enforce it."))
    banks.set_in_force(rule, verb == "enforce")
    return go(request, "strategy:policy", rule.policy_id)


@page("strategy.edit")
def new_fairness(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    policy = selectors.policy(pk)
    demand_live(request, policy)
    form = FairnessForm(request.POST or None, policy=policy)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            banks.add_fairness(
                policy, trait=told["trait"], measure=told["measure"], option=told["option"],
                tolerance=told["tolerance"] / 100, least_people=told["least_people"],
                on_breach=told["on_breach"],
            )  # fmt: skip
            return go(request, "strategy:policy", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "policy": policy, "title": say("Fairness rule")}
    return render(request, "strategy/constraint_form.html", context, status=form_status(form))


@require_POST
@page("strategy.edit")
def remove_fairness(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    rule: FairnessRule = selectors.fairness_rule(pk)
    demand_live(request, rule.policy)
    policy_id = rule.policy_id
    banks.remove_fairness(rule)
    return go(request, "strategy:policy", policy_id)
