"""Checks, claims and the way of a text to approval."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Forbidden, Invalid
from campaigns.approval import services as approval
from campaigns.approval.models import Review, Verdict
from campaigns.content import checks, claims, rendering, services
from campaigns.content.models import Revision
from campaigns.content.templatetags.copy import chips
from tests import make

SOURCES = [
    {"source": "product T, price", "text": "Mountain Oolong costs 14.00 EUR"},
    {"source": "fact", "text": "Each tin of Mountain Oolong holds 100 g."},
    {"source": "brief, offer", "text": "10 % off until 30 November"},
]
GROUND = checks.Ground(SOURCES, ("cheap",), ("https://shop.example/",))


def verdicts(text: str) -> dict[str, bool]:
    return {c.text: c.supported for c in claims.find(text, SOURCES)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs 14.00 EUR.", {"14.00 EUR": True}),
        ("It costs €14.", {"€14": True}),
        ("It costs 13 EUR.", {"13 EUR": False}),
        ("Now 10% off!", {"10%": True}),
        ("Now 20 % off!", {"20 %": False}),
        ("Only until 30 November.", {"30 November": True}),
        ("Only until 5 December.", {"5 December": False}),
        ("A tin holds 100 g.", {"100 g": True}),
        ("A tin holds 250 g.", {"250 g": False}),
        ("Get free shipping.", {"free shipping": False}),
        ("It is the best tea.", {"best": False}),
        ("Try our Mountain Oolong.", {"Mountain Oolong": True}),
        ("Try our Dragon Well.", {"Dragon Well": False}),
        ("Come and taste it.", {}),
    ],
)
def test_each_claim_is_traced_to_a_source_or_not(text, found):
    assert verdicts(text) == found


def blocks(**parts: str) -> set[str]:
    findings = checks.inspect("email", {"subject": "Hello", "body": "Come in.", **parts}, GROUND)
    return {f.kind for f in findings if f.verdict == "block"}


@pytest.mark.parametrize(
    ("parts", "kinds"),
    [
        ({}, set()),
        ({"subject": ""}, {"length"}),
        ({"subject": "x" * 79}, {"length"}),
        ({"headline": "x"}, {"length"}),
        ({"body": "Hi {{ first_name }}"}, set()),
        ({"body": "Hi {{ password }}"}, {"placeholder"}),
        ({"body": "Hi [your name]"}, {"placeholder"}),
        ({"body": "Hi {% load x %}"}, {"placeholder"}),
        ({"body": "So cheap."}, {"banned words"}),
        ({"body": "So cheapish."}, set()),
        ({"body": "Write to ada@example.com"}, {"personal data"}),
        ({"body": "Call +49 40 1234 5678"}, {"personal data"}),
        ({"body": "See https://evil.example/x"}, {"links"}),
        ({"body": "See https://shop.example/x"}, set()),
        ({"body": "Only 9 EUR"}, {"claims"}),
        ({"body": "a light treat for us, a light treat for you"}, {"repetition"}),
    ],
)
def test_checks_block_what_must_not_leave(parts, kinds):
    assert blocks(**parts) == kinds


def test_rendering_fills_known_names_and_refuses_others():
    assert rendering.render("Hi {{ first_name }}", {"first_name": "Ada"}) == "Hi Ada"
    assert rendering.render('Hi {{ first_name|default:"you" }}', {}) == "Hi you"
    assert rendering.render("Hi {{first_name}}", {}) == "Hi there"
    with pytest.raises(KeyError):
        rendering.render("{{ __class__ }}", {})


def test_a_brief_without_products_is_refused(tenant):
    with pytest.raises(Invalid, match="at least one product"):
        services.save_brief(name="n", goal="g", channel="email", products=[])


def test_decide_by_author_is_refused_and_changes_nothing(tenant):
    revision = make.draft(author_id=7)
    review = approval.submit(revision=revision, by_id=7)
    with pytest.raises(Forbidden):
        approval.decide(review=review, by=approval.Reviewer(7, "Ada"), kind="approve")
    review.refresh_from_db()
    revision.refresh_from_db()
    assert (review.state, revision.state, Verdict.objects.count()) == ("open", "in_review", 0)


def test_the_database_refuses_an_author_who_approves(tenant):
    review = approval.submit(revision=make.draft(author_id=7), by_id=7)
    with pytest.raises(IntegrityError, match="an_author_does_not_approve"), transaction.atomic():
        Verdict.objects.create(
            review=review, kind="approve", by_id=7, by_label="Ada", author_id=7, hash="x"
        )


def test_a_rejection_without_a_reason_is_refused(tenant):
    review = approval.submit(revision=make.draft(), by_id=None)
    with pytest.raises(Invalid, match="needs a reason"):
        approval.decide(review=review, by=approval.Reviewer(9, "R"), kind="reject")


def test_a_blocked_text_cannot_be_submitted_and_says_why(tenant):
    revision = make.draft(body="Only 3 EUR today.")
    assert revision.blocked
    with pytest.raises(Invalid, match="3 EUR"):
        approval.submit(revision=revision, by_id=None)
    assert not Review.objects.exists()


def test_an_edit_voids_the_approval(tenant):
    old = make.approved()
    fresh = approval.edit(
        revision=old, components={**old.components, "subject": "Another"}, author_id=1
    )
    old.refresh_from_db()
    assert (old.state, fresh.state, fresh.number, fresh.parent_id) == (
        "superseded", "draft", 2, old.pk,
    )  # fmt: skip
    with pytest.raises(Conflict, match="not approved"):
        services.verify(old)


def test_an_edit_closes_the_open_review(tenant):
    revision = make.draft()
    review = approval.submit(revision=revision, by_id=None)
    approval.edit(
        revision=revision, components={**revision.components, "subject": "B"}, author_id=1
    )
    review.refresh_from_db()
    assert review.state == "cancelled"
    with pytest.raises(Conflict):
        approval.decide(review=review, by=approval.Reviewer(9, "R"), kind="approve")


def test_what_was_altered_after_approval_does_not_leave(tenant):
    revision = make.approved()
    Revision.objects.filter(pk=revision.pk).update(components={"subject": "x", "body": "free!"})
    revision.refresh_from_db()
    with pytest.raises(Conflict, match="altered"):
        services.verify(revision)


def test_one_of_two_deciders_wins(tenant):
    review = approval.submit(revision=make.draft(), by_id=None)
    stale = Review.objects.get(pk=review.pk)
    approval.decide(review=review, by=approval.Reviewer(8, "A"), kind="reject", reason="legal")
    with pytest.raises(Conflict):
        approval.decide(review=stale, by=approval.Reviewer(9, "B"), kind="approve")
    assert Verdict.objects.count() == 1


def test_who_wrote_an_earlier_revision_cannot_approve_the_edit_of_it(tenant):
    first = make.draft(author_id=7)
    fresh = approval.edit(
        revision=first, components={**first.components, "subject": "B"}, author_id=8
    )
    review = approval.submit(revision=fresh, by_id=8)
    for author in (7, 8):
        with pytest.raises(Forbidden):
            approval.decide(review=review, by=approval.Reviewer(author, "x"), kind="approve")
    assert approval.decide(review=review, by=approval.Reviewer(9, "x"), kind="approve")


@pytest.mark.parametrize("text", ["A cold brew without stress.", "Best enjoyed slowly? Taste it."])
def test_everyday_words_are_no_health_claims(text):
    assert "health claim" not in {c.kind for c in claims.find(text, SOURCES)}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("It fights colds.", "health claim"),
        ("It relieves pain.", "health claim"),
    ],
)
def test_verbs_make_a_health_claim_of_an_everyday_word(text, kind):
    assert kind in {c.kind for c in claims.find(text, SOURCES)}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("It cures cancer.", "health claim"),
        ("It helps you lose weight in a week.", "health claim"),
        ("It is said to heal a wide range of ailments.", "health claim"),
        ("A healthy start into the day.", "health claim"),
        ("It relieves stress after work.", "health claim"),
        ("It is only available at our tea bar.", "claim of fame or exclusivity"),
        ("Customers love it.", "claim of fame or exclusivity"),
        ("The most renowned tea there is.", "claim of fame or exclusivity"),
        ("The finest leaves we know.", "superlative"),
    ],
)
def test_claims_of_health_fame_and_rank_block_unless_a_fact_says_so(text, kind):
    found = claims.find(text, SOURCES)
    assert kind in {c.kind for c in found}
    assert not any(c.supported for c in found)
    assert all(c.supported for c in claims.find(text, [{"source": "label", "text": text}]))


def kinds(text: str, *sources: str) -> list[tuple[str, str]]:
    found = claims.find(text, [{"source": f"s{n}", "text": s} for n, s in enumerate(sources)])
    return [(c.kind, "yes" if c.supported else "no") for c in found]


def test_numbers_in_words_centuries_and_the_weekend_are_claims_too():
    assert kinds("It keeps tea warm for two hours.") == [("quantity", "no")]
    assert kinds("It keeps tea warm for two hours.", "Keeps tea warm for 2 hours") == [
        ("quantity", "yes")
    ]
    assert kinds("a tea that can't be found anywhere else") == [
        ("claim of fame or exclusivity", "no")
    ]
    assert kinds("a 19th-century design, until the weekend") == [("date", "no"), ("date", "no")]
    assert kinds("A two-hour walk and two cups.", "two cups a bag") == [
        ("quantity", "no"),
        ("quantity", "yes"),
    ]


def test_a_placeholder_with_single_braces_is_left_over():
    found = checks.inspect("sms", {"body": "Hi {first_name}, come by."}, checks.Ground([]))
    assert [(f.kind, f.verdict, f.span) for f in found if f.verdict == "block"] == [
        ("placeholder", "block", "{first_name}")
    ]


def test_a_button_leads_to_a_page_of_a_product_and_nowhere_else(tenant):
    tea = make.product(url="https://shop.example/oolong")
    good = {
        "headline": "A tea",
        "body": "Come by.",
        "cta": "Look",
        "link": "https://shop.example/oolong?from=mail",
    }
    parts = {"name": "Banner", "channel": "banner", "author_id": None}
    assert not services.create_asset(**parts, components=good).blocked
    bad = services.create_asset(**parts, components={**good, "link": "https://evil.example/"})
    assert bad.blocked
    assert [c.message for c in bad.checks.filter(verdict="block")] == [
        "The button must lead to the page of a product."
    ]
    assert tea.url in good["link"]


def test_what_is_written_without_a_brief_stands_on_the_whole_catalogue(tenant):
    make.product(name="Glass Teapot", price_cents=3200, currency="EUR")
    text = {
        "subject": "For slow days",
        "body": "Our Glass Teapot is 32.00 EUR. It is cheap at 12.00 EUR.",
    }
    made = services.create_asset(name="By hand", channel="email", components=text, author_id=None)
    wrong = list(made.checks.filter(verdict="block").values_list("kind", "span"))
    assert wrong == [("claims", "12.00 EUR")]


def test_texts_of_two_channels_are_not_compared(tenant):
    with pytest.raises(Invalid, match="All texts must be of one channel"):
        make.experiment([make.approved("email"), make.approved("banner")])


def test_an_absurd_number_of_variants_is_refused(tenant):
    client = Client()
    client.force_login(tenant.owner)
    url = reverse("content:generate", args=[tenant.slug, make.brief().pk])
    assert client.post(url, {"wanted": "9" * 5000}).status_code == 422


def test_chips_show_what_a_placeholder_becomes_and_escape_the_rest():
    shown = chips('Hi {{ first_name|default:"<b>you</b>" }} & <i>all</i> {{ nonsense }}')
    assert 'class="chip"' in shown
    assert "the contact&#x27;s first name, or “&lt;b&gt;you&lt;/b&gt;”" in shown
    assert "&amp; &lt;i&gt;all&lt;/i&gt;" in shown
    assert 'class="chip chip-bad"' in shown
    assert "<b>" not in shown
