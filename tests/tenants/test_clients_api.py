"""Clients over REST: made whole or not at all, with their keys, caps and owner to be."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import transaction
from rest_framework.test import APIClient

from attune.kernel.errors import Invalid
from attune.kernel.tenancy import tenant_context
from tenants import clients, people, registry
from tenants.models import ApiKey, Membership
from tests import make
from tests.tenants.test_clients import agency, client_of

__all__ = ["agency", "client_of"]  # fixtures


def api(place: make.Place, *scopes: str) -> APIClient:
    with tenant_context(place.id):
        secret = make.key(place, *scopes)
    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return caller


def by_owner(agency: make.Place, *scopes: str) -> APIClient:
    caller = api(agency, *scopes)
    with tenant_context(agency.id):
        ApiKey.objects.update(created_by=agency.owner)
    return caller


def test_a_client_is_made_and_listed_over_rest(agency):
    nobodys = api(agency, "clients.manage")
    refused = nobodys.post("/v1/clients", {"name": "Web Shop"}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "key")
    caller = by_owner(agency, "clients.view", "clients.manage", "campaigns.view", "keys.manage")
    body = {"name": "Web Shop", "caps": {"events": 5}}
    made = caller.post("/v1/clients", body, format="json")
    assert made.status_code == 201
    again = caller.post("/v1/clients", body, format="json")
    assert (again.status_code, again.json()["errors"][0]["field"]) == (422, "name")
    key = registry.key_of(made.json()["secret_key"])
    assert set(key.scopes) == {"campaigns.view"}  # not what stays with a client's own people
    assert registry.key_of(made.json()["write_key"]).events_cap == 5
    [listed] = caller.get("/v1/clients").json()["results"]
    assert (listed["slug"], listed["usage"][1]) == ("web-shop", {
        "kind": "events", "used": 0, "cap": 5})  # fmt: skip
    assert api(agency, "campaigns.view").get("/v1/clients").status_code == 403
    assert APIClient().get("/v1/clients").status_code == 401


def test_a_client_that_cannot_be_whole_is_not_made_at_all(agency):
    caller = by_owner(agency, "clients.manage")
    body = {"name": "Half Shop", "caps": {"events": -1}}
    assert caller.post("/v1/clients", body, format="json").status_code == 422
    with (
        pytest.raises(Invalid),
        transaction.atomic(),
    ):
        clients.set_up(
            agency_id=agency.id, name="Half Shop", founder=agency.owner, owner_email="",
            granted={"events": -1}, scopes=["campaigns.view"], key_name="k",
        )  # fmt: skip
    assert [m.slug for m in registry.memberships_of(agency.owner.pk)] == [agency.slug]


def test_the_owner_to_be_is_invited_and_the_agency_leaves_nothing_behind(
    agency, django_capture_on_commit_callbacks
):
    caller = by_owner(agency, "clients.manage", "campaigns.view")
    body = {"name": "Far Shop", "owner_email": "far@example.com"}
    with django_capture_on_commit_callbacks(execute=True):
        made = caller.post("/v1/clients", body, format="json")
    [letter] = mail.outbox
    assert letter.to == ["far@example.com"]
    far = next(m for m in registry.memberships_of(agency.owner.pk) if m.slug == "far-shop")
    assert (far.role, far.visiting) == ("owner", False)  # somebody has to, until they came
    token = letter.body.split("/invitation/")[1].split()[0]
    guest = make.user("far@example.com")
    people.accept_invitation(token=token, user=guest)
    with tenant_context(far.tenant_id):
        clients.part()
        assert [m.user for m in Membership.objects.all()] == [guest]
    assert all(m.slug == agency.slug for m in registry.memberships_of(agency.owner.pk))
    assert registry.key_of(made.json()["secret_key"]) is None
    assert registry.key_of(made.json()["write_key"]) is None
