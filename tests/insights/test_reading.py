"""What the models read: kept once, summed to a document, counted by feature."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from insights.reading import charts, ratings, selectors, services, summing
from insights.reading.models import Feature, Mention, Reading
from insights.reading.services import Named, Read
from insights.reading.summing import Felt, term_key, whole
from insights.sources import services as sources
from insights.sources.models import Document
from tests import make
from workers import model_tasks, models, runner
from workers.engines import senses

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
assert model_tasks  # its import registers the handlers
TEXT = "The kettle is great. The lid leaks."


def taken(*texts: str, **fields: object) -> list[Document]:
    of = sources.Source.objects.first() or sources.save_source(name="Reviews", kind="review")
    sources.take(source=of, items=[{"text": t, **fields} for t in texts], now=NOW)
    return list(Document.objects.filter(state="waiting").order_by("id"))


def good_and_bad(vector: bool = True) -> Read:
    sentences = (Felt(0, 20, 0.05, 0.05, 0.9), Felt(21, 35, 0.9, 0.05, 0.05))
    named = (Named(0, 10, 1, 0.9, 14, 19), Named(21, 28, -1, 0.8, 29, 34))
    return Read(
        "test", sentences, named, np.ones(384, dtype=np.float32) / 384**0.5 if vector else None
    )


@pytest.mark.parametrize(
    ("felt", "feeling"),
    [
        ([(0.9, 0.05, 0.05)], "negative"), ([(0.05, 0.9, 0.05)] * 9 + [(0.9, 0.05, 0.05)], "negative"),
        ([(0.9, 0.05, 0.05), (0.05, 0.05, 0.9)], "mixed"), ([(0.1, 0.85, 0.05)] * 3, "neutral"),
        ([(0.05, 0.05, 0.9)] * 20 + [(0.9, 0.05, 0.05)], "positive"), ([], "neutral"),
    ],
)  # fmt: skip
def test_sentences_make_a_document(felt, feeling):
    found = whole([Felt(0, 50, *one) for one in felt])
    assert found.feeling == feeling
    assert found.negative + found.neutral + found.positive == pytest.approx(1)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("The Batteries", "battery"), ("my screens", "screen"), ("boxes", "box"), ("glass", "glass"),
        ("Customer  Service", "customer service"), ("bus", "bus"), ("物流速度", "物流速度"), ("a", "a"),
    ],
)  # fmt: skip
def test_terms_are_compared_without_article_case_and_plural(words, key):
    assert term_key(words) == key
    assert summing.singular("analysis") == "analysis"


def test_a_reading_is_kept_once_with_its_mentions(tenant):
    row = taken(TEXT)[0]
    assert services.keep([row.pk], [good_and_bad()]) == 1
    assert services.keep([row.pk], [good_and_bad()]) == 0  # another worker was first
    found = Reading.objects.get()
    assert (found.feeling, found.sentences[0][:2]) == ("mixed", [0, 20])
    mentions = list(Mention.objects.order_by("start"))
    assert [(m.feature.key, m.polarity, TEXT[m.opinion_start : m.opinion_end]) for m in mentions] == [
        ("kettle", 1, "great"), ("lid", -1, "leaks"),
    ]  # fmt: skip
    row.refresh_from_db()
    assert row.state == "read"


def test_what_a_person_set_aside_meanwhile_is_not_read(tenant):
    row = taken(TEXT)[0]
    sources.set_aside(document=row)
    assert services.keep([row.pk], [good_and_bad()]) == 0
    assert not Mention.objects.exists()


def test_a_text_that_names_one_product_is_about_it(tenant):
    tea = make.product(name="Mountain Oolong")
    make.product(name="Green Sencha")
    rows = taken("I love the mountain oolong.", "Oolong or Green Sencha and Mountain Oolong?")
    services.keep([r.pk for r in rows], [Read("test", ()), Read("test", ())])
    assert list(Document.objects.order_by("id").values_list("product_id", flat=True)) == [
        tea.pk,
        None,
    ]


def test_features_are_counted_by_weight_and_merged(tenant):
    long = f"{TEXT} Nobody told me so."
    rows = taken(long, *[long + " "] * 3, f"{TEXT} Again and again, and my wife is sad!")
    services.keep([r.pk for r in rows], [good_and_bad()] * len(rows))
    make.run_jobs()  # four say the same: they count 1 + ln 4 together
    kettle, lid = (
        next(f for f in selectors.features() if f.label.endswith(n)) for n in ("kettle", "lid")
    )
    assert kettle.n == 5
    assert kettle.good == pytest.approx(3.386, abs=1e-3)
    assert (kettle.bad, lid.good) == (0, 0)
    assert [round(s) for s in lid.shares] == [100, 0, 0]
    one, other = Feature.objects.get(key="kettle"), Feature.objects.get(key="lid")
    services.merge(feature=other, into=one)
    row = selectors.features()[0]
    assert (row.n, [round(s) for s in row.shares]) == (10, [50, 0, 50])
    late = taken("The lid again leaks here, what a pity for me.")[0]
    services.keep([late.pk], [Read("test", (), (Named(4, 7, -1, 0.9),))])
    assert Mention.objects.get(document=late).feature_id == one.pk
    with pytest.raises(Conflict, match="merged already"):
        services.merge(feature=Feature.objects.get(key="lid"), into=one)
    with pytest.raises(Invalid, match="another feature"):
        services.merge(feature=one, into=one)


def test_a_hidden_feature_is_not_listed_until_it_is_shown(tenant):
    rows = taken(TEXT)
    services.keep([rows[0].pk], [good_and_bad()])
    row = Feature.objects.get(key="lid")
    services.hide(feature=row)
    assert [f.label for f in selectors.features()] == ["The kettle"]
    services.show(feature=row)
    assert len(selectors.features()) == 2
    with pytest.raises(Conflict):
        services.show(feature=row)


def test_feelings_are_shares_of_voices(tenant):
    rows = taken(TEXT, "Something else is said here about the tea.")
    services.keep(
        [r.pk for r in rows], [good_and_bad(), Read("test", (Felt(0, 10, 0.9, 0.05, 0.05),))]
    )
    found = selectors.feelings()
    assert {k: v["share"] for k, v in found.items()} == {
        "positive": 0, "neutral": 0, "negative": 0.5, "mixed": 0.5,
    }  # fmt: skip


def test_a_text_is_shown_in_pieces_that_together_are_the_text(tenant):
    row = taken(TEXT)[0]
    services.keep([row.pk], [good_and_bad()])
    pieces = selectors.pieces(TEXT, selectors.reading(row), list(Mention.objects.order_by("start")))
    assert "".join(p["text"] for p in pieces) == TEXT
    assert [(p["text"], p["feeling"]) for p in pieces if p["names"]] == [
        ("The kettle", "positive"),
        ("The lid", "negative"),
    ]
    assert [p["text"] for p in pieces if p["opinion"]] == ["great", "leaks"]


def test_a_line_needs_two_months_and_carries_its_interval():
    assert charts.feelings([(NOW.date(), 10, 5, 5)]) is None
    drawn = charts.feelings(
        [(NOW.date(), 10, 5, 2), (NOW.date().replace(month=12), 0, 0, 0), (NOW.date(), 100, 10, 80)]
    )
    assert drawn["series"][0]["values"] == [50, 10]
    assert drawn["series"][0]["low"][0] < 25 < 75 < drawn["series"][0]["high"][0]


def read_job(monkeypatch, answer):
    monkeypatch.setattr(models, "opinions", answer)
    row = JobRow.objects.get(kind="insights.read", state="pending")
    return runner.run_job(row.tenant_id, row.pk)


def test_the_worker_reads_what_waits_and_sets_aside_what_no_model_reads(tenant, monkeypatch):
    taken(TEXT, TEXT, "Der Wasserkocher ist sehr gut und der Deckel tropft leider.")
    asked: list[object] = []

    def answer(texts):
        asked.extend(texts)
        return [
            {
                "model": "m",
                "sentences": [[0, 20, 0, 0, 1]],
                "terms": [[4, 10, 1, 0.9, 14, 19]],
                "vector": "",
            }
            for _ in texts
        ]

    assert read_job(monkeypatch, answer) == "done"
    assert asked == [(TEXT, "en")]  # a text that comes twice is read once
    assert sorted(Document.objects.values_list("state", "why")) == [
        ("aside", "unknown"),
        ("read", ""),
        ("read", ""),
    ]
    assert Mention.objects.count() == 2


def test_pages_show_what_was_read(tenant):
    row = taken(TEXT, author="Ada Byron")[0]
    services.keep([row.pk], [good_and_bad()])
    client = Client()
    client.force_login(tenant.owner)

    def get(name: str, *args: object) -> str:
        return client.get(reverse(f"reading:{name}", args=[tenant.slug, *args])).content.decode()

    assert "The kettle" in get("overview")
    assert TEXT in get("documents")
    shown = get("document", row.pk)
    assert "is-term" in shown
    assert "Ada" not in shown
    feature = Feature.objects.get(key="lid")
    assert TEXT in get("feature", feature.pk)
    change = reverse("reading:change", args=[tenant.slug, feature.pk])
    client.post(change, {"verb": "rename", "label": "Lid"})
    feature.refresh_from_db()
    assert feature.label == "Lid"
    assert client.post(change, {"verb": "burn"}).status_code == 422


def test_ratings_become_a_score_with_its_interval(tenant):
    survey = sources.save_source(name="Survey", kind="survey")
    given = [10] * 6 + [8] * 2 + [3] * 2
    items = [{"text": f"Answer number {word * 4}", "rating": str(r), "at": "2026-10-05"}
             for r, word in zip(given, "abcdefghij", strict=True)]  # fmt: skip
    sources.take(source=survey, items=items, now=NOW)
    shop = sources.save_source(name="Shop", kind="review")
    stars = [{"text": f"Stars of {w * 5}", "rating": r, "at": "2026-11-02"} for r, w in (("5", "k"), ("2", "l"))]  # fmt: skip
    sources.take(source=shop, items=stars, now=NOW)
    Document.objects.update(weight=1.0)
    one, other = ratings.rated()
    assert (other.name, other.scale, other.whole.value, other.whole.n) == (
        "Survey",
        "nps",
        pytest.approx(40),
        10,
    )
    assert other.whole.high - other.whole.value == pytest.approx(196 * (0.64 / 10) ** 0.5)
    assert (one.scale, one.whole.value) == ("stars", 50.0)
    assert ratings.chart(one) is None
    client = Client()
    client.force_login(tenant.owner)
    page = client.get(reverse("reading:ratings", args=[tenant.slug])).content.decode()
    assert "net promoter score" in page
    assert "gave four or five stars" in page


def test_a_text_that_was_set_aside_counts_nowhere_and_is_read_anew_when_let_in(tenant):
    row = taken(TEXT)[0]
    services.keep([row.pk], [good_and_bad()])
    services.set_aside(document=row)
    assert (selectors.features(), sum(f["n"] for f in selectors.feelings().values())) == ([], 0)
    sources.let_in(ids=[row.pk])
    assert services.keep([row.pk], [good_and_bad()]) == 1
    assert [f.n for f in selectors.features()] == [1, 1]


def test_two_features_are_not_merged_into_each_other(tenant):
    row = taken(TEXT)[0]
    services.keep([row.pk], [good_and_bad()])
    one, two = Feature.objects.order_by("id")
    services.merge(feature=one, into=two)
    with pytest.raises(Invalid, match="not merged itself"):
        services.merge(feature=two, into=Feature.objects.get(pk=one.pk))
    stale = Feature(pk=one.pk, state="active", label="as another request read it before")
    with pytest.raises(Invalid):
        services.merge(feature=two, into=stale)


def test_mentions_kept_while_their_feature_was_merged_move_after_it(tenant):
    row = taken(TEXT)[0]
    services.keep([row.pk], [good_and_bad()])
    one, two = Feature.objects.order_by("id")
    Feature.objects.filter(pk=one.pk).update(state="merged", into=two)
    assert services.sweep() == 1
    assert set(Mention.objects.values_list("feature_id", flat=True)) == {two.pk}


def test_a_text_at_which_the_model_fails_is_set_aside_and_all_others_are_read(tenant, monkeypatch):
    rows = taken("A fine pot, I like it.", "This one breaks the model.", "The lid leaks badly.")

    def opinions(texts: list) -> list:
        if any("breaks" in text for text, _ in texts):
            raise IndexError("index 9 is out of bounds")
        return [{"model": "m", "sentences": [], "terms": [], "vector": None} for _ in texts]

    monkeypatch.setattr(senses, "unpacked", lambda kept: None)
    assert read_job(monkeypatch, opinions) == "done"
    states = [(d.state, d.why) for d in Document.objects.order_by("id")]
    assert states == [("read", ""), ("aside", "failed"), ("read", "")]
    sources.let_in(ids=[rows[1].pk])  # a person may try again
    assert Document.objects.get(pk=rows[1].pk).state == "waiting"


def test_the_product_narrows_all_of_the_page(tenant):
    tea = make.product(name="Mountain Oolong")
    rows = taken("I love the mountain oolong.", TEXT)
    services.keep([r.pk for r in rows], [good_and_bad(), good_and_bad()])
    assert sum(f["n"] for f in selectors.feelings(product_id=tea.pk).values()) == 1
    assert sum(m[1] for m in selectors.by_month(product_id=tea.pk)) == 1
    client = Client()
    client.force_login(tenant.owner)
    other = make.product(name="Nothing said")
    page = client.get(reverse("reading:overview", args=[tenant.slug]), {"product": str(other.pk)})
    assert 'name="product"' in page.content.decode()
