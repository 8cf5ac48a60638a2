"""Policy pages: list, set-up, what is known, and the moves of a policy and its ramp."""

from __future__ import annotations

import tempfile
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import restored, say
from attune.kernel.storable import as_uuid
from attune.web.downloads import download
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import filters, form_status, paged
from campaigns.contacts import selectors as contacts
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Decision
from campaigns.segments import selectors as segments
from campaigns.strategy import (
    charts,
    explaining,
    past,
    ramps,
    selectors,
    services,
)
from campaigns.strategy.features import CONTEXT
from campaigns.strategy.forms import PastLogForm, PolicyForm
from campaigns.strategy.jobs import JUDGE, LOOK, JudgeVersion, LookAtPolicy
from campaigns.strategy.models import Constraint, OffPolicyEstimate, PastLog, Policy
from campaigns.strategy.services import PolicyPlan
from campaigns.strategy.views_banks import demand_live, may_change
from tenants.pages import can, go, page

KINDS = {"obp": ("csv", "text/csv"), "vw": ("vw", "text/plain"),
         "jsonl": ("jsonl", "application/x-ndjson")}  # fmt: skip


@page("strategy.view")
def policies(request: HttpRequest) -> HttpResponse:
    by = filters(request, Policy.State.values)
    found = paged(request, selectors.policies(q=by.q, state=by.state))
    looks = selectors.latest_looks(list(found))
    rows = [{"row": row, "look": looks.get(row.pk)} for row in found]
    context = {"page": found, "rows": rows, "filters": by, "banks": selectors.banks(),
               "metrics": log.metrics()}  # fmt: skip
    return render(request, "strategy/policies.html", context)


@page("strategy.view")
def policy(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.policy(pk)
    look = selectors.latest_look(row)
    goals = log.goals(row.pk)
    results = look.results if look is not None else None
    ramp = selectors.open_ramp(row)
    rules = selectors.constraints(row)
    context = {
        "policy": row, "look": look, "results": results, "goals": goals, "ramp": ramp,
        "steps": _steps(ramp), "looks": ramp.looks.order_by("-at", "-id")[:8] if ramp else [],
        "sentence": explaining.summary(row, results, goals[0].metric),
        "serving": selectors.serving(row), "versions": _versions(row),
        "ramps": selectors.ramps(row)[:6],
        "constraints": [
            {"rule": r, "text": explaining.constraint(r),
             "bound": (results or {}).get("bound", {}).get(str(r.pk), 0)} for r in rules
        ],
        "kinds": Constraint.Kind.choices, "actions": selectors.actions_of(
            row, [r for r in rules if r.in_force]),
        "fairness": _fairness(row, results), "drivers": explaining.drivers(results),
        "fallbacks": [{"why": restored(f["why"]), "n": f["n"]}
                      for f in (results or {}).get("fallbacks", [])],
        "value_chart": charts.value_over_time(results, goals[0].metric) if results else None,
        "allocation_chart": charts.allocation(results) if results else None,
        "regret_chart": charts.regret(results) if results else None,
        "formats": PastLog.Format.choices,
        "past_logs": selectors.past_logs(row)[:10], "rate": goals[0].metric.kind == "conversion",
        "log_form": PastLogForm(),
    }  # fmt: skip
    sending = _sending(row)
    if sending["campaigns"] and not (results or {}).get("decisions"):
        context["sentence"] = say("Its campaign decides; what it brings is looked at every five "
                                  "minutes.")  # fmt: skip
    context |= sending | {
        "refused": selectors.refused_job(row), "mine": may_change(request, row),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "results"
    name = "strategy/results.html" if part else "strategy/policy.html"
    return render(request, name, context)


def _sending(row: Policy) -> dict[str, Any]:
    """The campaigns in which it sends by itself, and whether it could."""
    campaigns = list(row.campaigns.exclude(state__in=["finished", "cancelled"]))
    texts = row.bank.options.filter(in_use=True, revision__isnull=False)
    able = not campaigns and row.state != Policy.State.RETIRED and row.every_hours > 0
    return {"campaigns": campaigns, "can_send": able and texts.exists()}


def _steps(ramp: Any) -> list[dict[str, Any]]:
    if ramp is None:
        return []
    return [
        {**step, "here": n == ramp.step, "done": n < ramp.step, "number": n + 1}
        for n, step in enumerate(ramp.steps)
    ]


def _versions(row: Policy) -> list[dict[str, Any]]:
    shown = selectors.versions(row, 8)
    told = selectors.estimates_of(shown)
    return [{"row": v, "estimate": told.get(v.pk)} for v in shown]


def _fairness(row: Policy, results: dict[str, Any] | None) -> list[dict[str, Any]]:
    told = {r["rule"]: r for r in (results or {}).get("fairness", [])}
    return [
        {"rule": rule, "told": told.get(str(rule.pk)),
         "sentence": restored(told[str(rule.pk)]["sentence"]) if str(rule.pk) in told else None}
        for rule in row.fairness.order_by("id")
    ]  # fmt: skip


@page("strategy.edit")
def new(request: HttpRequest) -> HttpResponse:
    form = PolicyForm(request.POST or None, initial={"bank": request.GET.get("bank", "")})
    if request.method == "POST" and form.is_valid():
        try:
            return go(request, "strategy:policy", services.create(_plan(form)).pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return _form(request, form, None)


@page("strategy.edit")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.policy(pk, lock=request.method == "POST")
    demand_live(request, row)
    now = _initial(row)
    form = PolicyForm(request.POST or None, initial=now)
    editing = Editing(form, now, audit.latest_of(row, "strategy.change"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            services.change(row, _plan(form))
            return go(request, "strategy:policy", pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return _form(request, form, row, editing)


def _form(
    request: HttpRequest, form: PolicyForm, row: Policy | None, editing: Editing | None = None
) -> HttpResponse:  # fmt: skip
    context = {"form": form, "policy": row, "banks": selectors.banks(), "editing": editing}
    status = form_status(form, editing)
    return render(request, "strategy/policy_form.html", context, status=status)


def _initial(row: Policy) -> dict[str, Any]:
    goals = log.goals(row.pk)
    asked = [f.removeprefix(CONTEXT) for f in row.features if f.startswith(CONTEXT)]
    return {
        "name": row.name, "bank": str(row.bank_id), "may_wait": row.may_wait,
        "default_action": row.default_action, "audience": str(row.audience_id or ""),
        "primary": goals[0].metric.key, "guardrails": [g.metric.key for g in goals[1:]],
        "features": [f for f in row.features if not f.startswith(CONTEXT)],
        "asked": ", ".join(asked), "rule": row.rule, "control_share": row.control_share * 100,
        "floor": row.floor * 100, "every_hours": row.every_hours,
        "window_hours": row.window_hours, "stale_hours": row.stale_hours,
        "refreshes": row.refreshes, "kind": row.kind, "discount": round(row.discount * 100, 1),
    }  # fmt: skip


def _plan(form: PolicyForm) -> PolicyPlan:
    told = form.cleaned_data
    audience = told["audience"]
    return PolicyPlan(
        name=told["name"], bank=selectors.bank(told["bank"]),
        primary=log.metric_by_key(told["primary"]),
        guardrails=[log.metric_by_key(key) for key in told["guardrails"]], rule=told["rule"],
        audience=segments.segment(audience) if audience else None,
        default_action=told["default_action"].strip(), may_wait=told["may_wait"],
        features=form.features_chosen(), control_share=told["control_share"] / 100,
        floor=told["floor"] / 100, every_hours=told["every_hours"],
        window_hours=told["window_hours"], stale_hours=told["stale_hours"],
        refreshes=told["refreshes"], kind=told["kind"], discount=told["discount"] / 100,
    )  # fmt: skip


@require_POST
@page("strategy.launch")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Start, kill, resume, retire."""
    row, verb = selectors.policy(pk, lock=True), request.POST.get("verb", "")
    if verb == "start":
        services.start(row)
    elif verb == "kill":
        services.kill(row, say("Stopped by hand."))
    elif verb == "resume":
        services.resume(row)
    elif verb == "retire":
        services.retire(row)
    else:
        raise Invalid.one("verb", say("Choose start, kill, resume or retire."))
    return go(request, "strategy:policy", pk)


@require_POST
@page("strategy.edit")
def work(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Look now, or learn a version now: jobs both."""
    row, verb = selectors.policy(pk), request.POST.get("verb", "")
    if verb == "look":
        LOOK.enqueue(LookAtPolicy(row.pk), dedupe_key=str(row.pk))
    elif verb == "learn":
        services.ask_to_learn(row)
    else:
        raise Invalid.one("verb", say("Choose look or learn."))
    return go(request, "strategy:policy", pk)


@page("strategy.view")
def version(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One version: what it learned from, what drives it, and the gate's reports."""
    row = selectors.version(pk)
    reports = [
        {"row": e, "table": charts.estimators(e.estimates, bool(e.by_steps)),
         "chart": charts.by_steps(e.by_steps), "warnings": [restored(w) for w in e.warnings],
         "past": None if e.log == "decisions" else selectors.past_logs(row.policy).filter(
             pk=e.log).first()}
        for e in selectors.estimates(row)[:6]
    ]  # fmt: skip
    context = {
        "version": row, "policy": row.policy, "reports": reports,
        "drivers": explaining.drivers({"drivers": row.drivers}),
        "ramp": selectors.open_ramp(row.policy),
        "ready": [p for p in selectors.past_logs(row.policy) if p.state == "ready"],
        "serves": row.policy.version == row.number, "passes": _passes([r["row"] for r in reports]),
        "rehearsal": charts.rehearsal(row.rehearsal),
    }  # fmt: skip
    return render(request, "strategy/version.html", context)


def _passes(newest: list[OffPolicyEstimate]) -> bool:
    """Whether the gate lets it through, by its own log."""
    own = next((e for e in newest if e.log == "decisions"), None)
    return own is not None and own.verdict == "promote"


@require_POST
@page("strategy.edit")
def judge(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.version(pk)
    log_id = request.POST.get("log", "decisions")
    if log_id != "decisions":
        known = as_uuid(log_id)
        if known is None:
            raise Invalid.one("log", say("Choose one of the logs."))
        log_id = str(selectors.past_log(known).pk)
    JUDGE.enqueue(JudgeVersion(row.pk, log_id), dedupe_key=f"{row.pk}:{log_id}")
    return go(request, "strategy:version", pk)


@require_POST
@page("strategy.launch")
def begin(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.version(pk)
    ramps.begin(row, timezone.now())
    return go(request, "strategy:policy", row.policy_id)


@require_POST
@page("strategy.launch")
def steer(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Approve, pause, resume or roll back a ramp."""
    ramp, verb = selectors.ramp(pk, lock=True), request.POST.get("verb", "")
    now = timezone.now()
    if verb == "approve":
        ramps.approve(ramp, now)
    elif verb == "pause":
        ramps.pause(ramp)
    elif verb == "resume":
        ramps.resume(ramp, now)
    elif verb == "roll_back":
        ramps.roll_back(ramp, say("Rolled back by hand."), now)
    else:
        raise Invalid.one("verb", say("Choose approve, pause, resume or roll back."))
    return go(request, "strategy:policy", ramp.policy_id)


@page("strategy.view")
def decisions(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The newest decisions of a policy."""
    row = selectors.policy(pk)
    found = paged(request, log.decisions(row.pk))
    return render(request, "strategy/decisions.html", {"policy": row, "page": found})


@page("decisions.view")
def decision(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Why this, for this person: shares, what was forbidden, what spoke for it, what came of it."""
    row = log.decision(pk)
    of = selectors.policy(row.source_id)
    personal = can(request, "contacts.view_personal")
    context = {
        "decision": row, "policy": of, "shares": explaining.shares(row),
        "reasons": explaining.reasons(of, row, personal=personal),
        "rewards": row.rewards.select_related("metric"),
        "excluded": [{"action": e["action"], "why": restored(e["why"])} for e in row.excluded],
        "fallback": restored(row.context["fallback"]) if "fallback" in row.context else None,
        "known": explaining.known(row, personal=personal), "personal": personal,
        "control": row.mode == Decision.Mode.CONTROL,
        "who": contacts.contact(row.contact_id),
    }  # fmt: skip
    return render(request, "strategy/decision.html", context)


@page("strategy.edit")
def hand_out(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The log of a policy as a file."""
    kind = request.GET.get("kind", "jsonl")
    if kind not in KINDS:
        raise Invalid.one("format", say("Choose jsonl, obp or vw."))
    row = selectors.policy(pk)
    ending, mime = KINDS[kind]
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
    personal = can(request, "contacts.view_personal")
    for line in past.handed_out(row, kind, personal=personal):
        file.write(line.encode() + b"\n")
    return download(file, f"{row.key}.{ending}", mime)


@require_POST
@page("strategy.edit")
def bring_in(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.policy(pk)
    form = PastLogForm(request.POST, request.FILES)
    if not form.is_valid():
        raise Invalid.one("file", say("Choose a file that is not empty, and its format."))
    kept = past.bring_in(row, form.cleaned_data["file"], form.cleaned_data["format"])
    return go(request, "strategy:past_log", kept.pk)


@page("strategy.view")
def past_log(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.past_log(pk)
    problems = [{**p, "reason": restored(p["reason"])} for p in row.problems]
    context = {"log": row, "policy": row.policy, "problems": problems,
               "actions": selectors.actions_of(row.policy, [])}  # fmt: skip
    return render(request, "strategy/past_log.html", context)
