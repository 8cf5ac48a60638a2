"""Places, the palette, notices and saved views: each member sees what they may, and no more."""

from __future__ import annotations

import re
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Count
from django.test import Client, RequestFactory
from django.urls import reverse

from attune.kernel.errors import Invalid, NotFound
from attune.kernel.models import JobRow
from attune.web import pages
from campaigns.approval import services as approval
from campaigns.approval.models import Review
from campaigns.catalog.models import Product
from campaigns.contacts.models import ContactImport
from chat.conversations.models import Visitor
from chat.knowledge import services as knowledge
from insights import next_steps, search
from tenants import navigation, notices, saved_views
from tenants import services as tenants
from tenants.models import Notice, SavedView
from tests import make


def places(role: str) -> list[str]:
    return [p.text for _, group in navigation.shown(make.seen_as(role)) for p in group]


def test_places_follow_the_role_and_each_has_its_page():
    assert "Outbox" in places("owner")
    assert "Outbox" not in places("analyst")
    assert "Settings" not in places("marketer")
    assert "Conversations" in places("agent")
    assert "Conversations" not in places("analyst")
    kept = {p.text for _, group in navigation.PLACES for p in group} - set(places("owner"))
    assert kept == set()  # every place has its page


def texts(query: str, role: str = "owner") -> list[tuple[str, str]]:
    return [(h.kind, h.text) for h in search.find(query=query, member=make.seen_as(role))]


def test_the_palette_finds_pages_actions_and_what_has_a_name(tenant):
    make.segment(name="Oolong lovers")
    make.product(name="Mountain Oolong")
    make.contact("u1", name="Oona Oolong", email="oona@example.com")
    assert ("Go to", "Segments") in texts("segm")
    assert ("Do", "New segment") in texts("segm")
    found = texts("Oolong")
    assert ("Segment", "Oolong lovers") in found
    assert ("Product", "Mountain Oolong") in found
    knowledge.save_document(kind="faq", title="How long does oolong steep?", body="3 minutes.")
    talk = make.conversation("Hello")
    Visitor.objects.filter(pk=talk.visitor_id).update(name="Oona", email="oona@example.com")
    found = texts("oo")
    assert ("Knowledge", "How long does oolong steep?") in found
    assert ("Conversation", "Oona") in found
    assert ("Conversation", "Oona") in texts("oona@exa")
    assert ("Do", "New intent") in texts("new in")
    assert ("Person", "Oona Oolong") in texts("Oona")
    assert ("Person", "Oona Oolong") in texts("oona@exa")


def test_the_palette_shows_no_person_and_no_action_to_whom_may_not(tenant):
    make.contact("u1", name="Oona", email="oona@example.com")
    Visitor.objects.filter(pk=make.conversation("Hello").visitor_id).update(name="Oona")
    assert texts("Oona", "analyst") == []
    assert ("Do", "New segment") not in texts("New", "analyst")


def test_authors_and_reviewers_are_told_and_nobody_of_their_own_deed(tenant):
    author, reviewer = make.member(tenant, "marketer"), make.member(tenant, "reviewer")
    text = make.draft(author_id=author.pk)
    review = approval.submit(revision=text, by_id=author.pk)
    told = set(Notice.objects.values_list("user_id", flat=True))
    assert told == {reviewer.pk, tenant.owner.pk}
    Notice.objects.all().delete()
    approval.decide(review=review, by=approval.Reviewer(reviewer.pk, "Rita"), kind="approve")
    notice = Notice.objects.get()
    assert (notice.user_id, notice.text) == (author.pk, f"Rita: approved, “{text}”")
    client = Client()
    client.force_login(author)
    assert client.get(notice.url).status_code == 200


def test_a_review_that_was_decided_needs_nobody_any_more(tenant):
    reviewer = make.member(tenant, "reviewer")
    review = approval.submit(revision=make.draft(author_id=None), by_id=None)
    assert notices.of(tenant.owner.pk).filter(read_at=None).count() == 1
    approval.decide(review=review, by=approval.Reviewer(reviewer.pk, "Rita"), kind="approve")
    assert notices.of(tenant.owner.pk).filter(read_at=None).count() == 0


def test_who_started_an_import_or_a_campaign_is_told_how_it_ended(tenant):
    client = Client()
    client.force_login(tenant.owner)
    file = SimpleUploadedFile("tea.csv", b"id,email\nu1,u1@example.com\nu2,not an address\n")
    answer = client.post(reverse("contacts:files", args=[tenant.slug]), {"file": file})
    of = ContactImport.objects.get()
    mapping = {f"map:{column}": target for column, target in of.mapping.items()}
    assert client.post(answer.url, {**mapping, "verb": "run"}).status_code == 302
    make.run_jobs()
    audience = make.segment()
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    campaign = make.campaign(audience, trial)
    move = reverse("delivery_pages:move", args=[tenant.slug, campaign.pk])
    assert client.post(move, {"verb": "launch", "seen": campaign.plan}).status_code == 302
    make.run_jobs()
    told = list(notices.of(tenant.owner.pk).values_list("text", flat=True))
    assert f"“{campaign}” has been sent to 1 of 1 people" in told
    assert "tea.csv is imported: 1 rows taken, 1 not" in told


def test_the_bell_counts_what_is_new_until_it_is_read(tenant):
    notices.tell([tenant.owner.pk, None], "Something happened", "contacts:people")
    client = Client()
    client.force_login(tenant.owner)
    page = client.get(reverse("insights:notices", args=[tenant.slug])).content.decode()
    assert "1 new notice" in page
    assert "Something happened" in page
    client.post(reverse("insights:read-notices", args=[tenant.slug]))
    page = client.get(reverse("insights:notices", args=[tenant.slug])).content.decode()
    assert "0 new notices" in page


def test_a_view_keeps_the_filters_and_is_its_link(tenant):
    client = Client()
    client.force_login(tenant.owner)
    answer = client.post(
        reverse("workspace:save-view", args=[tenant.slug]),
        {"page": "contacts:people", "name": "Loyal", "query": "page=3&lifecycle=loyal&q=",
         "shared": "on"},
    )  # fmt: skip
    assert answer.url.endswith("/audience/?lifecycle=loyal")
    other = make.member(tenant, "marketer")
    client.force_login(other)
    page = client.get(answer.url).content.decode()
    assert "Loyal" in page
    assert "Forget" not in page  # it is somebody else's
    view = SavedView.objects.get()
    with pytest.raises(NotFound):
        saved_views.drop(user_id=other.pk, view_id=view.pk)
    saved_views.drop(user_id=tenant.owner.pk, view_id=view.pk)
    assert not SavedView.objects.exists()


def test_only_lists_keep_views(tenant):
    with pytest.raises(Invalid):
        saved_views.save(user_id=1, page="workspace:keys", name="x", query="", shared=False)


def test_several_reviews_are_decided_at_once_and_the_refused_say_why(tenant):
    reviewer = make.member(tenant, "reviewer")
    mine = approval.submit(revision=make.draft(author_id=reviewer.pk), by_id=None)
    others = [approval.submit(revision=make.draft(), by_id=None) for _ in range(3)]
    client = Client()
    client.force_login(reviewer)
    chosen = [str(r.pk) for r in [mine, *others]]
    answer = client.post(
        reverse("approval:bulk", args=[tenant.slug]),
        {"chosen": [*chosen, "nonsense"], "kind": "approve"}, follow=True,
    )  # fmt: skip
    page = answer.content.decode()
    assert "3 decided." in page
    assert "Who wrote or requested a text cannot approve it" in page
    assert "There is no such review" in page
    assert {r.state for r in others if not r.refresh_from_db()} == {"approved"}
    mine.refresh_from_db()
    assert mine.state == "open"


def test_a_text_is_edited_in_its_row_of_the_queue_and_waits_there_as_a_new_revision(tenant):
    old = approval.submit(revision=make.draft(body="Come and taste it please do."), by_id=None)
    approval.assign(review=old, to=None, due_on=date(2030, 1, 2), by_id=None)
    client = Client()
    client.force_login(tenant.owner)
    path = reverse("approval:edit-here", args=[tenant.slug, old.pk])
    shown = client.get(path).content.decode()
    assert f"id_{old.pk}_body" in shown
    base = re.search(r'name="base" value="([^"]+)"', shown)[1]
    parts = {**old.revision.components, "base": base, "body": "90 % of doctors agree."}
    refused = client.post(path, parts).content.decode()
    assert "90 % of doctors agree." in refused  # what was typed stays, with the reason
    assert "A check blocks it" in refused
    old.refresh_from_db()
    assert old.state == "open"
    row = client.post(path, {**parts, "body": "Come and taste."}).content.decode()
    new = Review.objects.get(state="open")
    assert f'id="review-{new.pk}"' in row
    assert (new.revision.components["body"], new.due_on) == ("Come and taste.", date(2030, 1, 2))
    assert new.revision.parent_id == old.revision_id
    old.refresh_from_db()
    assert old.state == "cancelled"


def test_home_says_what_to_do_next_for_what_a_role_may_do(tenant):
    assert [s.page for s in next_steps.steps(make.seen_as("owner"))] == [
        "workspace:keys", "contacts:files", "catalog:new", "workspace:members",
    ]  # fmt: skip
    make.member(tenant, "reviewer")
    make.contact("u1")
    text = make.draft()
    trial = make.experiment([make.approved()], holdout=0.5, running=False)
    campaign = make.campaign(make.segment(), trial)
    assert [s.text for s in next_steps.steps(make.seen_as("sender"))] == [
        f"“{campaign}” is ready to launch to 1 people"
    ]
    found = {s.page: s for s in next_steps.steps(make.seen_as("marketer"))}
    assert found["content:brief"].row == str(text.asset.brief_id)
    assert next_steps.steps(make.seen_as("analyst")) == []
    client = Client()
    client.force_login(tenant.owner)
    page = client.get(reverse("insights:home", args=[tenant.slug])).content.decode()
    assert "is ready to launch to 1 people" in page


def test_a_far_page_holds_the_same_rows_as_counting_on_from_the_first(tenant, monkeypatch):
    for number in range(7):
        make.product(name=f"Tea {number}")
    rows = Product.objects.order_by("name")
    request = RequestFactory().get("/", {"page": "3"})
    near = [p.name for p in pages.paged(request, rows, size=2)]
    monkeypatch.setattr(pages, "FAR", 1)
    far = pages.paged(request, rows, size=2)
    assert [p.name for p in far] == near == ["Tea 4", "Tea 5"]
    assert (far.start_index(), far.paginator.count) == (5, 7)


def test_several_jobs_are_retried_or_cancelled_at_once_and_the_others_say_why(tenant):
    rows = [
        JobRow.objects.create(kind="test.job", queue="light", state=state)
        for state in ("quarantined", "quarantined", "done")
    ]
    client = Client()
    client.force_login(tenant.owner)
    url = reverse("workspace:change-jobs", args=[tenant.slug])
    chosen = [str(row.pk) for row in rows]
    page = client.post(
        url, {"chosen": [*chosen, "x"], "verb": "retry"}, follow=True
    ).content.decode()
    assert "2 jobs changed." in page
    assert "Only a quarantined job can be retried; this one is done." in page
    assert "There is no such job" in page
    states = dict(JobRow.objects.filter(pk__in=chosen).values_list("state").annotate(n=Count("id")))
    assert states == {"pending": 2, "done": 1}
    client.post(url, {"chosen": chosen, "verb": "cancel"})
    assert JobRow.objects.filter(pk__in=chosen, state="cancelled").count() == 2


def test_a_persons_language_reaches_refusals_and_is_named_in_the_answer(tenant):
    client = Client()
    client.force_login(tenant.owner)
    tenants.save_appearance(user_id=tenant.owner.pk, theme=None, language="zh-hans")
    gone = client.get("/w/nowhere/")
    assert (gone.status_code, gone["Content-Language"]) == (404, "zh-hans")
    assert "工作区" in gone.content.decode()
    api = client.get("/v1/contacts", headers={"Accept-Language": "zh-CN"})
    assert (api.status_code, api["Content-Language"]) == (401, "en")
    assert "Send an API key" in api.json()["detail"]
    analyst = Client()
    person = make.member(tenant, "analyst")
    analyst.force_login(person)
    tenants.save_appearance(user_id=person.pk, theme=None, language="zh-hans")
    page = analyst.get(reverse("workspace:settings", args=[tenant.slug])).content.decode()
    assert "所有者、管理员" in page


def test_no_theme_is_no_choice(tenant):
    client = Client()
    client.force_login(tenant.owner)
    client.post(reverse("tenants:appearance"), {"theme": "dark", "back": "/w/x/"})
    client.post(reverse("tenants:appearance"), {"theme": "", "language": "en"})
    tenant.owner.refresh_from_db()
    assert (tenant.owner.theme, tenant.owner.language) == ("dark", "en")
    away = client.post(
        reverse("tenants:appearance"), {"language": "", "back": "https://evil.example/"}
    )
    assert away.url == "/"
