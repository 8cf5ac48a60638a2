"""Topics: found, kept under their ids through refits, curated, and whether they move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from attune.kernel.phrases import say
from insights.reading import services as reading
from insights.reading.services import Read
from insights.reading.summing import Felt
from insights.sources import services as sources
from insights.sources.models import Document, Source
from insights.topics import selectors, services, texts, trends
from insights.topics.models import Belonging, Topic, TopicChange, TopicFit
from insights.topics.trends import Count
from workers import model_tasks, models, runner
from workers.engines import senses
from workers.model_tasks import topics as model_topics

assert model_tasks  # its import registers the handlers
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SAID = {
    0: "the parcel came late and the delivery was slow number {}",
    1: "the coffee roast tastes burnt and bitter number {}",
    2: "the lid of the teapot leaks when pouring number {}",
    3: "the biscuits were sweet and crisp number {}",
}


def vector(about: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(1000 * about + n)
    found = rng.normal(0, 0.02, 384)
    found[about] += 1
    return (found / np.linalg.norm(found)).astype(np.float32)


def heard(about: int, n: int, start: int = 0, days: int = 10, bad: bool = False) -> None:
    """n texts about a thing, read."""
    of = Source.objects.first() or sources.save_source(name="Reviews", kind="review")
    letters = "abcdefghijklmnopqrstuvwxyz"
    items = [
        {"text": SAID[about].format(f"{letters[i % 26]}{letters[i // 26]} {letters[i % 26] * 9}"), "external_id": f"{about}-{i}",
         "at": (NOW - timedelta(days=days)).isoformat()}
        for i in range(start, start + n)
    ]  # fmt: skip
    sources.take(source=of, items=items, now=NOW)
    rows = list(Document.objects.filter(state="waiting").order_by("id"))
    felt = (0.9, 0.05, 0.05) if bad else (0.05, 0.05, 0.9)
    reads = [
        Read("m", (Felt(0, 20, *felt),), (), vector(about, start + i)) for i in range(len(rows))
    ]
    reading.keep([r.pk for r in rows], reads)
    Document.objects.update(weight=1.0)


def run(kind: str) -> None:
    row = JobRow.objects.filter(kind=kind, state="pending").order_by("id").first()
    end = runner.run_job(row.tenant_id, row.pk)
    row.refresh_from_db()
    assert end == "done", row.error


def fit() -> TopicFit:
    row = services.request_fit()
    run("insights.fit_topics")
    row.refresh_from_db()
    return row


def topics() -> dict[int, Topic]:
    """The shown topics by the thing that they are about."""
    rows = Topic.objects.filter(state__in=["active", "candidate"])
    return {int(np.argmax(t.centre)): t for t in rows}


def test_the_week_of_a_change_is_found_and_noise_has_none():
    rng = np.random.default_rng(3)
    before = [(float(rng.binomial(100, 0.1)), 100.0) for _ in range(20)]
    after = [(float(rng.binomial(100, 0.25)), 100.0) for _ in range(10)]
    found = trends.change_point([*before, *after])
    assert abs(found.at - 20) <= 1
    assert found.before == pytest.approx(0.1, abs=0.03)
    assert found.since == pytest.approx(0.25, abs=0.04)
    assert found.p == 1 / 200
    assert trends.change_point(before) is None
    assert trends.change_point([(0.0, 3.0)] * 6) is None


def test_false_changes_are_as_rare_as_is_said():
    rng = np.random.default_rng(5)
    noise = [[(float(rng.binomial(60, 0.2)), 60.0) for _ in range(16)] for _ in range(120)]
    assert sum(trends.change_point(weeks) is not None for weeks in noise) <= 5


@pytest.fixture
def found(tenant) -> dict[int, Topic]:
    for about in range(3):
        heard(about, 24)
    fit()
    return topics()


def test_topics_are_found_with_words_examples_and_a_place_for_each_text(found):
    row = TopicFit.objects.get()
    assert (row.state, row.texts) == ("done", 72)
    assert set(found) == {0, 1, 2}
    assert {t.state for t in found.values()} == {"active"}
    assert {"delivery", "parcel", "late"} <= {w for w, _ in found[0].terms}
    assert all(SAID[0][:20] in d.text for d in selectors.examples(found[0]))
    assert Belonging.objects.count() == 72
    assert row.unassigned == pytest.approx(
        Belonging.objects.filter(topic=None).count() / 72, abs=1e-6
    )
    assert row.unassigned <= 0.15
    assert TopicChange.objects.filter(kind="born").count() == 3


def test_a_refit_keeps_ids_and_names_and_new_things_are_candidates(found):
    services.rename(topic=found[0], label="Late parcels")
    before = {about: t.pk for about, t in found.items()}
    for about in range(3):
        heard(about, 5, start=24)
    heard(3, 30)
    fit()
    after = topics()
    assert {about: after[about].pk for about in range(3)} == before
    assert after[0].label == "Late parcels"
    assert after[3].state == "candidate"
    assert "1 new candidates" in TopicFit.objects.latest("number").verdict
    services.move(topic=after[3], verb="accept")
    assert Topic.objects.get(pk=after[3].pk).state == "active"


def test_what_is_read_later_is_placed_at_once(found, monkeypatch):
    of = Source.objects.get()
    sources.take(source=of, items=[{"text": "Another slow delivery of a parcel."}], now=NOW)
    packed = senses.packed(vector(0, 999))
    monkeypatch.setattr(models, "opinions", lambda texts: [
        {"model": "m", "sentences": [[0, 10, 1, 0, 0]], "terms": [], "vector": packed} for _ in texts])  # fmt: skip
    run("insights.read")
    row = Belonging.objects.get(document__text__startswith="Another slow")
    assert row.topic_id == found[0].pk


def test_merged_topics_count_together_also_after_a_refit(found):
    one, other = found[0], found[1]
    n = Belonging.objects.filter(topic__in=[one, other]).count()
    services.merge(topic=other, into=one)
    assert Belonging.objects.filter(topic=one).count() == n
    other.refresh_from_db()
    assert (other.state, other.into_id) == ("merged", one.pk)
    with pytest.raises(Invalid, match="that is shown"):
        services.merge(topic=found[2], into=other)
    heard(1, 6, start=24)
    fit()
    assert Topic.objects.get(pk=other.pk).state == "merged"
    assert Belonging.objects.filter(topic=one, document__text__contains="roast").count() > 25


def test_a_topic_is_split_and_the_larger_half_keeps_the_id(found):
    one, other = found[0], found[1]
    services.merge(topic=other, into=one)
    heard(0, 12, start=60)
    fit()
    services.request_split(topic=Topic.objects.get(pk=one.pk))
    run("insights.split_topic")
    assert TopicChange.objects.filter(topic=one, kind="split").count() == 1
    born = TopicChange.objects.filter(kind="born").latest("id").topic
    mine = Belonging.objects.filter(topic=one).exclude(document__text__contains="parcel")
    assert not mine.exists()
    assert Belonging.objects.filter(topic=born, document__text__contains="roast").count() > 15


def test_a_blocked_topic_is_shown_nowhere_and_a_pinned_one_stays(found):
    services.move(topic=found[2], verb="block")
    services.pin(topic=found[0], pinned=True)
    assert {r.topic.pk for r in selectors.overview(NOW).rows} == {found[0].pk, found[1].pk}
    place = Topic.objects.get(pk=found[0].pk).centre
    fit()
    assert np.array_equal(Topic.objects.get(pk=found[0].pk).centre, place)
    assert Topic.objects.get(pk=found[2].pk).state == "blocked"
    with pytest.raises(Conflict):
        services.move(topic=Topic.objects.get(pk=found[2].pk), verb="block")


def test_what_a_person_placed_stays_there(found):
    row = Belonging.objects.filter(topic=found[0]).first()
    services.put(document_id=row.document_id, topic=found[1])
    fit()
    row.refresh_from_db()
    assert (row.topic_id, row.by_person) == (found[1].pk, True)


def test_topics_need_texts_and_are_looked_for_once_at_a_time(tenant):
    heard(0, 10)
    with pytest.raises(Conflict, match="at least 30"):
        services.request_fit()
    heard(1, 25)
    row = services.request_fit()
    with pytest.raises(Conflict, match="already"):
        services.request_fit()
    JobRow.objects.filter(pk=row.job_id).update(state="quarantined")
    services.close_interrupted()
    row.refresh_from_db()
    assert (row.state, str(row.verdict)) == ("failed", "Its job gave up; see Jobs.")


def test_a_fit_whose_texts_were_all_set_aside_says_so(found):
    row = services.request_fit()
    Document.objects.update(state="aside", why="person")
    run("insights.fit_topics")
    row.refresh_from_db()
    assert (row.state, str(row.verdict)) == ("failed", "There are no texts to look at.")
    assert Topic.objects.filter(state="active").count() == 3


def test_the_overview_counts_feelings_and_shifts(tenant):
    for about in range(3):
        heard(about, 24, days=60)
    heard(0, 40, start=24, days=5, bad=True)
    heard(1, 8, start=24, days=5)
    fit()
    seen = selectors.overview(NOW)
    about = {t.pk: n for n, t in topics().items()}
    late = next(r for r in seen.rows if about.get(r.topic.pk) == 0)
    assert late.shift.verdict == "rising"
    assert late.bad > late.good > 0
    assert seen.texts == 120
    assert seen.outside == pytest.approx(seen.unassigned / 120)


def test_shifts_are_shares_tested_together():
    steady, rising, little = trends.shifts([
        Count(100, 1000, 200, 2000), Count(80, 1000, 60, 2000), Count(2, 1000, 1, 2000),
    ])  # fmt: skip
    assert (steady.verdict, rising.verdict, little.verdict) == ("steady", "rising", "little")
    assert steady.difference == 0
    assert rising.difference == pytest.approx(5.0)
    assert rising.low > 0
    assert rising.p < 1e-6


def test_noise_alone_is_seldom_called_a_trend():
    rng = np.random.default_rng(3)
    called = 0
    for _ in range(200):
        now, before = (
            rng.multinomial(400, np.ones(20) / 20),
            rng.multinomial(1200, np.ones(20) / 20),
        )
        found = trends.shifts([Count(a, 400, b, 1200) for a, b in zip(now, before, strict=True)])
        called += any(s.verdict in {"rising", "falling"} for s in found)
    assert called / 200 <= 0.15


def test_the_season_is_the_same_weeks_of_last_year(tenant):
    heard(0, 60, days=3)
    heard(1, 60, days=3)
    heard(0, 30, start=60, days=3 + 364)  # last year it was half of what is said now
    heard(1, 90, start=60, days=3 + 364)
    heard(0, 200, start=90, days=3 + 364 + 40)  # other weeks of last year do not count
    fit()
    seen = selectors.overview(NOW)
    row = next(r for r in seen.rows if int(np.argmax(r.topic.centre)) == 0)
    assert seen.seasonal
    assert row.shift.difference == pytest.approx(25.0, abs=6.0)


def test_a_merge_during_a_fit_holds(found, monkeypatch):
    one, two = found[0], found[1]
    finish = services.finish

    def meanwhile(**values: object) -> list:
        ids = finish(**values)
        services.merge(topic=Topic.objects.get(pk=one.pk), into=Topic.objects.get(pk=two.pk))
        return ids

    monkeypatch.setattr(services, "finish", meanwhile)
    fit()
    assert not Belonging.objects.filter(topic=one).exists()
    assert Belonging.objects.filter(topic=two).count() > 40


def test_a_fit_that_was_cancelled_changes_nothing(found, monkeypatch):
    row = services.request_fit()
    describe = model_topics._described

    def meanwhile(*values: object) -> list:
        services.failed(fit_id=row.pk, why=say("Cancelled by a person."))
        return describe(*values)

    monkeypatch.setattr(model_topics, "_described", meanwhile)
    run("insights.fit_topics")
    row.refresh_from_db()
    assert (row.state, row.topics) == ("failed", 0)


def test_a_fit_whose_worker_died_while_it_placed_places_the_rest(found):
    Belonging.objects.all().delete()
    row = TopicFit.objects.get()
    JobRow.objects.filter(pk=row.job_id).update(state="pending", token=None)
    run("insights.fit_topics")
    assert Belonging.objects.count() == 72
    assert TopicFit.objects.count() == 1


def test_a_split_that_is_run_again_splits_nothing_more(tenant):
    for about in (0, 1):
        heard(about, 30)
    fit()
    services.merge(topic=topics()[1], into=topics()[0])
    topic = topics()[0]
    services.request_split(topic=topic)
    job = JobRow.objects.get(kind="insights.split_topic")
    run("insights.split_topic")
    n = Topic.objects.count()
    JobRow.objects.filter(pk=job.pk).update(state="pending", token=None)
    run("insights.split_topic")
    assert Topic.objects.count() == n
    assert TopicChange.objects.filter(kind="split").count() == 1


def test_a_text_is_put_only_where_it_is_shown(found):
    services.move(topic=found[2], verb="block")
    row = Belonging.objects.filter(topic=found[0]).first()
    with pytest.raises(Invalid, match="that is shown"):
        services.put(document_id=row.document_id, topic=Topic.objects.get(pk=found[2].pk))
    seen = selectors.overview(NOW)
    assert selectors.texts(None).count() == seen.unassigned > 20


def test_a_sample_is_the_same_each_time_and_about_as_large_as_is_said(found):
    half = texts.portion(share=0.5).documents
    assert texts.portion(share=0.5).documents == half
    assert 20 <= len(half) <= 52
    assert len(texts.portion().documents) == selectors.readable() == 72


def test_copies_of_one_text_are_no_trend(tenant):
    for about in range(3):
        heard(about, 24, days=60)
    heard(0, 60, start=24, days=5)
    fit()
    leader = Document.objects.filter(text__startswith="the parcel").earliest("id")
    Document.objects.filter(text__startswith="the parcel").update(leader_id=leader.pk)
    seen = selectors.overview(NOW)
    row = next(r for r in seen.rows if int(np.argmax(r.topic.centre)) == 0)
    assert (row.different <= 1, row.copied, row.shift.verdict) == (True, True, "little")
