"""What can be taken back is, within ten minutes, by who did it, with the right it needs."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core import signing
from django.test import Client
from django.urls import reverse

from campaigns.catalog import services
from campaigns.catalog.models import Fact
from campaigns.contacts.models import Contact
from campaigns.segments.models import Segment
from tenants import offers, saved_views
from tenants.models import Membership, SavedView
from tests import make


@pytest.fixture
def client(tenant: make.Place) -> Client:
    client = Client()
    client.force_login(tenant.owner)
    return client


def offered(answer: Any) -> str:
    tags = [m.extra_tags for m in get_messages(answer.wsgi_request)]
    return [t.removeprefix(offers.TAG) for t in tags if t.startswith(offers.TAG)][-1]


def take_back(client: Client, tenant: make.Place, token: str) -> int:
    url = reverse("workspace:undo", args=[tenant.slug])
    return client.post(url, {"token": token}).status_code


def post(client: Client, tenant: make.Place, name: str, pk: object, **values: object) -> Any:
    return client.post(reverse(name, args=[tenant.slug, pk]), values)


def test_a_removed_fact_comes_back_as_it_was(tenant, client):
    product = make.product()
    fact = services.add_fact(text="Ships in two days.", product=product, source="shop")
    token = offered(post(client, tenant, "catalog:remove-fact", fact.pk))
    assert Fact.objects.count() == 0
    assert take_back(client, tenant, token) == 302
    row = Fact.objects.get()
    assert (row.text, row.product_id, row.source) == (fact.text, product.pk, fact.source)


def test_an_archived_segment_is_taken_up_again_and_twice_is_a_conflict(tenant, client):
    segment = make.segment()
    token = offered(post(client, tenant, "segments:archive", segment.pk))
    assert take_back(client, tenant, token) == 302
    assert Segment.objects.get(pk=segment.pk).state != "archived"
    assert take_back(client, tenant, token) == 409


def test_a_member_a_view_and_a_trait_come_back(tenant, client):
    member = make.member(tenant, "marketer")
    place = Membership.objects.get(user=member)
    token = offered(post(client, tenant, "workspace:change-member", place.pk, verb="remove"))
    assert not Membership.objects.filter(user=member).exists()
    take_back(client, tenant, token)
    assert Membership.objects.get(user=member).role == "marketer"
    place = Membership.objects.get(user=member)
    token = offered(post(client, tenant, "workspace:change-member", place.pk, role="analyst"))
    take_back(client, tenant, token)
    assert Membership.objects.get(user=member).role == "marketer"
    view = saved_views.save(
        user_id=tenant.owner.pk, page="contacts:people", name="Loyal", query="lifecycle=loyal",
        shared=True,
    )  # fmt: skip
    token = offered(post(client, tenant, "workspace:drop-view", view.pk))
    take_back(client, tenant, token)
    kept = SavedView.objects.get()
    assert (kept.name, kept.query, kept.shared) == ("Loyal", "lifecycle=loyal", True)
    make.record(make.identify("u1", plan="pro"))
    contact = Contact.objects.get()
    token = offered(post(client, tenant, "contacts:trait", contact.pk, key="plan", value="free"))
    make.run_jobs()
    assert Contact.objects.get().traits["plan"] == "free"
    take_back(client, tenant, token)
    make.run_jobs()
    assert Contact.objects.get().traits["plan"] == "pro"


def test_what_was_changed_again_since_is_not_overwritten(tenant, client):
    member = make.member(tenant, "marketer")
    place = Membership.objects.get(user=member)
    token = offered(post(client, tenant, "workspace:change-member", place.pk, role="analyst"))
    post(client, tenant, "workspace:change-member", place.pk, role="sender")
    assert take_back(client, tenant, token) == 409
    assert Membership.objects.get(user=member).role == "sender"
    make.record(make.identify("u1", plan="pro"))
    contact = Contact.objects.get()
    token = offered(post(client, tenant, "contacts:trait", contact.pk, key="plan", value="free"))
    make.run_jobs()
    make.record(make.identify("u1", plan="enterprise"))
    assert take_back(client, tenant, token) == 409
    make.run_jobs()
    assert Contact.objects.get().traits["plan"] == "enterprise"


def test_a_fact_comes_back_once_however_often_the_button_is_pressed(tenant, client):
    fact = services.add_fact(text="Ships in two days.", product=make.product())
    token = offered(post(client, tenant, "catalog:remove-fact", fact.pk))
    assert [take_back(client, tenant, token), take_back(client, tenant, token)] == [302, 409]
    assert list(Fact.objects.values_list("pk", flat=True)) == [fact.pk]


def test_undo_of_a_trait_sees_what_was_said_before_the_profile_follows(tenant, client):
    make.record(make.identify("u1", plan="A"))
    contact = Contact.objects.get()
    token = offered(post(client, tenant, "contacts:trait", contact.pk, key="plan", value="B"))
    post(client, tenant, "contacts:trait", contact.pk, key="plan", value="C")  # not folded yet
    assert take_back(client, tenant, token) == 409
    make.run_jobs()
    assert Contact.objects.get().traits["plan"] == "C"
    token = offered(post(client, tenant, "contacts:trait", contact.pk, key="plan", value="D"))
    assert [take_back(client, tenant, token), take_back(client, tenant, token)] == [302, 409]
    make.run_jobs()
    assert Contact.objects.get().traits["plan"] == "C"


def test_a_view_that_was_made_again_is_not_replaced(tenant, client):
    values = {"user_id": tenant.owner.pk, "page": "contacts:people", "name": "V", "shared": False}
    old = saved_views.save(query="q=old", **values)
    token = offered(post(client, tenant, "workspace:drop-view", old.pk))
    saved_views.save(query="q=new", **values)
    assert take_back(client, tenant, token) == 409
    assert SavedView.objects.get().query == "q=new"


def test_who_is_no_owner_any_more_makes_none_by_undo(tenant, client):
    second = make.user()
    place = Membership.objects.create(user=second, role="owner")
    token = offered(post(client, tenant, "workspace:change-member", place.pk, role="marketer"))
    Membership.objects.create(user=make.user(), role="owner")
    Membership.objects.filter(user=tenant.owner).update(role="admin")
    assert take_back(client, tenant, token) == 403
    assert Membership.objects.get(user=second).role == "marketer"


def test_nobody_else_takes_it_back_and_no_right_is_won_by_it(tenant, client):
    segment = make.segment()
    token = offered(post(client, tenant, "segments:archive", segment.pk))
    other = Client()
    other.force_login(make.member(tenant, "admin"))
    assert take_back(other, tenant, token) == 404
    Membership.objects.filter(user=tenant.owner).update(role="analyst")
    assert take_back(client, tenant, token) == 403
    assert Segment.objects.get(pk=segment.pk).state == "archived"


def test_an_old_or_made_up_offer_is_refused(tenant, client, monkeypatch):
    assert take_back(client, tenant, "made-up") == 404
    foreign = signing.dumps(["segments.archive", {}, tenant.owner.pk, tenant.id], salt="other")
    assert take_back(client, tenant, foreign) == 404
    segment = make.segment()
    token = offered(post(client, tenant, "segments:archive", segment.pk))
    monkeypatch.setattr(offers, "SECONDS", -1)
    assert take_back(client, tenant, token) == 409
