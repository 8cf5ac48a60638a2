"""What an attack on the copy pillar found, so that it stays mended."""

from __future__ import annotations

import time

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attune.kernel import jobs, outward, privacy, words
from attune.kernel.errors import Conflict, Invalid
from campaigns.approval import services as approval
from campaigns.content import checks, claims
from campaigns.content import services as content
from campaigns.content.checks import Ground
from campaigns.content.models import GenerationRun
from campaigns.tuning import services as tuning
from campaigns.tuning.models import Exclusion
from tests import make

PAGE = "https://shop.example/tea"
FACTS = [{"source": "label", "text": "Gluten-free. Best before May. It costs 12.50 EUR, 100 g."}]


def kinds(body: str, *, banned: tuple[str, ...] = (), locale: str = "en") -> set[str]:
    found = checks.inspect("email", {"subject": "Tea", "body": body},
                           Ground(FACTS, banned, (PAGE,), (), locale))  # fmt: skip
    return {f.kind for f in found if f.verdict == "block"}


def test_a_banned_word_is_found_in_chinese_and_behind_signs_that_nobody_sees():
    assert kinds("这是我们最近的便宜茶叶，欢迎品尝", banned=("便宜",), locale="zh") == {
        "banned words"
    }
    assert kinds("Come for a ch\u200beap cup.", banned=("cheap",)) == {"banned words"}
    assert kinds("Come for a cheapish cup.", banned=("cheap",)) == set()
    assert words.visible("👨\u200d👩\u200d👧 te\u00ada") == "👨\u200d👩\u200d👧 tea"


@pytest.mark.parametrize(
    ("text", "supported"),
    [
        ("Sencha is free.", False), ("It is gluten-free.", True), ("Sencha is the best.", False),
        ("Save €12.50 now.", False), ("It costs €12.50.", True), ("Take half off.", False),
        ("Now fifty percent off.", False), ("Buy one get one.", False), ("It is fr\u200bee.", False),
    ],
)  # fmt: skip
def test_a_claim_is_supported_by_whole_words_that_mean_the_same(text, supported):
    found = claims.find(words.visible(text), FACTS)
    assert found
    assert all(claim.supported for claim in found) == supported


@pytest.mark.parametrize(
    ("link", "good"),
    [
        (PAGE, True), (f"{PAGE}/oolong?utm_source=mail", True), (f"{PAGE}.", True),
        ("https://shop.example.evil.com/tea", False), ("https://shop.example@evil.com/tea", False),
        ("https://shop.example/teapot", False), ("https://shop.example:8443/tea", False),
        ("http://[::1", False), ("shop.example/tea", True), ("javascript://shop.example/tea", False),
    ],
)  # fmt: skip
def test_a_link_leads_to_a_page_of_the_shop_or_below_it(link, good):
    assert checks.leads_to(link, PAGE) == good


def test_a_link_without_its_scheme_is_a_link():
    assert kinds("Visit evil.com/win today") == {"links"}


def test_long_texts_are_read_in_linear_time():
    """40 kB of each took 3 to 77 seconds; a generous bound that only a quadratic reading breaks."""
    began = time.monotonic()
    for text in ("1." * 20_000, "a" * 40_000, "1" * 40_000, "9折" * 10_000, "a.b-" * 10_000):
        claims.find(text, FACTS)
        privacy.mask(text, ["Ada"])
        checks.inspect("email", {"subject": "x", "body": text}, Ground(FACTS))
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "url",
    [
        "https://[::1", "https://[::127.0.0.1]/", "https://[::ffff:0:127.0.0.1]/",
        "https://[fec0::1]/", "https://1.1.1.1:0/v1", "https://1.1.1.1:80/", "https://u:p@1.1.1.1/",
        "https://1.1.1.1/v1#f",
    ],
)  # fmt: skip
def test_addresses_that_must_not_be_called(url):
    with pytest.raises(Invalid):
        outward.safe_address(url, allow_private=False)


def test_a_rejected_text_without_a_brief_does_not_stop_the_evidence(tenant):
    revision = content.create_asset(
        name="x", channel="sms", components={"body": "A quiet cup."}, brief=None, author_id=None
    )
    review = approval.submit(revision=revision, by_id=None)
    by = approval.Reviewer(10**9, "Rita")
    approval.decide(review=review, by=by, kind="reject", reason="wrong_tone")
    known, verdict = tuning.state_of_evidence(timezone.now())
    assert (known.all_pairs, verdict.passed) == (0, False)


def test_forgetting_takes_whole_words_of_texts_and_says_first_what_it_would_take(tenant):
    make.draft(body="Time for a cup, said Tim.")
    make.draft(body="Time for tea.")
    make.draft(body='He said "slow" twice.')
    assert len(tuning.holding("Tim")) == 1
    assert len(tuning.holding('"slow" twice')) == 1
    assert tuning.holding("body") == []
    client = Client()
    client.force_login(tenant.owner)
    path = reverse("tuning:forget", args=[tenant.slug])
    shown = client.post(path, {"words": "Tim", "reason": "asked"}).content.decode()
    assert "1 text says these words" in shown
    assert Exclusion.objects.count() == 0
    client.post(path, {"words": "Tim", "reason": "asked", "sure": "yes"})
    assert Exclusion.objects.count() == 1


def test_a_text_that_was_decided_meanwhile_is_not_replaced_from_its_row(tenant):
    revision = make.draft()
    review = approval.submit(revision=revision, by_id=None)
    approval.decide(review=review, by=approval.Reviewer(10**9, "Rita"), kind="approve")
    with pytest.raises(Conflict, match="approved meanwhile"):
        approval.edit_and_submit(
            revision=revision, components={**revision.components, "body": "Other."}, author_id=None
        )
    revision.refresh_from_db()
    assert revision.state == "approved"


def test_cancelling_the_job_closes_the_run(tenant):
    run = content.request_variants(brief=make.brief("sms"), wanted=1, author_id=None)
    jobs.cancel(run.job)
    run.refresh_from_db()
    assert run.state == GenerationRun.State.FAILED
    content.request_variants(brief=run.brief, wanted=1, author_id=None)


def test_a_due_day_that_no_calendar_has_is_refused(tenant):
    review = approval.submit(revision=make.draft(), by_id=None)
    client = Client()
    client.force_login(make.member(tenant, "reviewer"))
    path = reverse("approval:assign", args=[tenant.slug, review.pk])
    for due in ("2026-13-45", "zz"):
        assert client.post(path, {"to": "", "due": due}).status_code == 422


def test_experiments_take_names_in_any_script_and_refuse_floors_that_leave_nothing(tenant):
    one, two = make.approved(body="A slow cup."), make.approved(body="A fast cup.")
    assert make.experiment([one, two], name="日本語").key.startswith("experiment-")
    with pytest.raises(Invalid, match="floor must be below"):
        make.experiment([one, two], kind="thompson", floor=0.5, name="even")
    with pytest.raises(Invalid, match="same text"):
        make.experiment([one, one], name="twice")
