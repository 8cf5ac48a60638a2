"""An agency's clients, and a client's agency."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from attune.kernel import audit
from attune.kernel.errors import AttuneError, Conflict, Forbidden, Invalid, NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from tenants import caps, clients, registry
from tenants.forms import CapsForm, JoinForm, WorkspaceForm
from tenants.models import Membership, Meter
from tenants.pages import demand, go, page


@page("clients.view")
def overview(request: HttpRequest) -> HttpResponse:
    """Every client with what it used this month; POST makes a link for a workspace that exists."""
    link = ""
    if request.method == "POST":
        demand(request, "clients.manage")
        link = clients.invitation()
    rows = clients.clients()
    mine = {m.tenant_id for m in request.members}
    context = {
        "rows": [(row, row.tenant_id in mine) for row in rows], "link": link,
        "kinds": Meter.Kind.choices, "is_client": request.member.parent_id is not None,
    }  # fmt: skip
    return render(request, "tenants/clients.html", context)


@page("workspace.manage")
def agency(request: HttpRequest) -> HttpResponse:
    """Who stands over this workspace; only owners let an agency in, or part from it."""
    form = JoinForm(request.POST or None)
    if request.method == "POST":
        demand(request, "workspace.leave")
        if form.is_valid():
            try:
                name = clients.join(token=form.cleaned_data["token"])
                told = say("%(agency)s works here from now on.", agency=name)
                messages.success(request, str(told))
                return go(request, "workspace:agency")
            except (Conflict, NotFound) as refusal:
                add_refusal(form, refusal)
    context = {
        "form": form, "agency": clients.agency(),
        "theirs": Membership.objects.filter(for_agency=True).select_related("user"),
    }  # fmt: skip
    return render(request, "tenants/agency.html", context, status=form_status(form))


@require_POST
@page("workspace.leave")
def part(request: HttpRequest) -> HttpResponse:
    clients.part()
    messages.success(request, str(say("The agency's people work here no more.")))
    return go(request, "workspace:agency")


def _of(request: HttpRequest, slug: str) -> registry.Member:
    """The signed-in person's place in an agency whose clients they manage. Raises NotFound and
    Forbidden."""
    members = registry.memberships_of(request.user.pk)
    found = next((m for m in members if m.slug == slug and not m.visiting), None)
    if found is None:
        raise NotFound(say("There is no such workspace, or you are not a member of it."))
    if not found.can("clients.manage"):
        raise Forbidden(say("Your role in %(agency)s manages no clients.", agency=found.name))
    return found


@login_required
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """A new client of an agency."""
    of = _of(request, slug)
    form = WorkspaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with audit.acting(_actor(request, of)):
                made = clients.create(of=of, name=form.cleaned_data["name"], owner=request.user)
            return HttpResponseRedirect(reverse("insights:home", args=[made.slug]))
        except AttuneError as refusal:
            add_refusal(form, refusal)
    return render(request, "tenants/new_client.html", {"form": form, "of": of},
                  status=form_status(form))  # fmt: skip


@login_required
def client(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The caps of one client; it reads of the change in its own audit log."""
    of = _of(request, slug)
    with tenant_context(of.tenant_id):
        row = next((c for c in clients.clients() if c.tenant_id == pk), None)
    if row is None:
        raise NotFound(say("There is no such client of this workspace."))
    now = {line.kind: line.agency for line in row.lines}
    form = CapsForm(request.POST or None, initial=now, lines=row.lines)
    if request.method == "POST" and form.is_valid():
        try:
            with audit.acting(_actor(request, of)), tenant_context(pk):
                clients.of_agency(of, pk)
                caps.save_agency(form.chosen())
            messages.success(request, str(say("Saved.")))
            return HttpResponseRedirect(reverse("workspace:clients", args=[slug]))
        except Invalid as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "of": of, "client": row}
    return render(request, "tenants/client.html", context, status=form_status(form))


@login_required
@require_POST
def adopt(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Be an owner of a client that has none of its own."""
    of = _of(request, slug)
    with audit.acting(_actor(request, of)), tenant_context(_known(pk)):
        clients.of_agency(of, pk)
        clients.adopt(by=request.user)
    messages.success(request, str(say("You are an owner of this client's workspace now.")))
    return HttpResponseRedirect(reverse("tenants:client", args=[slug, pk]))


@login_required
@require_POST
def release(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Let a client go: its workspace stays whole, with its own people."""
    of = _of(request, slug)
    with audit.acting(_actor(request, of)), tenant_context(_known(pk)):
        clients.of_agency(of, pk)
        clients.part(by_agency=True)
    messages.success(request, str(say("The client is let go; its own people keep everything.")))
    return HttpResponseRedirect(reverse("workspace:clients", args=[slug]))


def _known(pk: int) -> int:
    """A number that a workspace may have."""
    if pk >= 2**63:
        raise NotFound(say("There is no such client of this workspace."))
    return pk


def _actor(request: HttpRequest, of: registry.Member) -> audit.Actor:
    label = f"{request.user} ({of.name})"
    return audit.Actor(kind="user", id=str(request.user.pk), label=label)
