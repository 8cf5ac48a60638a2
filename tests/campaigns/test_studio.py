"""The studio and its guests: compare, more like this, for one person, several to review, links."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid, NotFound
from campaigns.approval import guests
from campaigns.approval import services as approval
from campaigns.approval.models import Opinion, Review, ReviewLink, Verdict
from campaigns.content import services as content
from campaigns.content.models import GenerationRun, Revision
from tenants.models import Notice
from tests import make


@pytest.fixture
def owner(tenant) -> Client:
    client = Client()
    client.force_login(tenant.owner)
    return client


def page(place: make.Place, name: str, *arguments: object) -> str:
    return reverse(name, args=[place.slug, *arguments])


def texts(n: int = 3) -> list[Revision]:
    brief = make.brief("sms")
    return [
        content.create_asset(name=f"t{i}", channel="sms", brief=brief, author_id=None,
                             components={"body": f"A cup for a slow day, number {'abc'[i]}."})
        for i in range(n)
    ]  # fmt: skip


def test_two_texts_are_compared_side_by_side(owner, tenant):
    one, two, three = texts()
    url = page(tenant, "content:compare", one.asset.brief_id)
    body = owner.get(url, {"chosen": [one.pk, two.pk]}).content.decode()
    assert str(one.pk) in body
    assert str(two.pk) in body
    assert str(three.pk) not in body
    assert re.search(r"<ins[^>]*>\s*[ab]\.", body)
    assert "Choose two texts" in owner.get(url, {"chosen": [one.pk]}).content.decode()


def test_more_like_this_asks_in_the_manner_of_a_text(owner, tenant):
    one, *_ = texts()
    url = page(tenant, "content:generate", one.asset.brief_id)
    assert owner.post(url, {"wanted": "3", "like": one.pk}).status_code == 302
    run = GenerationRun.objects.get()
    assert (run.like_id, run.wanted) == (one.pk, 3)
    with pytest.raises(Invalid, match="not written for this brief"):
        content.request_variants(brief=make.brief(), wanted=1, author_id=None, like=one)


def test_a_message_for_one_person_shows_what_was_used_of_them(owner, tenant):
    make.contact("ada", name="Ada Lovelace", plan="pro")
    one, *_ = texts()
    url = page(tenant, "content:generate", one.asset.brief_id)
    owner.post(url, {"wanted": "1", "person": "ada"})
    run = GenerationRun.objects.get()
    assert run.contact.external_id == "ada"
    assert run.audience_profile["left_out"] == ["email", "name", "plan"]
    GenerationRun.objects.update(state="finished")
    body = owner.get(page(tenant, "content:brief", one.asset.brief_id)).content.decode()
    assert "Kept from the model:" in body
    unknown = owner.post(url, {"wanted": "1", "person": "nobody-at-all"}, follow=True)
    assert "Nobody is known as “nobody-at-all”." in unknown.content.decode()
    assert GenerationRun.objects.count() == 1
    analyst = Client()
    analyst.force_login(make.member(tenant, "analyst"))
    assert analyst.post(url, {"wanted": "1", "person": "ada"}).status_code == 403


def test_several_variants_go_to_review_at_once_and_the_refused_say_why(owner, tenant):
    one, two, _ = texts()
    bad = content.create_asset(name="x", channel="sms", components={"body": "It is free today only."},
                               brief=one.asset.brief, author_id=None)  # fmt: skip
    url = page(tenant, "approval:submit-many", one.asset.brief_id)
    answer = owner.post(url, {"chosen": [one.pk, two.pk, bad.pk]}, follow=True)
    told = [str(m) for m in answer.context["messages"]]
    assert told[0] == "2 wait for a reviewer now."
    assert told[1].startswith("revision: A check blocks it")
    assert Review.objects.filter(state="open").count() == 2


def test_a_guest_reads_by_a_signed_link_and_decides_nothing(owner, tenant):
    review = approval.submit(revision=texts()[0], by_id=tenant.owner.pk)
    link, address = guests.make_link(review=review, guest="Lawyer", days=3, by_id=tenant.owner.pk)
    guest, path = Client(), "/review/" + address.rsplit("/", 1)[1]
    assert "A cup for a slow day" in guest.get(path).content.decode()
    assert guest.post(path, {"kind": "change", "comment": ""}).status_code == 422
    assert guest.post(path, {"kind": "change", "comment": "Shorter, please"}).status_code == 200
    said = Opinion.objects.get()
    assert (said.comment, said.hash) == ("Shorter, please", review.revision.hash)
    assert Review.objects.get().state == "open"
    assert Verdict.objects.count() == 0
    assert Notice.objects.filter(user=tenant.owner, text__icontains="Lawyer").exists()
    assert (
        "Shorter, please" in owner.get(page(tenant, "approval:review", review.pk)).content.decode()
    )
    guests.revoke(row=link)
    assert guest.get(path).status_code == 404
    assert guest.get(path[:-2]).status_code == 404


def test_a_link_ends_with_its_day_and_with_the_verdict(tenant):
    review = approval.submit(revision=texts()[0], by_id=None)
    link, _ = guests.make_link(review=review, guest="Client", days=1, by_id=None)
    approval.decide(review=review, by=approval.Reviewer(10**9, "Rita"), kind="approve")
    with pytest.raises(Conflict, match="decided already"):
        guests.give_opinion(row=guests.link(str(link.pk)), kind="fine", comment="")
    ReviewLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound, match="has expired"):
        guests.link(str(link.pk))
    for days in (0, 31):
        with pytest.raises(Invalid, match="1 to 30 days"):
            guests.make_link(review=review, guest="x", days=days, by_id=None)


def test_a_review_has_a_reviewer_and_a_day(tenant):
    review = approval.submit(revision=texts()[0], by_id=None)
    reviewer, analyst = make.member(tenant, "reviewer"), make.member(tenant, "analyst")
    tomorrow = timezone.localdate() + timedelta(days=1)
    approval.assign(review=review, to=reviewer.pk, due_on=tomorrow, by_id=tenant.owner.pk)
    review.refresh_from_db()
    assert (review.assigned_to, review.due_on) == (reviewer.pk, tomorrow)
    assert Notice.objects.filter(user=reviewer, text__icontains="yours to review").count() == 1
    with pytest.raises(Invalid, match="may not decide"):
        approval.assign(review=review, to=analyst.pk, due_on=None, by_id=None)
    with pytest.raises(Invalid, match="over already"):
        approval.assign(review=review, to=None, due_on=tomorrow - timedelta(days=3), by_id=None)
