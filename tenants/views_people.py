"""Pages of members, their roles and teams, and of API keys."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from attune.kernel.errors import AttuneError, Conflict, Forbidden, Invalid, NotFound
from attune.kernel.phrases import say
from attune.web.forms import add_refusal
from attune.web.pages import form_status
from tenants import custom_roles, keys, offers, people, rights, teams
from tenants.forms import InviteForm, KeyForm, RoleForm, TeamForm
from tenants.models import ApiKey, Membership
from tenants.pages import demand, go, page
from tenants.roles import PERMISSIONS, Role, verbs_of


@page("members.view")
def members(request: HttpRequest) -> HttpResponse:
    return _members(request, InviteForm())


def _members(request: HttpRequest, form: InviteForm) -> HttpResponse:
    own = list(custom_roles.counted())
    held = [set(verbs_of(role)) for role in Role] + [set(role.verbs) for role in own]
    context = {
        "rows": Membership.objects.select_related("user", "custom_role").order_by("user__email"),
        "invitations": custom_roles.open_invitations(),
        "form": form, "houses": list(Role), "own": own,
        "teams": teams.teams().prefetch_related("members__user"),
        "table": [(verb, rights.WORDS[verb], [verb in verbs for verbs in held])
                  for verb in PERMISSIONS],
    }  # fmt: skip
    return render(request, "tenants/members.html", context, status=form_status(form))


@require_POST
@page("members.manage")
def invite(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _members(request, form)
    try:
        token = people.invite(**form.cleaned_data, by=request.user, rights=request.member.verbs)
    except (Invalid, Conflict) as refusal:
        add_refusal(form, refusal)
        return _members(request, form)
    link = request.build_absolute_uri(reverse("tenants:accept", args=[token]))
    context = {"email": form.cleaned_data["email"], "link": link}
    return render(request, "tenants/invited.html", context)


@require_POST
@page("members.manage")
def change_member(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    membership = Membership.objects.filter(pk=pk).select_related("custom_role").first()
    if membership is None:
        raise NotFound(say("There is no such member in this workspace."))
    before, rights = membership.choice, request.member.verbs
    stood = {"of_teams": [str(pk) for pk in teams.of_member(membership.user_id)],
             "for_agency": membership.for_agency}  # fmt: skip
    if request.POST.get("verb") == "remove":
        people.remove_member(membership=membership, rights=rights)
        told, after = say(
            "%(who)s left the workspace; their secret keys are revoked.", who=membership.user
        ), ""  # fmt: skip
    else:
        people.change_role(membership=membership, role=request.POST.get("role", ""), rights=rights)
        after = membership.choice
        told = say("%(who)s is %(role)s now.", who=membership.user, role=membership.role_name)
    offers.offer(
        request,
        told,
        "members.put_back",
        user_id=membership.user_id,
        role=before,
        after=after,
        **stood,
    )
    return go(request, "workspace:members")


@require_POST
@page("members.manage")
def withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Take an invitation back."""
    invitation = custom_roles.open_invitations().filter(pk=pk).first()
    if invitation is None:
        raise NotFound(say("There is no such invitation that is open."))
    custom_roles.within(request.member.verbs, invitation.verbs)
    custom_roles.withdraw(invitation)
    told = say("The invitation of %(email)s is taken back.", email=invitation.email)
    messages.success(request, str(told))
    return go(request, "workspace:members")


@page("members.manage")
def role(request: HttpRequest, pk: uuid.UUID | None = None) -> HttpResponse:
    """A role of the workspace's own; a new one may begin as another (`?like=`)."""
    row = custom_roles.role(pk) if pk else None
    like = request.GET.get("like", "")
    begun = custom_roles.chosen(like).verbs if like else frozenset({"workspace.view"})
    initial = {"name": "", "about": "", "verbs": sorted(row.verbs if row else begun)}
    if row is not None:
        initial |= {"name": row.name, "about": row.about}
    form = RoleForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            saved = custom_roles.save(**form.cleaned_data, row=row, rights=request.member.verbs)
            messages.success(request, str(say("The role “%(name)s” is saved.", name=saved)))
            return go(request, "workspace:members")
        except (Invalid, Conflict, Forbidden) as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "role": row, "houses": list(Role)[1:]}
    return render(request, "tenants/role.html", context, status=form_status(form))


@require_POST
@page("members.manage")
def drop_role(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = custom_roles.role(pk)
    custom_roles.drop(row=row, rights=request.member.verbs)
    messages.success(request, str(say("The role “%(name)s” is gone.", name=row.name)))
    return go(request, "workspace:members")


@page("members.manage")
def team(request: HttpRequest, pk: uuid.UUID | None = None) -> HttpResponse:
    row = teams.team(pk) if pk else None
    initial = {}
    if row is not None:
        members = [str(user_id) for user_id in teams.people(row.pk)]
        initial = {"name": row.name, "role": row.choice, "members": members}
    form = TeamForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            saved = teams.save(
                name=chosen["name"], role=chosen["role"], team=row,
                members=map(int, chosen["members"]), rights=request.member.verbs,
            )  # fmt: skip
            messages.success(request, str(say("The team “%(name)s” is saved.", name=saved)))
            return go(request, "workspace:members")
        except (Invalid, Conflict, Forbidden) as refusal:
            add_refusal(form, refusal)
    return render(request, "tenants/team.html", {"form": form, "team": row},
                  status=form_status(form))  # fmt: skip


@require_POST
@page("members.manage")
def drop_team(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = teams.team(pk)
    teams.drop(team=row, rights=request.member.verbs)
    messages.success(request, str(say("The team “%(name)s” is gone.", name=row.name)))
    return go(request, "workspace:members")


@page("keys.manage")
def api_keys(request: HttpRequest) -> HttpResponse:
    form, secret = KeyForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        for verb in form.cleaned_data["scopes"]:
            demand(request, verb)  # a key can do no more than who makes it
        try:
            _, secret = keys.create_key(**form.cleaned_data, by=request.user)
            form = KeyForm()
        except AttuneError as refusal:
            add_refusal(form, refusal)
    rows = ApiKey.objects.order_by("-id")
    context = {"form": form, "rows": rows, "secret": secret}
    return render(request, "tenants/keys.html", context, status=form_status(form))


@require_POST
@page("keys.manage")
def change_key(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    key = ApiKey.objects.filter(pk=pk).first()
    if key is None:
        raise NotFound(say("There is no such key in this workspace."))
    secret = ""
    if request.POST.get("verb") == "rotate":
        for verb in key.scopes:
            demand(request, verb)
        _, secret = keys.rotate_key(key=key, by=request.user)
    elif request.POST.get("verb") == "revoke":
        keys.revoke_key(key=key)
    else:
        raise Invalid.one("verb", say("Choose one of %(names)s.", names="rotate, revoke"))
    context = {"form": KeyForm(), "rows": ApiKey.objects.order_by("-id"), "secret": secret}
    return render(request, "tenants/keys.html", context)
