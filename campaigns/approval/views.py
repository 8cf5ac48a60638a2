"""The review queue and one review."""

from __future__ import annotations

import uuid
from datetime import date

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say, word
from attune.kernel.storable import as_uuid
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status, paged
from campaigns.approval import guests, selectors, services
from campaigns.approval.models import Review, Verdict
from campaigns.content import selectors as content
from campaigns.content.forms import ComponentsForm
from campaigns.content.models import Revision
from tenants import teams
from tenants.pages import go, page

VERDICTS = {kind: state for (_, kind), state in services.REVIEW.moves.items()}


@page("approval.view")
def queue(request: HttpRequest) -> HttpResponse:
    context = {
        "page": paged(request, selectors.open_reviews()),
        "reasons": [r for r in Verdict.Reason.choices if r[0]],
    }
    return render(request, "approval/queue.html", context)


@require_POST
@page("approval.decide")
def bulk(request: HttpRequest) -> HttpResponse:
    """One verdict for several reviews; each stands or falls by itself, and the refused say why."""
    by = services.Reviewer(id=request.user.pk, label=str(request.user))
    done, refused = services.decide_many(
        review_ids=request.POST.getlist("chosen"), by=by, kind=request.POST.get("kind", ""),
        reason=request.POST.get("reason", ""),
    )  # fmt: skip
    if done:
        messages.success(request, str(say("%(done)s decided.", done=done)))
    for sentence in refused:
        messages.error(request, str(sentence))
    return go(request, "approval:queue")


@page("approval.view")
def review(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _page(request, selectors.review(pk))


def _page(request: HttpRequest, row: Review, refusal: str = "") -> HttpResponse:
    revision = row.revision
    old = revision.parent.components if revision.parent else {}
    context = {
        "review": row,
        "revision": revision,
        "components": [
            {
                "name": k,
                "before": old.get(k, ""),
                "text": v,
                "diff": content.diff(old.get(k, ""), v),
            }
            for k, v in revision.parts
        ],
        "compared": bool(old),
        "checks": revision.checks.order_by("-verdict", "kind"),
        "verdicts": selectors.verdicts_of(revision.pk),
        "reasons": [r for r in Verdict.Reason.choices if r[0]],
        "own": revision.author_id == request.user.pk,
        "waiting": selectors.open_reviews().count(),
        "links": [(link, guests.address(link)) for link in guests.links_of(row)],
        "now": timezone.now(),
        "reviewers": selectors.reviewers(),
        "teams": teams.teams(),
        "refusal": refusal,
        "given": request.POST,
    }
    return render(request, "approval/review.html", context, status=422 if refusal else 200)


@require_POST
@page("approval.decide")
def decide(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.review(pk)
    by = services.Reviewer(id=request.user.pk, label=str(request.user))
    try:
        verdict = services.decide(
            review=row, by=by, kind=request.POST.get("kind", ""),
            reason=request.POST.get("reason", ""), comment=request.POST.get("comment", ""),
        )  # fmt: skip
    except Invalid as refusal:
        return _page(request, row, "; ".join(str(e.sentence()) for e in refusal.errors))
    messages.success(
        request,
        str(
            say(
                "“%(revision)s”: %(verdict)s, recorded.",
                revision=row.revision,
                verdict=word(VERDICTS[verdict.kind]),
            )
        ),
    )
    following = selectors.open_reviews().first()
    if following is None:
        return go(request, "approval:queue")
    return go(request, "approval:review", following.pk)


@require_POST
@page("content.edit")
def make_link(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A link for somebody without a login."""
    days = request.POST.get("days", "7")
    guests.make_link(
        review=selectors.review(pk), guest=request.POST.get("guest", ""),
        days=int(days) if days.isdecimal() and len(days) < 4 else 0, by_id=request.user.pk,
    )  # fmt: skip
    messages.success(request, str(say("The link is made; copy it from the page.")))
    return go(request, "approval:review", pk)


@require_POST
@page("content.edit")
def revoke_link(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = guests.link(str(pk))
    guests.revoke(row=row)
    messages.success(request, str(say("The link is taken back.")))
    return go(request, "approval:review", row.review_id)


@require_POST
@page("approval.decide")
def assign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who looks at it, until when."""
    who, due = request.POST.get("to", ""), request.POST.get("due", "")
    team = as_uuid(who[5:]) if who.startswith("team:") else None
    if who and team is None and not (who.isdecimal() and len(who) < 18):
        raise Invalid.one("to", say("Choose a member or a team."))
    services.assign(
        review=selectors.review(pk), to=int(who) if who.isdecimal() else None, due_on=_day(due),
        by_id=request.user.pk, team=teams.team(team) if team else None,
    )  # fmt: skip
    return go(request, "approval:review", pk)


def _day(text: str) -> date | None:
    """The day of a date field. Raises Invalid for one that no calendar has."""
    try:
        found = parse_date(text) if text else None
    except ValueError:
        found = None
    if text and found is None:
        raise Invalid.one("due", say("Give a day as 2026-12-31."))
    return found


@page("content.edit")
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Edit the newest revision of a text, whichever one was asked for."""
    row = content.newest_of(content.revision(pk), lock=request.method == "POST")
    form, editing = _editing(request, row)
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            fresh = services.edit(revision=row, components=form.filled(), author_id=request.user.pk)
            return go(request, "content:revision", fresh.pk)
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "editing": editing, "revision": row}
    return render(request, "approval/edit.html", context, status=form_status(form, editing))


@page("content.edit")
def edit_here(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Edit a text in its row of the queue; the new revision takes its place there."""
    waiting = selectors.review(pk)
    revision = waiting.revision
    form, editing = _editing(request, revision)
    form.auto_id = f"id_{waiting.pk}_%s"  # several rows may be open at once
    if request.method == "POST" and form.is_valid() and editing.settled():
        try:
            with transaction.atomic():
                fresh = services.edit_and_submit(
                    revision=revision, components=form.filled(), author_id=request.user.pk
                )
            return render(request, "approval/row.html", {"r": fresh})
        except AttuneError as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "editing": editing, "r": waiting}
    return render(request, "approval/edit_row.html", context)


@page("approval.view")
def row(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One row of the queue, as it is now."""
    return render(request, "approval/row.html", {"r": selectors.review(pk)})


def _editing(request: HttpRequest, row: Revision) -> tuple[ComponentsForm, Editing]:
    form = ComponentsForm(row.asset.channel, request.POST or None, initial=row.components)
    now = {name: row.components.get(name, "") for name in form.fields}
    return form, Editing(form, now, audit.latest_of(row, "content.revision"))


@require_POST
@page("content.edit")
def submit_many(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send the chosen variants of a brief to review; the refused say why."""
    content.brief(pk)
    done, refused = services.submit_many(
        revision_ids=request.POST.getlist("chosen"), by_id=request.user.pk
    )
    if done:
        messages.success(request, str(say("%(done)s wait for a reviewer now.", done=done)))
    for sentence in refused:
        messages.error(request, str(sentence))
    return go(request, "content:brief", pk)


@require_POST
@page("content.edit")
def submit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = content.revision(pk)
    services.submit(revision=row, by_id=request.user.pk)
    told = say("“%(revision)s” waits for a reviewer now.", revision=row)
    messages.success(request, str(told))
    if row.asset.brief_id:
        return go(request, "content:brief", row.asset.brief_id)
    return go(request, "content:revision", pk)
