"""Names of topics: kept only where the texts hold them."""

from __future__ import annotations

import pytest

from attune.kernel.models import JobRow
from insights.topics import services
from insights.topics.models import Topic
from tests.insights.test_graph import heard
from tests.insights.test_questions import Writer
from workers import runner
from workers.engines import naming
from workers.model_tasks import naming as job

WORDS = ["delivery", "late", "parcel", "days", "again"]
TEXTS = ["The parcel came a week late.", "Delivery is slow these days."]


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Late parcel delivery", "Late parcel delivery"), ('"Slow delivery."\nmore', "Slow delivery"),
        ("Title: late parcels", "Late parcels"), ("Happy customers in Paris", ""), ("Slow week", ""), ("", ""),
        ("The delivery of the parcel came late again and again", ""), ("of the", ""),
    ],
)  # fmt: skip
def test_a_name_holds_what_the_texts_hold(answer, name):
    assert naming.checked(answer, WORDS, TEXTS) == name


def test_a_word_of_a_single_text_does_not_name_the_group():
    texts = [
        "The lid fits tightly.",
        "A lid that fits.",
        "The lid fits; no leaks.",
        "It fits, that lid.",
    ]
    words = ["lid", "fits", "tightly", "pot", "cup", "tea", "leaks"]
    assert naming.checked("Leaking lid", words, texts) == ""
    assert naming.checked("Lid that fits", words, texts) == "Lid that fits"


def test_the_model_is_shown_words_and_texts():
    said = naming.prompt(WORDS, TEXTS)[-1]["content"]
    assert said == "Words: delivery, late, parcel, days, again\nTexts:\n- The parcel came a week late.\n- Delivery is slow these days.\nTitle:"  # fmt: skip


@pytest.fixture
def topic(tenant) -> Topic:
    heard(2, "delivery")
    from_texts = [str(pk) for pk in services.Document.objects.values_list("pk", flat=True)]
    return Topic.objects.create(state="active", label="delivery · late", terms=[["delivery", 1.0]],
                                examples=from_texts, centroid=[1.0, 0.0], near=0.5)  # fmt: skip


def run() -> None:
    services.NAME_TOPICS.enqueue(services.NameTopics())
    row = JobRow.objects.get(kind="insights.name_topics", state="pending")
    assert runner.run_job(row.tenant_id, row.pk) == "done"


def test_a_topic_gets_a_name_once_and_a_persons_stays(topic, monkeypatch):
    monkeypatch.setattr(job.models, "writer", lambda: (Writer("Speak of delivery"), None))
    run()
    topic.refresh_from_db()
    assert (topic.label, topic.named_by) == ("Speak of delivery", "model")
    assert "writer named it" in str(topic.changes.get().told)
    services.rename(topic=topic, label="Parcels")
    monkeypatch.setattr(job.models, "writer", lambda: (Writer("Delivery"), None))
    run()
    topic.refresh_from_db()
    assert topic.label == "Parcels"


def test_a_name_that_does_not_hold_leaves_the_words(topic, monkeypatch):
    monkeypatch.setattr(job.models, "writer", lambda: (Writer("Happy people"), None))
    run()
    topic.refresh_from_db()
    assert (topic.label, topic.named_by) == ("delivery · late", "words")
