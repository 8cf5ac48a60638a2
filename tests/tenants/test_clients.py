"""Agencies and their clients: who comes in, as what, and who decides about it."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attune.kernel.errors import Conflict, Forbidden, NotFound
from attune.kernel.models import AuditEntry
from attune.kernel.tenancy import tenant_context
from insights import metering
from tenants import caps, clients, custom_roles, keys, leaving, people, registry
from tenants.models import ApiKey, Membership, Notice, Tenant
from tenants.roles import ALL_VERBS, AT_HOME, verbs_of
from tests import make


@pytest.fixture
def agency(db: None) -> make.Place:
    return make.workspace("agency")


@pytest.fixture
def client_of(agency: make.Place) -> make.Place:
    """A client with an owner of its own."""
    place = make.workspace("shop")
    with tenant_context(agency.id):
        token = clients.invitation()
    with tenant_context(place.id):
        clients.join(token=token)
    return place


def seat(user, place):
    return next((m for m in registry.memberships_of(user.pk) if m.tenant_id == place.id), None)


def in_agency(agency, role):
    with tenant_context(agency.id):
        if role in {"owner", "admin", "marketer"}:
            return make.member(agency, role)
        user = make.user()
        Membership.objects.create(user=user, role="custom", custom_role=role)
        return user


class Browser(Client):
    """Each request in a savepoint of its own, as each is alone in life: what one refuses and undoes
    leaves the others whole."""

    def request(self, **request):
        with transaction.atomic():
            return super().request(**request)


def signed_in(user) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def test_who_enters_clients_works_there_as_at_home_less_what_stays_with_the_clients_people(
    agency, client_of
):
    owner = seat(agency.owner, client_of)
    assert (owner.visiting, owner.role) == (True, "admin")
    assert owner.verbs == verbs_of("owner") - AT_HOME
    assert seat(in_agency(agency, "admin"), client_of).verbs == verbs_of("admin") - AT_HOME
    assert seat(in_agency(agency, "marketer"), client_of) is None
    with tenant_context(agency.id):
        role = custom_roles.save(
            name="Account manager", about="", rights=ALL_VERBS,
            verbs=["workspace.view", "clients.enter", "content.edit", "members.manage"],
        )  # fmt: skip
    assert seat(in_agency(agency, role), client_of).verbs == {"workspace.view", "content.edit"}


def test_the_agency_opens_pages_and_its_acts_are_told_apart(agency, client_of):
    browser = signed_in(agency.owner)
    assert browser.get(reverse("insights:home", args=[client_of.slug])).status_code == 200
    for page in ("keys", "leave", "new-role"):
        answer = browser.get(reverse(f"workspace:{page}", args=[client_of.slug]))
        assert answer.status_code == 403, page
    browser.post(reverse("workspace:brand", args=[client_of.slug]), {"brand_colour": "#112233"})
    with tenant_context(client_of.id):
        entry = AuditEntry.objects.filter(action="workspace.brand").get()
        assert entry.actor_label == f"{agency.owner} (for the agency)"


def test_a_member_of_both_is_what_the_client_made_them(agency, client_of):
    with tenant_context(client_of.id):
        Membership.objects.create(user=agency.owner, role="analyst")
    place = seat(agency.owner, client_of)
    assert (place.visiting, place.verbs) == (False, verbs_of("analyst"))
    assert len([m for m in registry.memberships_of(agency.owner.pk)]) == 2


def test_the_agency_is_told_that_a_client_parted(agency, client_of):
    with tenant_context(client_of.id):
        clients.part()
        name = Tenant.objects.get(pk=client_of.id).name
        assert not Notice.objects.filter(text__text__contains="without you").exists()
    with tenant_context(agency.id):
        told = Notice.objects.get()
        assert (told.user, str(told.text)) == (
            agency.owner, f"{name} works without you from now on",
        )  # fmt: skip
    assert signed_in(agency.owner).get(told.url).status_code == 200


def test_who_lets_a_client_go_is_not_told_of_it(agency, client_of):
    with tenant_context(client_of.id):
        clients.part(by_agency=True)
    with tenant_context(agency.id):
        assert not Notice.objects.exists()


def test_nobody_of_the_agency_comes_in_once_it_is_over(agency, client_of):
    with tenant_context(client_of.id):
        clients.part()
    assert seat(agency.owner, client_of) is None
    with tenant_context(agency.id):
        assert clients.clients() == []
    with tenant_context(client_of.id), pytest.raises(Conflict, match="no agency"):
        clients.part()


def test_a_client_sees_only_its_agencys_name_and_the_agency_only_its_clients(agency, client_of):
    other = make.workspace("other")
    with tenant_context(client_of.id):
        assert clients.agency() == clients.Agency(agency.slug, agency.tenant.name)
        assert clients.clients() == []
        assert not Tenant.objects.filter(pk=agency.id).exists()
    with tenant_context(agency.id):
        assert [c.slug for c in clients.clients()] == [client_of.slug]
        assert not Tenant.objects.filter(pk=client_of.id).exists()
    with tenant_context(other.id):
        assert clients.agency() is None
        assert clients.clients() == []


def test_one_level_only_whoever_asks(agency, client_of):
    below = make.workspace("below")
    with tenant_context(client_of.id), pytest.raises(Conflict, match="no clients of its own"):
        clients.invitation()
    with pytest.raises(Conflict, match="no clients of its own"):
        clients.make(agency_id=client_of.id, name="x", owner=client_of.owner)
    with tenant_context(below.id):
        token = clients.invitation()
    with tenant_context(agency.id), pytest.raises(Conflict, match="no clients of its own"):
        clients.join(token=token)  # it has clients
    with tenant_context(below.id), pytest.raises(Conflict, match="its own agency"):
        clients.join(token=token)
    with tenant_context(client_of.id), pytest.raises(Conflict, match="an agency already"):
        clients.join(token=token)
    with tenant_context(below.id), pytest.raises(NotFound):
        clients.join(token="made up")


def test_a_new_client_begins_as_its_agency_is_and_has_its_maker_as_owner(agency):
    with tenant_context(agency.id):
        Tenant.objects.filter(pk=agency.id).update(timezone="Asia/Tokyo", frequency_cap=2)
    made = clients.create(of=seat(agency.owner, agency), name="Tea House", owner=agency.owner)
    with tenant_context(made.pk):
        row = Tenant.objects.get(pk=made.pk)
        assert (row.timezone, row.frequency_cap, row.parent_id) == ("Asia/Tokyo", 2, agency.id)
        assert row.sender_email == ""  # whose name it writes in is its own
        assert Membership.objects.get().role == "owner"
    with pytest.raises(Forbidden):
        clients.create(of=seat(in_agency(agency, "marketer"), agency), name="y", owner=agency.owner)


def test_granted_caps_bind_the_client_and_go_with_the_agency(agency, client_of):
    browser = signed_in(agency.owner)
    page = reverse("tenants:client", args=[agency.slug, client_of.id])
    assert browser.post(page, {"messages": 10, "events": ""}).status_code == 302
    with tenant_context(client_of.id):
        tenant = Tenant.objects.get(pk=client_of.id)
        assert tenant.agency_caps == {"messages": 10}
        caps.save_own({"messages": 50})
        tenant.refresh_from_db()
        assert caps.cap_of(tenant, "messages") == 10
        assert AuditEntry.objects.filter(
            action="workspace.agency_caps", actor_label__contains=agency.tenant.name
        ).exists()
        clients.part()
        tenant.refresh_from_db()
        assert caps.cap_of(tenant, "messages") == 50


def test_strangers_and_other_agencies_change_no_client(agency, client_of):
    stranger = make.workspace("stranger")
    urls = [
        reverse("tenants:client", args=[stranger.slug, client_of.id]),
        reverse("tenants:client", args=[agency.slug, client_of.id]),
        reverse("tenants:release-client", args=[agency.slug, client_of.id]),
        reverse("tenants:release-client", args=[stranger.slug, client_of.id]),
        reverse("tenants:new-client", args=[agency.slug]),
    ]
    for url in urls:
        assert signed_in(stranger.owner).post(url, {"messages": 1}).status_code == 404, url
        assert signed_in(stranger.owner).get(url).status_code in {404, 405}, url
        assert Client().post(url).status_code == 302
    marketer = signed_in(in_agency(agency, "marketer"))
    assert marketer.post(urls[1], {"messages": 1}).status_code == 403
    assert marketer.post(urls[2]).status_code == 403
    for url in (urls[1], urls[4]):
        assert marketer.get(url).status_code == 403, url
    own = signed_in(client_of.owner)  # a client's owner is nobody in the agency
    assert own.post(urls[1], {"messages": 1}).status_code == 404
    with tenant_context(client_of.id):
        tenant = Tenant.objects.get(pk=client_of.id)
        assert (tenant.agency_caps, tenant.parent_id) == ({}, agency.id)


def test_the_pages_of_both_sides(agency, client_of):
    with tenant_context(client_of.id):
        make.contact("u1")
        make.record(make.track("u1", "Seen"), make.track("u1", "Seen"))
        metering.count()
    browser = signed_in(agency.owner)
    shown = browser.get(reverse("workspace:clients", args=[agency.slug])).content.decode()
    assert client_of.tenant.name in shown
    row = browser.get(reverse("workspace:clients", args=[agency.slug])).context["rows"][0][0]
    used = {line.kind: line.used for line in row.lines}
    assert used == {"messages": 0, "events": 3, "contacts": 1, "conversations": 0, "tokens": 0}
    made = browser.post(reverse("workspace:clients", args=[agency.slug]))
    token = made.context["link"]
    other = make.workspace("late")
    join = reverse("workspace:agency", args=[other.slug])
    part = reverse("workspace:part", args=[other.slug])
    wrong = signed_in(other.owner).post(join, {"token": "no"})
    assert wrong.status_code == 422
    assert signed_in(other.owner).post(join, {"token": token}).status_code == 302
    with tenant_context(other.id):
        assert clients.agency().slug == agency.slug
        admin = make.member(other, "admin")
    assert signed_in(admin).post(part).status_code == 403
    assert signed_in(agency.owner).post(part).status_code == 403
    assert signed_in(other.owner).post(part).status_code == 302
    assert signed_in(other.owner).post(part).status_code == 409  # a second click
    let_go = reverse("tenants:release-client", args=[agency.slug, client_of.id])
    assert browser.post(let_go).status_code == 302
    assert seat(agency.owner, client_of) is None
    named = browser.post(reverse("tenants:new-client", args=[agency.slug]), {"name": "Fresh"})
    assert named.url == reverse("insights:home", args=["fresh"])


def test_erasing_the_agency_frees_its_clients_as_by_their_own_hand(agency, client_of):
    with tenant_context(client_of.id):
        caps.save_agency({"messages": 1})
    with tenant_context(agency.id):
        leaving.ask_erasing(typed=agency.slug)
        Tenant.objects.filter(pk=agency.id).update(erase_at="2020-01-01T00:00Z")
        assert not leaving.erase_if_due(timezone.now())  # its clients first
    with tenant_context(client_of.id):
        clients.part_if_over(timezone.now())
        tenant = Tenant.objects.get(pk=client_of.id)
        assert (tenant.parent_id, tenant.agency_caps) == (None, {})
    with tenant_context(agency.id):
        assert leaving.erase_if_due(timezone.now())
    assert registry.memberships_of(agency.owner.pk) == []


def test_a_founder_who_is_the_only_owner_stays_when_the_agency_goes(agency):
    made = clients.create(of=seat(agency.owner, agency), name="Own Shop", owner=agency.owner)
    with tenant_context(made.pk):
        clients.part()
        assert Membership.objects.get().for_agency is False
    assert seat(agency.owner, make.Place(made, agency.owner)).role == "owner"


def test_what_the_house_grants_outlives_the_agency(agency, client_of):
    with tenant_context(client_of.id):
        caps.save_house({"messages": 7})
        caps.save_agency({"messages": 3})
        clients.part()
        assert caps.cap_of(Tenant.objects.get(pk=client_of.id), "messages") == 7


def test_a_token_works_once_and_until_another_one_is_made(agency, client_of):
    other, third = make.workspace("other"), make.workspace("third")
    with tenant_context(agency.id):
        first = clients.invitation()
        second = clients.invitation()
    with tenant_context(other.id):
        with pytest.raises(NotFound, match="was used"):
            clients.join(token=first)
        clients.join(token=second)
        clients.part()
    for place in (other, third):
        with tenant_context(place.id), pytest.raises(NotFound, match="was used"):
            clients.join(token=second)


def test_who_leaves_the_agency_leaves_the_clients_they_made(agency):
    admin = in_agency(agency, "admin")
    made = clients.create(of=seat(admin, agency), name="Made Shop", owner=admin)
    shop = make.Place(made, admin)
    assert seat(admin, shop).role == "owner"
    with tenant_context(agency.id):
        people.remove_member(membership=Membership.objects.get(user=admin), rights=ALL_VERBS)
    assert seat(admin, shop) is None
    adopt = reverse("tenants:adopt-client", args=[agency.slug, made.pk])
    assert signed_in(agency.owner).post(adopt).status_code == 302
    assert (seat(agency.owner, shop).role, seat(agency.owner, shop).visiting) == ("owner", False)
    with tenant_context(made.pk):
        Membership.objects.create(user=make.user(), role="owner")
    assert signed_in(agency.owner).post(adopt).status_code == 409


def test_a_key_of_the_agency_stays_one_when_it_is_renewed(agency, client_of):
    with tenant_context(client_of.id):
        key, _ = keys.create_key(name="k", kind="write_only", scopes=[], by=None)
        ApiKey.objects.filter(pk=key.pk).update(for_agency=True)
        key.refresh_from_db()
        _, secret = keys.rotate_key(key=key, by=None)
        clients.part()
    assert registry.key_of(secret) is None


def test_numbers_that_no_workspace_has_are_not_found(agency):
    browser = signed_in(agency.owner)
    for name in ("client", "release-client", "adopt-client"):
        url = reverse(f"tenants:{name}", args=[agency.slug, 10**19])
        assert browser.post(url).status_code == 404


def test_the_functions_answer_for_the_open_workspace_alone(agency, client_of):
    """The application's role cannot ask them for another one: they take no workspace."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, pronargs FROM pg_proc WHERE proname IN "
            "('attune_clients', 'attune_agency', 'attune_client_meters') ORDER BY 1"
        )
        assert cursor.fetchall() == [
            ("attune_agency", 0), ("attune_client_meters", 1), ("attune_clients", 0)
        ]  # fmt: skip
