"""The front door, and the workspace's settings pages."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from attune.kernel import audit as kernel_audit
from attune.kernel import jobs
from attune.kernel.errors import AttuneError, FieldError, Invalid, NotFound
from attune.kernel.models import JobRow
from attune.kernel.phrases import restored, say, say_many
from attune.kernel.tenancy import current_tenant
from attune.web.downloads import download
from attune.web.editing import Editing
from attune.web.forms import add_refusal
from attune.web.pages import form_status, ours, paged
from tenants import auditing, leaving, offers, people, registry, saved_views, services
from tenants.forms import (
    AppearanceForm,
    LeaveForm,
    SettingsForm,
    WorkspaceForm,
)
from tenants.jobs import CHECK_SENDER
from tenants.models import Tenant, User, WorkspaceCopy
from tenants.pages import address, can, go, page


def start(request: HttpRequest) -> HttpResponse:
    """The front door: the first workspace, or the page that makes one, or sign-in."""
    if not isinstance(request.user, User):
        return redirect("account_login")
    members = registry.memberships_of(request.user.pk)
    if not members:
        return redirect("tenants:new")
    return HttpResponseRedirect(reverse("insights:home", args=[members[0].slug]))


@login_required
def new(request: HttpRequest) -> HttpResponse:
    form = WorkspaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            tenant = services.create_workspace(name=form.cleaned_data["name"], owner=request.user)
            return HttpResponseRedirect(reverse("insights:home", args=[tenant.slug]))
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "tenants/new.html", {"form": form}, status=form_status(form))


@login_required
def accept(request: HttpRequest, token: str) -> HttpResponse:
    place = registry.invitation_of(token)
    if place is None:
        raise NotFound(say("This invitation was used, withdrawn, or is older than 72 hours."))
    if request.method == "POST":
        membership = people.accept_invitation(token=token, user=request.user)
        members = registry.memberships_of(request.user.pk)
        slug = next(m.slug for m in members if m.tenant_id == membership.tenant_id)
        return HttpResponseRedirect(reverse("insights:home", args=[slug]))
    return render(request, "tenants/accept.html", {"place": place})


@login_required
@require_POST
def appearance(request: HttpRequest) -> HttpResponse:
    """Theme or language of the signed-in person; back to the page they were on."""
    form = AppearanceForm(request.POST)
    if form.is_valid():
        chosen = form.cleaned_data
        services.save_appearance(
            user_id=request.user.pk, theme=chosen["theme"] or None,
            language=chosen["language"] if "language" in request.POST else None,
        )  # fmt: skip
    back = ours(request, request.POST.get("back", ""), reverse("tenants:start"))
    return HttpResponseRedirect(back)


@page("workspace.manage")
def settings(request: HttpRequest) -> HttpResponse:
    rows = Tenant.objects.select_for_update() if request.method == "POST" else Tenant.objects.all()
    tenant = rows.get(pk=current_tenant())
    now = {name: getattr(tenant, name) for name in SettingsForm.Meta.fields}
    form = SettingsForm(request.POST or None, initial=now)
    editing = Editing(form, now, kernel_audit.latest_of(tenant, "workspace.change"))
    if request.method == "POST" and form.is_valid() and editing.settled():
        changed = {
            name: form.cleaned_data[name] for name in now if form.cleaned_data[name] != now[name]
        }
        if changed:
            services.save_settings(tenant=tenant, **changed)
        messages.success(request, str(say("Saved.")))
        return go(request, "workspace:settings")
    context = {"form": form, "editing": editing}
    return render(request, "tenants/settings.html", context, status=form_status(form, editing))


@page("workspace.manage")
def sender(request: HttpRequest) -> HttpResponse:
    """Whether the world lets the workspace send in its domain's name; POST looks again."""
    tenant = Tenant.objects.get(pk=current_tenant())
    if request.method == "POST":
        services.check_sender(tenant)
        return go(request, "workspace:sender")
    waits = JobRow.objects.filter(kind=CHECK_SENDER.name).order_by("-id").first()
    found = [{**one, "sentence": restored(one["sentence"])} for one in tenant.sender_findings]
    context = {"workspace": tenant, "found": found, "job": waits}
    return render(request, "tenants/sender.html", context)


@page("workspace.leave")
def leave(request: HttpRequest) -> HttpResponse:
    """Take the workspace away: a copy of all of it; erasing it in seven days, or not after all."""
    verb, form = request.POST.get("verb", ""), LeaveForm()
    try:
        if verb == "copy":
            leaving.ask_copy(by_id=request.user.pk)
        elif verb == "keep":
            leaving.take_back()
        elif verb == "erase":
            form = LeaveForm(request.POST)
            leaving.ask_erasing(typed=form.data.get("typed", ""))
        if verb:
            return go(request, "workspace:leave")
    except Invalid as refusal:
        form.is_valid()
        add_refusal(form, refusal)
    context = {
        "form": form, "workspace": Tenant.objects.get(pk=current_tenant()),
        "copies": WorkspaceCopy.objects.select_related("job").order_by("-id")[:20],
    }  # fmt: skip
    return render(request, "tenants/leave.html", context, status=form_status(form))


@page("workspace.leave")
def copy(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """A copy as a file."""
    row = leaving.copy_of(pk)
    kernel_audit.record("workspace.take_copy", row)
    return download(row.file.open("rb"), row.file.name.rpartition("/")[2], "application/zip")


@require_POST
@page("workspace.view")
def undo_deed(request: HttpRequest) -> HttpResponse:
    """Take a deed back; back to the page where it was offered."""
    offers.take_back(request, request.POST.get("token", ""))
    messages.success(request, str(say("Taken back.")))
    home = address(request, "insights:home")
    return HttpResponseRedirect(ours(request, request.POST.get("back", ""), home))


@require_POST
@page("workspace.view")
def save_view(request: HttpRequest) -> HttpResponse:
    view = saved_views.save(
        user_id=request.user.pk, page=request.POST.get("page", ""),
        name=request.POST.get("name", ""), query=request.POST.get("query", ""),
        shared=bool(request.POST.get("shared")),
    )  # fmt: skip
    return HttpResponseRedirect(f"{address(request, view.page)}?{view.query}")


@require_POST
@page("workspace.view")
def drop_view(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    view = saved_views.drop(user_id=request.user.pk, view_id=pk)
    offers.offer(
        request, say("The view “%(name)s” is forgotten.", name=view.name), "views.drop",
        user_id=view.user_id, page=view.page, name=view.name, query=view.query, shared=view.shared,
    )  # fmt: skip
    return go(request, view.page)


@page("audit.view")
def audit(request: HttpRequest) -> HttpResponse:
    asked = auditing.Asked.of(request.GET.dict())
    personal = can(request, "contacts.view_personal")
    page_of = paged(request, auditing.entries(asked, personal=personal))
    if not personal:
        for entry in page_of:
            auditing.veil(entry)
    rows = [(entry, auditing.changes(entry), auditing.rest(entry)) for entry in page_of]
    context = {"page": page_of, "rows": rows, "asked": asked, "kinds": auditing.kinds()}
    return render(request, "tenants/audit.html", context, status=422 if asked.wrong else 200)


@page("audit.view")
def audit_file(request: HttpRequest) -> HttpResponseBase:
    """The narrowed log as CSV."""
    asked = auditing.Asked.of(request.GET.dict())
    if asked.wrong:
        raise Invalid([FieldError("search", told) for told in asked.wrong])
    file = auditing.as_csv(asked, personal=can(request, "contacts.view_personal"))
    return download(file, "audit.csv", "text/csv; charset=utf-8")


@page("jobs.view")
def job_list(request: HttpRequest) -> HttpResponse:
    state = request.GET.get("state", "")
    rows = JobRow.objects.order_by("-id")
    if state in JobRow.State.values:
        rows = rows.filter(state=state)
    context = {"page": paged(request, rows), "state": state, "states": JobRow.State.values}
    part = request.htmx and request.headers.get("HX-Target") == "jobs"
    return render(request, "tenants/job_rows.html" if part else "tenants/jobs.html", context)


@page("jobs.view")
def job(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The progress of one job, as a fragment that asks again until it ends."""
    return render(request, "tenants/job.html", {"job": jobs.get(pk)})


@require_POST
@page("jobs.manage")
def change_jobs(request: HttpRequest) -> HttpResponse:
    """Retry or cancel the chosen jobs; each stands or falls by itself."""
    change = jobs.cancel if request.POST.get("verb") == "cancel" else jobs.retry
    done, refused = jobs.change_many(job_ids=request.POST.getlist("chosen"), change=change)
    if done:
        messages.success(
            request, str(say_many("%(n)s job changed.", "%(n)s jobs changed.", n=done))
        )
    for sentence in refused:
        messages.error(request, str(sentence))
    return go(request, "workspace:jobs")


@require_POST
@page("jobs.manage")
def change_job(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = jobs.get(pk)
    if request.POST.get("verb") == "cancel":
        jobs.cancel(row)
    else:
        jobs.retry(row)
    return go(request, "workspace:jobs")
