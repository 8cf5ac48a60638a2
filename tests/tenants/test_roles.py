"""Roles of a workspace's own, and teams."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from attune.kernel.tenancy import tenant_context
from campaigns.approval import services as approval
from chat.conversations import services as conversations
from tenants import custom_roles, keys, notices, people, registry, rights, teams
from tenants.models import ApiKey, CustomRole, Membership, Team, TeamMember
from tenants.roles import ALL_VERBS, OWNERS_ALONE, PERMISSIONS, Role, verbs_of
from tests import make

ADMIN = verbs_of("admin")
WRITER = ["workspace.view", "content.view", "content.edit"]


def a_role(name="Writer", verbs=WRITER, rights=ALL_VERBS):
    return custom_roles.save(name=name, about="", verbs=verbs, rights=rights)


def someone(role):
    """A member with this role: a choice as forms make it."""
    user = make.user()
    given = custom_roles.chosen(str(role))
    Membership.objects.create(user=user, role=given.role, custom_role=given.custom_role)
    return user


def seen(user, tenant):
    return next(m for m in registry.memberships_of(user.pk) if m.tenant_id == tenant.id)


def status(user, tenant, name, *args):
    client = Client()
    client.force_login(user)
    return client.get(reverse(name, args=[tenant.slug, *args])).status_code


def test_a_role_of_ones_own_opens_exactly_its_rights(tenant):
    user = someone(a_role().pk)
    assert seen(user, tenant).verbs == set(WRITER)
    assert seen(user, tenant).role_name == "Writer"
    assert status(user, tenant, "content:briefs") == 200
    assert status(user, tenant, "approval:queue") == 403
    assert status(user, tenant, "workspace:settings") == 403
    assert user.pk in notices.those_who_can("content.edit")
    assert user.pk not in notices.those_who_can("approval.decide")


def test_changing_the_role_changes_what_everybody_who_holds_it_may_at_once(tenant):
    row = a_role()
    user = someone(row.pk)
    custom_roles.save(
        name="Writer", about="", verbs=[*WRITER, "approval.view"], rights=ALL_VERBS, row=row
    )
    assert status(user, tenant, "approval:queue") == 200


def test_the_roles_of_the_house_hold_what_the_table_says(tenant):
    for role in Role:
        member = seen(make.member(tenant, role.value), tenant)
        assert member.verbs == {v for v, holders in PERMISSIONS.items() if role in holders}
        with pytest.raises(KeyError):
            member.can("no.such")


@pytest.mark.parametrize(
    ("values", "error", "told"),
    [
        ({"name": " "}, Invalid, "Give the role a name"),
        ({"name": "Admin"}, Invalid, "the house has a role"),
        ({"verbs": ["workspace.view", "all.things"]}, Invalid, "Unknown rights: all.things"),
        ({"verbs": ["workspace.view", "workspace.leave"]}, Invalid, "stay with owners"),
        ({"verbs": ["content.edit"]}, Invalid, "nobody opens any page"),
        ({"verbs": WRITER, "rights": frozenset({"members.manage"})}, Forbidden, "content.edit"),
    ],
)
def test_a_role_that_cannot_be_is_refused_by_name(tenant, values, error, told):
    with pytest.raises(error, match=f"(?i){told}"):
        a_role(**values)
    assert not CustomRole.objects.exists()


def test_two_roles_of_one_name_are_refused(tenant):
    a_role()
    with pytest.raises(Invalid, match="exists"):
        a_role()


def test_whoever_manages_members_gives_no_more_than_they_hold(tenant):
    manager = frozenset({"workspace.view", "members.view", "members.manage"})
    analyst = Membership.objects.get(user=make.member(tenant, "analyst"))
    for deed in (
        lambda: people.invite(email="x@example.com", role="admin", by=None, rights=manager),
        lambda: people.change_role(membership=analyst, role="admin", rights=manager),
        lambda: people.remove_member(membership=analyst, rights=manager),
        lambda: a_role(verbs=[*manager, "keys.manage"], rights=manager),
        lambda: teams.save(name="T", members=[], role="admin", rights=manager),
    ):
        with pytest.raises(Forbidden, match="you may not"):
            deed()
    tiny = a_role("Guest", ["workspace.view"], rights=manager)
    people.invite(email="x@example.com", role=str(tiny.pk), by=None, rights=manager)
    guest = make.user("x@example.com")
    assert not registry.memberships_of(guest.pk)


def test_an_invitation_carries_a_role_of_ones_own(tenant):
    token = people.invite(email="w@example.com", role=str(a_role().pk), by=None, rights=ALL_VERBS)
    user = make.user("w@example.com")
    assert people.accept_invitation(token=token, user=user).role_name == "Writer"
    assert seen(user, tenant).verbs == set(WRITER)


def test_a_role_that_is_held_stays_and_the_database_holds_it_too(tenant):
    row = a_role()
    user = someone(row.pk)
    with pytest.raises(Conflict, match="still holds"):
        custom_roles.drop(row=row, rights=ALL_VERBS)
    people.change_role(
        membership=Membership.objects.get(user=user), role="analyst", rights=ALL_VERBS
    )
    custom_roles.drop(row=row, rights=ALL_VERBS)
    assert not CustomRole.objects.exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=make.user(), role="custom")


def test_a_role_that_an_open_invitation_brings_stays_one_that_came_does_not_hold_it(tenant):
    row = a_role()
    token = people.invite(email="w@example.com", role=str(row.pk), by=None, rights=ALL_VERBS)
    with pytest.raises(Conflict, match="is invited with this role"):
        custom_roles.drop(row=row, rights=ALL_VERBS)
    member = people.accept_invitation(token=token, user=make.user("w@example.com"))
    people.change_role(membership=member, role="analyst", rights=ALL_VERBS)
    custom_roles.drop(row=row, rights=ALL_VERBS)
    assert not CustomRole.objects.exists()


def test_losing_the_right_to_keys_ends_the_keys_one_made(tenant):
    row = a_role("Tech", ["workspace.view", "keys.manage", "jobs.view"])
    user = someone(row.pk)
    key, _ = keys.create_key(name="k", kind="secret", scopes=["jobs.view"], by=user)
    custom_roles.save(name="Tech", about="", verbs=["workspace.view"], rights=ALL_VERBS, row=row)
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_keys_end_that_can_more_than_who_made_them_and_only_those(tenant):
    row = a_role("Tech", ["workspace.view", "keys.manage", "contacts.view_personal", "jobs.view"])
    user = someone(row.pk)
    teams.save(name="T", members=[tenant.owner.pk], role=str(row.pk), rights=ALL_VERBS)
    wide, _ = keys.create_key(name="w", kind="secret", scopes=["contacts.view_personal"], by=user)
    narrow, _ = keys.create_key(name="n", kind="secret", scopes=["jobs.view"], by=user)
    owners, _ = keys.create_key(name="o", kind="secret", scopes=["keys.manage"], by=tenant.owner)
    verbs = ["workspace.view", "keys.manage", "jobs.view"]
    custom_roles.save(name="Tech", about="", verbs=verbs, rights=ALL_VERBS, row=row)
    ended = {k.name: bool(k.revoked_at) for k in ApiKey.objects.all()}
    assert ended == {"w": True, "n": False, "o": False}  # an owner holds it without the team
    assert {wide.name, narrow.name, owners.name} == set(ended)


def test_an_invitation_brings_no_more_than_who_sent_it_may_give(tenant):
    admin = make.member(tenant, "admin")
    sent = people.invite(email="a@example.com", role="admin", by=admin, rights=ADMIN)
    manager = frozenset({"workspace.view", "members.view", "members.manage"})
    tiny = a_role("Guest", ["workspace.view"])
    with pytest.raises(Forbidden):  # nor takes the place of one that brings more
        people.invite(email="a@example.com", role=str(tiny.pk), by=None, rights=manager)
    assert registry.invitation_of(sent) is not None
    people.change_role(
        membership=Membership.objects.get(user=admin), role="analyst", rights=ALL_VERBS
    )
    assert registry.invitation_of(sent) is None


def test_an_invitation_is_taken_back_on_its_page_and_goes_with_who_sent_it(tenant):
    token = people.invite(email="a@example.com", role="analyst", by=None, rights=ALL_VERBS)
    client = Client()
    client.force_login(tenant.owner)
    invitation = custom_roles.open_invitations().get()
    url = reverse("workspace:withdraw", args=[tenant.slug, invitation.pk])
    assert client.post(url).status_code == 302
    assert client.post(url).status_code == 404
    assert registry.invitation_of(token) is None
    admin = make.member(tenant, "admin")
    other = people.invite(email="b@example.com", role="analyst", by=admin, rights=ADMIN)
    people.remove_member(membership=Membership.objects.get(user=admin), rights=ALL_VERBS)
    assert registry.invitation_of(other) is None


def test_taking_a_removal_back_brings_the_teams_back_too(tenant):
    user = make.member(tenant, "agent")
    team = teams.save(name="Desk", members=[user.pk], rights=ALL_VERBS)
    stood = [str(pk) for pk in teams.of_member(user.pk)]
    people.remove_member(membership=Membership.objects.get(user=user), rights=ALL_VERBS)
    people.put_back_member(
        user_id=user.pk, role="agent", after="", rights=ALL_VERBS, of_teams=stood
    )
    assert teams.people(team.pk) == {user.pk}


def test_a_team_adds_its_role_to_what_each_of_it_may(tenant):
    analyst = make.member(tenant, "analyst")
    team = teams.save(name="Deciders", members=[analyst.pk], role="reviewer", rights=ALL_VERBS)
    assert seen(analyst, tenant).verbs == verbs_of("analyst", "reviewer")
    assert analyst.pk in notices.those_who_can("approval.decide")
    custom = a_role("Sellers", ["workspace.view", "campaigns.launch"])
    teams.save(
        name="Deciders", members=[analyst.pk], role=str(custom.pk), team=team, rights=ALL_VERBS
    )
    assert seen(analyst, tenant).verbs == verbs_of("analyst", granted=custom.verbs)
    assert analyst.pk in notices.those_who_can("campaigns.launch")
    assert analyst.pk not in notices.those_who_can("approval.decide")
    teams.drop(team=team, rights=ALL_VERBS)
    assert seen(analyst, tenant).verbs == verbs_of("analyst")


def test_who_leaves_a_team_that_managed_keys_loses_theirs_unless_their_own_role_may(tenant):
    analyst, developer = make.member(tenant, "analyst"), make.member(tenant, "developer")
    team = teams.save(
        name="Tech", members=[analyst.pk, developer.pk], role="developer", rights=ALL_VERBS
    )
    for user in (analyst, developer):
        keys.create_key(name=str(user.pk), kind="secret", scopes=["jobs.view"], by=user)
    teams.save(name="Tech", members=[], role="developer", team=team, rights=ALL_VERBS)
    alive = ApiKey.objects.filter(revoked_at=None, name__in=[str(analyst.pk), str(developer.pk)])
    assert list(alive.values_list("created_by_id", flat=True)) == [developer.pk]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"name": ""}, "Give the team a name"),
        ({"members": [10**9]}, "no member"),
        ({"role": "owner"}, "nobody an owner"),
        ({"role": "king"}, "not a role"),
    ],
)
def test_a_team_that_cannot_be_is_refused(tenant, values, told):
    with pytest.raises(Invalid, match=told):
        teams.save(**{"name": "T", "members": [], **values}, rights=ALL_VERBS)
    assert not Team.objects.exists()


def test_who_leaves_the_workspace_is_in_no_team(tenant):
    user = make.member(tenant, "agent")
    teams.save(name="Desk", members=[user.pk], rights=ALL_VERBS)
    people.remove_member(membership=Membership.objects.get(user=user), rights=ALL_VERBS)
    assert not TeamMember.objects.exists()


def test_a_review_goes_to_a_team_and_its_deciders_are_told(tenant):
    reviewer, analyst = make.member(tenant, "reviewer"), make.member(tenant, "analyst")
    review = approval.submit(revision=make.draft(), by_id=None)
    team = teams.save(name="Legal", members=[reviewer.pk, analyst.pk], rights=ALL_VERBS)
    notices.read_all(reviewer.pk)
    approval.assign(review=review, to=None, team=team, due_on=None, by_id=None)
    review.refresh_from_db()
    assert (review.team, review.assigned_to) == (team, None)
    assert "your team's" in str(notices.of(reviewer.pk).filter(read_at=None).get().text)
    assert not notices.of(analyst.pk).exists()
    alone = teams.save(name="Readers", members=[analyst.pk], rights=ALL_VERBS)
    with pytest.raises(Invalid, match="Nobody of this team"):
        approval.assign(review=review, to=None, team=alone, due_on=None, by_id=None)


def test_the_pages_make_change_and_forget_roles_and_teams(tenant):
    client = Client()
    client.force_login(tenant.owner)

    def post(to, *args, **data):
        return client.post(reverse(f"workspace:{to}", args=[tenant.slug, *args]), data)

    begun = client.get(reverse("workspace:new-role", args=[tenant.slug]) + "?like=reviewer")
    ticked = begun.context["form"].initial["verbs"]
    assert ticked == sorted(verbs_of("reviewer"))
    wrong = post("new-role", name="Writer", verbs=sorted(OWNERS_ALONE))
    assert wrong.status_code == 422
    assert not CustomRole.objects.exists()
    assert post("new-role", name="Writer", about="Writes", verbs=WRITER).status_code == 302
    role = CustomRole.objects.get()
    assert (role.name, role.about, role.verbs) == ("Writer", "Writes", sorted(WRITER))
    assert post("new-team", name="Desk", members=[tenant.owner.pk], role=role.pk).status_code == 302
    team = Team.objects.get()
    assert team.custom_role == role
    page = client.get(reverse("workspace:members", args=[tenant.slug])).content.decode()
    assert "Writer" in page
    assert "Desk" in page
    assert post("drop-role", role.pk).status_code == 409
    assert post("drop-team", team.pk).status_code == 302
    assert post("drop-role", role.pk).status_code == 302
    assert post("role", role.pk, name="x").status_code == 404
    assert not CustomRole.objects.exists()


def test_every_right_is_said_in_words_under_what_it_is_about(tenant):
    assert set(rights.WORDS) == set(PERMISSIONS)
    offered = rights.choices(PERMISSIONS)
    assert sorted(verb for _, rows in offered for verb, _ in rows) == sorted(PERMISSIONS)
    client = Client()
    client.force_login(tenant.owner)
    page = client.get(reverse("workspace:new-role", args=[tenant.slug])).content.decode()
    assert 'role="group" aria-label="Campaigns"' in page
    assert "Plan campaigns and journeys · campaigns.edit" in page


def test_a_role_of_another_workspace_is_none_here(db):
    here, there = make.workspace(), make.workspace()
    with tenant_context(there.id):
        foreign = a_role("Theirs")
    with tenant_context(here.id):
        with pytest.raises(Invalid, match="not a role"):
            custom_roles.chosen(str(foreign.pk))
        with pytest.raises(NotFound):
            custom_roles.role(foreign.pk)


def test_a_conversation_goes_to_a_team(tenant):
    agent = make.member(tenant, "agent")
    team = teams.save(name="Returns", members=[agent.pk], rights=ALL_VERBS)
    talk = make.conversation()
    conversations.assign(conversation=talk, to=None, team=team, by_id=tenant.owner.pk)
    talk.refresh_from_db()
    assert talk.team == team
