"""Labels: drawn by chance and by doubt, two people, a third who settles, accuracy and drift."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Invalid
from insights.labelling import agreement, scoring, selectors, services
from insights.labelling.models import Annotation, LabelTask
from insights.reading.models import Reading
from insights.sources.models import Document
from tests import make
from tests.insights.test_graph import heard

NOW = datetime.now(UTC)


def test_kappa_of_the_textbook():
    # 20 both yes, 5 yes/no, 10 no/yes, 15 both no: observed .7, expected .5
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert agreement.kappa(pairs) == pytest.approx(0.4)
    assert agreement.kappa([]) is None
    assert agreement.kappa([("y", "y")] * 3) == 1.0


def test_alpha_of_krippendorffs_example():
    # nominal data of two observers, Krippendorff 2011 "Computing Krippendorff's alpha", section B
    one, other = list("aabbdcccedda"), list("babbbccceddd")
    units = [list(pair) for pair in zip(one, other, strict=True)]
    assert agreement.alpha(units) == pytest.approx(0.692, abs=0.001)
    assert agreement.alpha([["a"]]) is None


def test_precision_recall_and_f1():
    pairs = [("negative", "negative")] * 6 + [("negative", "positive")] * 2 + [("positive", "negative")] * 4  # fmt: skip
    sheet = scoring.sheet(pairs, ["negative", "positive", "mixed"])
    negative, positive, mixed = sheet.scores
    assert (negative.precision.value, negative.recall.value) == (0.75, 0.6)
    assert negative.f1 == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert (positive.f1, mixed.f1, mixed.precision.value) == (None, None, None)
    assert (sheet.accuracy.part, sheet.accuracy.whole) == (6, 12)


@pytest.fixture
def drawn(tenant):
    heard(12, "lid", -1)
    unsure = Document.objects.order_by("id").first()
    Reading.objects.filter(document=unsure).update(negative=0.4, neutral=0.35, positive=0.25)
    assert services.draw(n=4, now=NOW) == 4
    LabelTask.objects.filter(unsure__gt=0.5).update(drawn="uncertain")  # chance may have drawn it
    return tenant


def people(place) -> list:
    return [make.member(place, role) for role in ("analyst", "marketer", "admin")]


def test_half_is_drawn_by_chance_and_half_by_doubt_and_nothing_twice(drawn):
    by = list(LabelTask.objects.order_by("-unsure").values_list("drawn", "unsure"))
    assert {d for d, _ in by} == {"random", "uncertain"}
    assert by[0][1] == pytest.approx(0.6)
    assert services.draw(n=20, now=NOW) == 8
    assert LabelTask.objects.count() == 12
    with pytest.raises(Conflict, match="no text left"):
        services.draw(n=2, now=NOW)
    with pytest.raises(Invalid):
        services.draw(n=0, now=NOW)


def test_two_who_agree_settle_a_text(drawn):
    ann, bob, _ = people(drawn)
    task = selectors.next_task(ann)
    assert task.unsure == pytest.approx(0.6)
    services.label(task_id=task.pk, user=ann, feeling="negative", seconds=8, now=NOW)
    with pytest.raises(Conflict, match="already"):
        services.label(task_id=task.pk, user=ann, feeling="positive", seconds=8, now=NOW)
    assert selectors.next_task(ann).pk != task.pk
    assert selectors.next_task(bob).pk == task.pk
    services.label(task_id=task.pk, user=bob, feeling="negative", seconds=4, now=NOW)
    task.refresh_from_db()
    assert (task.state, task.gold) == ("settled", "negative")
    with pytest.raises(Conflict, match="settled meanwhile"):
        services.label(task_id=task.pk, user=bob, feeling="negative", seconds=4, now=NOW)
    with pytest.raises(Invalid):
        services.label(task_id=task.pk, user=bob, feeling="angry", seconds=4, now=NOW)
    done = selectors.progress()
    assert (done.open, done.settled, done.labels, done.seconds, done.kappa) == (3, 1, 2, 6.0, 1.0)


def test_who_labelled_a_text_does_not_settle_it(drawn):
    ann, bob, eve = people(drawn)
    task = LabelTask.objects.first()
    for user, feeling in ((ann, "negative"), (bob, "mixed")):
        services.label(task_id=task.pk, user=user, feeling=feeling, seconds=5, now=NOW)
    task.refresh_from_db()
    assert task.state == "disputed"
    with pytest.raises(Conflict, match="somebody else"):
        services.settle(task=task, user=ann, feeling="negative", now=NOW)
    services.settle(task=selectors.task(task.pk), user=eve, feeling="mixed", now=NOW)
    task.refresh_from_db()
    assert (task.state, task.gold) == ("settled", "mixed")
    assert Annotation.objects.get(user=eve).adjudicates


def test_accuracy_is_told_of_what_was_drawn_by_chance_and_drift_of_late(tenant):
    heard(20, "lid", -1, days=60)
    heard(20, "tin", -1, days=3)
    services.draw(n=80, now=NOW)
    assert LabelTask.objects.update(state="settled", gold="negative", drawn="random") == 40
    LabelTask.objects.filter(document__text__startswith="tin").update(gold="positive")
    random, unsure = selectors.accuracy()
    assert (random.accuracy.part, random.accuracy.whole, unsure.accuracy.whole) == (20, 40, 0)
    drift = selectors.drift(NOW)
    assert (drift.difference, drift.verdict) == (-100.0, "falling")


def test_pages_and_the_export(drawn):
    client, slug = Client(), drawn.slug
    client.force_login(drawn.owner)
    task = selectors.next_task(drawn.owner)
    assert "unsure by" in client.get(reverse("labelling:queue", args=[slug])).content.decode()
    answer = client.post(reverse("labelling:label", args=[slug, task.pk]), {"feeling": "negative", "began": "x"})  # fmt: skip
    assert answer.status_code == 302
    rows = client.get(reverse("labelling:export", args=[slug])).json()
    row = next(r for r in rows if r["annotations"])
    assert row["annotations"][0]["result"][0]["value"] == {"choices": ["negative"]}
    assert row["predictions"][0]["model_version"] == "m"
    assert "Not measured yet" in client.get(reverse("labelling:accuracy", args=[slug])).content.decode()  # fmt: skip
    assert client.post(reverse("labelling:draw", args=[slug]), {"n": "x"}).status_code == 422
