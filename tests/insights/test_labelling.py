"""Labels: drawn by chance and by doubt, two people, a third who settles, accuracy and drift."""

from __future__ import annotations

import json
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Invalid
from insights.labelling import agreement, importing, scoring, selectors, services
from insights.labelling.models import Annotation, LabelTask
from insights.reading.models import Reading
from insights.sources.models import Document
from tests import make
from tests.insights.test_graph import NOW, heard


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
    rows = json.loads(make.body(client.get(reverse("labelling:export", args=[slug]))))
    row = next(r for r in rows if r["annotations"])
    assert row["annotations"][0]["result"][0]["value"] == {"choices": ["negative"]}
    assert row["predictions"][0]["model_version"] == "m"
    assert "Not measured yet" in client.get(reverse("labelling:accuracy", args=[slug])).content.decode()  # fmt: skip
    assert client.post(reverse("labelling:draw", args=[slug]), {"n": "x"}).status_code == 422
    for n in ("nan", "inf"):
        assert client.post(reverse("labelling:draw", args=[slug]), {"n": n}).status_code == 422


def test_chance_draws_also_what_was_drawn_because_the_model_was_unsure(drawn):
    services.draw(n=24, now=NOW)  # twelve by chance: all there are
    assert set(LabelTask.objects.values_list("drawn", flat=True)) == {"random"}


# -- labels from Label Studio ------------------------------------------------------------------


def studio(task: LabelTask, *labels: tuple[object, str], **more: object) -> dict:
    return {"id": 7, "data": {"document_id": str(task.document_id)}, "annotations": [
        {"completed_by": who, "lead_time": 4.5, "was_cancelled": False,
         "result": [{"type": "choices", "value": {"choices": [feeling]}}], **more}
        for who, feeling in labels]}  # fmt: skip


def taken(rows: list, people: dict[str, str] | None = None) -> importing.Receipt:
    return importing.take(raw=json.dumps(rows).encode(), people=people or {}, now=NOW)


def test_labels_come_back_from_label_studio_each_once(drawn):
    ann, bob, _ = people(drawn)
    one, two = LabelTask.objects.order_by("id")[:2]
    rows = [studio(one, ({"email": ann.email.upper()}, "Negative"), (7, "negative")),
            studio(two, (ann.email, "positive"), (7, "negative"))]  # fmt: skip
    receipt = taken(rows, {"7": bob.email})
    assert (receipt.taken, receipt.known, receipt.reasons) == (4, 0, [])
    states = dict(LabelTask.objects.filter(pk__in=[one.pk, two.pk]).values_list("pk", "state"))
    assert states == {one.pk: "settled", two.pk: "disputed"}
    assert Annotation.objects.filter(seconds=4.5).count() == 4
    again = taken(rows, {"7": bob.email})
    assert (again.taken, again.known, again.reasons) == (0, 4, [])


def test_what_of_a_label_studio_file_cannot_be_taken_is_said(drawn):
    ann, _, _ = people(drawn)
    task = LabelTask.objects.first()
    stranger = LabelTask(document_id=uuid.uuid4())
    receipt = taken([
        studio(task, (9, "negative"), (ann.email, "furious")), studio(stranger, (ann.email, "neutral")),
        {"data": 3}, 5, studio(task, (ann.email, "negative"), was_cancelled=True),
    ])  # fmt: skip
    assert receipt.taken == 0
    assert dict(receipt.reasons) == {
        "Annotator 9 is nobody of this workspace.": 1, "Its choice is none of our feelings.": 1,
        "The text was never drawn to be labelled here.": 1,
        "It does not say of which text it is (data.document_id).": 2,
    }  # fmt: skip
    for raw in (b"", b"{}", b"[]", b"\xff\xfe", b"[" * 100_000):
        with pytest.raises(Invalid, match="Label Studio"):
            importing.take(raw=raw, people={}, now=NOW)


def test_our_own_export_can_be_brought_back_through_the_page(drawn):
    client, slug = Client(), drawn.slug
    client.force_login(drawn.owner)
    task = selectors.next_task(drawn.owner)
    services.label(task_id=task.pk, user=drawn.owner, feeling="mixed", seconds=3, now=NOW)
    raw = make.body(client.get(reverse("labelling:export", args=[slug])))
    Annotation.objects.all().delete()
    page = reverse("labelling:take", args=[slug])
    answer = client.post(page, {"file": SimpleUploadedFile("labels.json", raw), "people": ""})
    assert "1 label taken" in answer.content.decode()
    assert Annotation.objects.get().feeling == "mixed"
    answer = client.post(page, {"file": SimpleUploadedFile("a.json", b"x"), "people": "7"})
    assert answer.status_code == 422
    assert "number = e-mail" in answer.content.decode()


def test_what_nobody_differs_about_is_not_settled(drawn):
    task = LabelTask.objects.first()
    with pytest.raises(Conflict, match="Nobody differs"):
        services.settle(task=task, user=drawn.owner, feeling="negative", now=NOW)
