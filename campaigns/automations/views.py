"""Pages of journeys: list, picture with its people, editing step by step, publish, people."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError, NotFound
from attune.kernel.phrases import as_is, say
from attune.web.forms import add_refusal
from attune.web.pages import filters, form_status, paged
from campaigns.automations import drawing, editing, selectors, services, starts
from campaigns.automations.forms import STEP_FORMS, EntryForm, SettingsForm, StepForm
from campaigns.automations.models import Journey, JourneyRun
from campaigns.contacts import selectors as contacts
from campaigns.delivery.models import Campaign
from tenants.pages import can, go, page

HOME = "automations:journey"


@page("campaigns.view")
def journeys(request: HttpRequest) -> HttpResponse:
    by = filters(request, ["draft", "running", "paused", "finished", "cancelled"])
    found = paged(request, selectors.journeys(q=by.q, state=by.state))
    counts = selectors.counts_of(list(found))
    rows = [(row, counts.get(row.pk, {})) for row in found]
    context = {"page": found, "rows": rows, "filters": by, "starts": starts.STARTS}
    return render(request, "automations/journeys.html", context)


@page("campaigns.edit")
def new(request: HttpRequest) -> HttpResponse:
    """A journey from one of the usual ones, or an empty one."""
    start = starts.start(request.GET.get("start", ""))
    given = {"name": "" if start.key == "blank" else str(start.name), "via": Campaign.Via.EMAIL}
    form = SettingsForm(request.POST or None, initial=given)
    if request.method == "POST" and form.is_valid():
        try:
            tree = copy.deepcopy(dict(start.tree))
            row = services.create(**form.values(), draft=tree)
            return go(request, HOME, row.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "start": start, "starts": starts.STARTS}
    return render(request, "automations/new.html", context, status=form_status(form))


@page("campaigns.edit")
def settings(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.journey(pk, lock=request.method == "POST")
    mine = row.campaign
    now = {"name": mine.name, "via": mine.via, "topic": str(mine.topic_id or ""),
           "per_hour": mine.per_hour, "template": str(mine.template_id or ""),
           "endpoint": str(mine.endpoint_id or "")}  # fmt: skip
    form = SettingsForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            services.change(journey=row, **form.values())
            return go(request, HOME, pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "journey": row, "title": say("Settings")}
    return render(request, "automations/form.html", context, status=form_status(form))


@page("campaigns.view")
def of_campaign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """From a message's campaign to its journey."""
    return go(request, HOME, selectors.of_campaign(pk).pk)


@page("campaigns.view")
def journey(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The picture: the draft for who edits it, what runs for everybody else and on ?show=live."""
    row = selectors.journey(pk)
    show, edits = request.GET.get("show", ""), can(request, "campaigns.edit")
    live = row.live is not None and (show == "live" or (show != "draft" and not edits))
    tree = row.live.flow if live and row.live is not None else row.draft
    told = services.affected(row)
    ended = row.campaign.state in {"finished", "cancelled"}
    editable = edits and not live and not ended
    context = {
        "journey": row, "campaign": row.campaign, "live": live, "affected": told,
        "editable": editable, "ended": ended, "kinds": drawing.KINDS,
        "versions": row.versions.order_by("-number")[:20],
        **drawing.picture(row, tree),
    }  # fmt: skip
    part = request.htmx and request.headers.get("HX-Target") == "picture"
    name = "automations/picture.html" if part else "automations/journey.html"
    return render(request, name, context)


@page("campaigns.edit")
def entry(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.journey(pk, lock=request.method == "POST")
    initial = EntryForm.initial_of(row.draft)
    form = EntryForm(request.POST or None, initial=initial, own=str(initial["segment"]))
    if request.method == "POST" and form.is_valid():
        coming, leaving = form.parts()
        draft = {**row.draft, "entry": coming, "exit": leaving}
        if _saved(request, form, row, draft):
            return go(request, HOME, pk)
    return _form(request, form, row, say("Who comes in, and who leaves"))


@page("campaigns.edit")
def step(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Add a step (?kind=, ?after=, ?branch=) or change one (?step=)."""
    row = selectors.journey(pk, lock=request.method == "POST")
    asked = request.GET
    if known := asked.get("step", ""):
        old = editing.step_of(row.draft, known)
        kind, initial = old["kind"], STEP_FORMS[old["kind"]].initial_of(old)
    else:
        kind, initial = asked.get("kind", ""), {}
        if kind not in STEP_FORMS:
            raise NotFound(say("There is no such kind of step."))
    keyed = bool(row.draft.get("entry", {}).get("key"))
    posted = request.POST if request.method == "POST" else None
    form = STEP_FORMS[kind](posted, initial=initial, keyed=keyed, via=row.campaign.via)
    if form.is_bound and form.is_valid():
        values = form.values()
        draft = (
            editing.replace(row.draft, known, values) if known
            else editing.insert(row.draft, values, after=asked.get("after", ""),
                                branch=asked.get("branch", ""))
        )  # fmt: skip
        if _saved(request, form, row, draft):
            return go(request, HOME, pk)
    return _form(request, form, row, drawing.KINDS[kind].name)


def _saved(
    request: HttpRequest, form: StepForm | EntryForm, row: Journey, draft: dict[str, Any]
) -> bool:
    try:
        services.edit(journey=row, draft=draft, seen=_seen(request))
    except AttuneError as refusal:
        form.add_error(None, str(as_is(refusal.detail)))
        return False
    return True


def _form(request: HttpRequest, form: Any, row: Journey, title: Any) -> HttpResponse:
    context = {
        "form": form, "journey": row, "title": title, "seen": row.edited,
        "events": contacts.event_names(),
    }  # fmt: skip
    return render(request, "automations/form.html", context, status=form_status(form))


@require_POST
@page("campaigns.edit")
def remove(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Take a step out of the draft, with what stands in its branches."""
    row = selectors.journey(pk, lock=True)
    draft = editing.remove(row.draft, request.POST.get("step", ""))
    services.edit(journey=row, draft=draft, seen=row.edited)
    return go(request, HOME, pk)


@require_POST
@page("campaigns.launch")
def publish(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.journey(pk)
    moves = request.POST.get("people", "move") == "move"
    services.publish(journey=row, seen=_seen(request), moves=moves)
    return go(request, HOME, pk)


@require_POST
@page("campaigns.launch")
def move(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Launch, pause, resume, end, or let who is stuck try again."""
    row, verb = selectors.journey(pk), request.POST.get("verb", "")
    if verb == "launch":
        services.launch(journey=row, seen=_seen(request))
    elif verb == "retry":
        services.retry_stuck(journey=row)
    else:
        services.move(journey=row, verb=verb)
    return go(request, HOME, pk)


def _seen(request: HttpRequest) -> int:
    text = request.POST.get("seen", "")
    return int(text[:9]) if text.isdecimal() else 0


@page("campaigns.view")
def people(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who is on the way (?step= for one step), stuck, or has ended (?state=)."""
    row = selectors.journey(pk)
    state = request.GET.get("state", "")
    state = state if state in JourneyRun.State.values else ""
    node = request.GET.get("step", "")[:12]
    found = paged(request, selectors.runs(row, state=state, node=node))
    context = {
        "journey": row, "page": found, "state": state, "node": node,
        "states": JourneyRun.State.choices,
        "places": drawing.places(found), "place": drawing.place(row, node) if node else None,
    }  # fmt: skip
    return render(request, "automations/people.html", context)


@page("campaigns.view")
def entry_reach(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """How many of those whom the draft would let in can be written to, as a fragment."""
    row = selectors.journey(pk)
    context = {"reach": selectors.reach_of(row), "entry": row.draft.get("entry") or {}}
    return render(request, "automations/reach.html", context)


@page("campaigns.view")
def run(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One person's way, step by step."""
    mine = selectors.run(pk)
    steps = drawing.way(mine, personal=can(request, "contacts.view_personal"))
    context = {"run": mine, "journey": mine.journey, "steps": steps}
    return render(request, "automations/run.html", context)


@require_POST
@page("campaigns.launch")
def take_out(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    mine = selectors.run(pk)
    services.take_out(run=mine)
    return go(request, "automations:run", pk)
