"""Findings: found, tested, kept under their key, acted on, measured anew; questions and reports
whose every sentence stands on texts."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from attune.kernel.phrases import say
from campaigns.contacts.models import Event
from campaigns.content.models import Brief, BriefProduct
from campaigns.segments.models import Segment
from chat.assistant.models import Suggestion
from insights.findings import (
    acting,
    looking,
    measures,
    services,
)
from insights.findings.looking import Found
from insights.findings.models import Action, Evidence, Finding, Measurement
from insights.reading import services as reading
from insights.reading.models import Feature
from insights.sources.models import Document
from tests import make
from tests.insights.test_graph import NOW, heard
from workers import model_tasks

assert model_tasks  # its import registers the handlers


def found(key: str = "lid", effect: float = 2.0, n: int = 9, places: tuple = ()) -> Found:
    return Found("feature_bad", {"feature": key}, f"{key} is bad", "times", effect, effect - 1,
                 effect + 1, 0.01, n, "", list(places), [])  # fmt: skip


def look() -> dict[str, Finding]:
    services.keep(looking.look(NOW), now=NOW)
    return {f.kind: f for f in Finding.objects.all()}


def test_what_stands_out_is_found_with_its_texts_for_and_against(shop):
    rows = look()
    worse = rows["feature_bad"]
    assert "“lid” of Pot is criticised more" in str(worse.claim)
    assert worse.low > 1
    assert worse.q < 0.1
    assert worse.n == 10
    assert worse.evidence.filter(against=False).count() == 6
    assert "lid is what I speak of" in worse.evidence.first().quote
    moved = rows["feature_moved"]
    assert str(moved.claim) == "“delivery” is criticised more than before."
    assert moved.effect == pytest.approx(100.0)
    assert moved.evidence.filter(against=True).count() == 6


def test_a_finding_is_found_once_and_measured_each_time(tenant):
    assert services.keep([found()], now=NOW) == 1
    assert services.keep([found(effect=3.0)], now=NOW + timedelta(days=1)) == 0
    row = Finding.objects.get()
    assert (row.effect, row.state, row.measurements.count()) == (3.0, "draft", 2)


def test_an_event_with_a_long_name_is_found_once_too(tenant):
    long = replace(
        found(), kind="followed", about={"event": "x" * 200, "feature": str(uuid.uuid4())}
    )
    other = replace(long, about={**long.about, "feature": str(uuid.uuid4())})
    assert services.keep([long, other], now=NOW) == 2
    assert services.keep([long, other], now=NOW + timedelta(hours=1)) == 0


def test_what_turns_or_is_not_seen_again_is_stale_and_says_why(tenant):
    up = replace(found("lid"), kind="topic_moved", about={"topic": "t"})
    services.keep([up, found("spout")], now=NOW)
    later = NOW + timedelta(days=15)
    down = replace(up, effect=-2.0, claim=say("It is written about less."))
    assert services.keep([down], now=later) == 1
    was, now = Finding.objects.get(key="topic_moved:topic=t:up"), Finding.objects.get(key="topic_moved:topic=t:down")  # fmt: skip
    spout = Finding.objects.get(key="feature_bad:feature=spout")
    assert (was.state, now.state, spout.state) == ("stale", "draft", "stale")
    assert "the contrary: It is written about less." in str(was.why)
    assert "no longer stands out" in str(spout.why)
    told = Measurement.objects.exclude(verdict="holds").order_by("id")
    assert [(m.finding_id, m.verdict) for m in told] == [(was.pk, "turned"), (spout.pk, "gone")]


def test_what_a_person_decided_about_goes_on_saying_what_they_read(tenant):
    services.keep([found(n=9)], now=NOW)
    row = Finding.objects.get()
    services.move(finding=row, verb="accept")
    other = replace(found(n=9, effect=3.0), claim=say("Something else."))
    services.keep([other], now=NOW)
    row.refresh_from_db()
    assert (row.effect, "Something else" in str(row.claim)) == (3.0, False)
    assert row.measurements.count() == 1  # one a day


def test_each_look_replaces_the_places_that_it_found_and_keeps_those_of_people(tenant):
    heard(3, "lid")
    one, two, three = (
        str(pk) for pk in Document.objects.order_by("id").values_list("pk", flat=True)
    )
    services.keep([replace(found(), places=[(one, 0, 5)], against=[(two, 0, 5)])], now=NOW)
    row = Finding.objects.get()
    mine = Document.objects.get(pk=three)
    services.add_evidence(finding=row, document=mine, start=0, end=3, against=True)
    services.keep([replace(found(), places=[(two, 0, 5)])], now=NOW)
    assert sorted((str(e.document_id), e.against) for e in row.evidence.all()) == sorted(
        [(two, False), (three, True)]
    )


def test_a_topic_that_moved_against_last_year_says_so(tenant, monkeypatch):
    seen = SimpleNamespace(seasonal=True, rows=[SimpleNamespace(
        topic=SimpleNamespace(pk=uuid.uuid4(), examples=[]), n=30,
        shift=SimpleNamespace(verdict="rising", difference=4.0, low=1.0, high=7.0))])  # fmt: skip
    monkeypatch.setattr(looking.topics, "overview", lambda now: seen)
    (one,) = looking._topics(NOW)
    assert "the same weeks of last year" in str(one.measure)


def test_a_person_decides_and_a_rejection_says_why(tenant):
    services.keep([found(n=9), found("few", n=4)], now=NOW)
    row, few = Finding.objects.get(n=9), Finding.objects.get(n=4)
    with pytest.raises(Invalid, match="fewer than five"):
        services.move(finding=few, verb="accept")
    with pytest.raises(Invalid, match="why"):
        services.move(finding=row, verb="reject")
    with pytest.raises(Invalid):
        services.move(finding=row, verb="stale")
    services.move(finding=row, verb="submit")
    services.move(finding=row, verb="accept")
    row.refresh_from_db()
    assert row.state == "accepted"
    with pytest.raises(Conflict):
        services.move(finding=row, verb="submit")


def test_evidence_is_a_place_that_exists_and_is_kept_once(tenant):
    heard(1, "lid")
    document = Document.objects.get()
    row = services.write(claim="Lids are loved", now=NOW, owner=None)
    with pytest.raises(Invalid, match="no such place"):
        services.add_evidence(finding=row, document=document, start=5, end=9_999, against=False)
    for _ in range(2):
        services.add_evidence(finding=row, document=document, start=0, end=3, against=True)
    assert Evidence.objects.get().quote == "lid"
    with pytest.raises(Invalid):
        services.write(claim="no", now=NOW, owner=None)


def accepted(shop, kind: str) -> Finding:
    row = look()[kind]
    services.move(finding=row, verb="accept")
    row.refresh_from_db()
    return row


def test_one_click_makes_a_brief_a_segment_and_a_question(shop):
    row = look()["feature_bad"]
    with pytest.raises(Conflict, match="Accept the finding first"):
        acting.act(finding=row, kind="brief", now=NOW, by_id=None, experiment_id=None)
    assert not Brief.objects.exists()
    services.move(finding=row, verb="accept")
    row.refresh_from_db()
    for kind in ("brief", "segment", "faq"):
        acting.act(finding=row, kind=kind, now=NOW, by_id=None, experiment_id=None)
    brief = Brief.objects.get()
    assert list(
        BriefProduct.objects.filter(brief=brief).values_list("product__name", flat=True)
    ) == ["Pot"]
    assert "lid is what I speak of" in brief.notes
    segment = Segment.objects.get(name__startswith="Spoke against")
    assert segment.rule == {"did": "Feedback Against", "category": "lid"}
    assert Event.objects.filter(name="Feedback Against", category="lid").count() == 10
    assert Suggestion.objects.get().samples
    make.run_jobs()
    segment.refresh_from_db()
    assert segment.size == 1
    acting.act(finding=row, kind="segment", now=NOW, by_id=None, experiment_id=None)
    assert Action.objects.count() == 3
    assert Event.objects.filter(name="Feedback Against").count() == 10


def test_an_experiment_is_linked_and_an_unknown_kind_refused(shop):
    row = accepted(shop, "feature_moved")
    trial = make.experiment([make.approved(), make.approved()])
    acting.act(finding=row, kind="experiment", now=NOW, by_id=None, experiment_id=trial.pk)
    assert Action.objects.get().target == trial.pk
    for kind, experiment in (("experiment", uuid.uuid4()), ("party", None)):
        with pytest.raises(Invalid):
            acting.act(finding=row, kind=kind, now=NOW, by_id=None, experiment_id=experiment)


def test_what_acting_changed_is_measured_after_a_fortnight(tenant):
    heard(20, "delivery", -1, days=40)
    services.keep([found(str(Feature.objects.get().pk))], now=NOW)
    row = Finding.objects.get()
    Finding.objects.update(kind="feature_moved", about={"feature": str(Feature.objects.get().pk)})
    early = Action.objects.create(finding=row, kind="faq", target=row.pk, label="a", at=NOW)
    old = Action.objects.create(finding=row, kind="faq", target=early.pk, label="b", at=NOW - timedelta(days=25))  # fmt: skip
    acting.measure_effects(now=NOW)
    old.refresh_from_db()
    assert old.verdict == "little"
    heard(20, "delivery", 1, days=10)
    acting.measure_effects(now=NOW)
    early.refresh_from_db()
    old.refresh_from_db()
    assert early.verdict == "early"
    assert old.verdict == "fell"
    assert old.effect["difference"] == pytest.approx(-100.0)
    assert old.effect["high"] < -50


@pytest.mark.parametrize("kind", sorted(measures.SQL))
def test_every_kind_has_a_share(tenant, kind):
    nobody = str(uuid.uuid4())
    about = {"topic": nobody, "feature": nobody, "product": nobody, "segment": nobody}
    assert measures.share(kind, about, NOW - timedelta(days=9), NOW).part == 0.0


def test_partners_read_and_decide_over_rest(shop):
    row = look()["feature_bad"]
    client = Client(
        headers={"authorization": f"Bearer {make.key(shop, 'insights.view', 'insights.edit')}"}
    )
    found = client.get(f"/v1/findings/{row.pk}").json()
    assert found["claim"].startswith("“lid” of Pot is criticised more")
    assert found["evidence"][0]["quote"].startswith("lid is what I speak of")
    refused = client.post(f"/v1/findings/{row.pk}/move", {"verb": "reject"}, "application/json")
    assert refused.status_code == 422
    moved = client.post(f"/v1/findings/{row.pk}/move", {"verb": "accept"}, "application/json")
    assert moved.json()["state"] == "accepted"
    reading = client.get("/v1/readings").json()["results"][0]
    assert reading["mentions"][0]["feature_label"] in {"lid", "delivery"}
    edges = client.get("/v1/relations").json()["results"]
    nodes = {n["id"]: n["label"] for n in client.get("/v1/entities").json()["results"]}
    assert ("Pot", "spoken_of", "lid") in {
        (nodes[e["subject"]], e["predicate"], nodes[e["object"]]) for e in edges
    }
    assert client.get("/v1/topics").json()["results"] == []
    assert client.get("/v1/topic-belongings").json()["results"] == []


def test_pages_lead_from_a_finding_to_what_was_made_of_it(shop):
    row = look()["feature_bad"]
    client, at = Client(), [shop.slug, row.pk]
    client.force_login(shop.owner)
    client.post(reverse("findings:move", args=at), {"verb": "accept"})
    answer = client.post(reverse("findings:act", args=at), {"kind": "brief"}, follow=True)
    brief = Brief.objects.get()
    page = answer.content.decode()
    assert reverse("content:brief", args=[shop.slug, brief.pk]) in page
    assert "Too early to say" in page
    client.post(reverse("findings:own", args=at), {"owner": str(shop.owner.pk)})
    row.refresh_from_db()
    assert row.owner_id == shop.owner.pk
    shown = client.get(reverse("findings:finding", args=at), {"q": "delivery"}).content.decode()
    assert shown.count('value="against"') == 10
    document = Document.objects.filter(text__startswith="delivery").first()
    add = {"document": str(document.pk), "side": "against"}
    client.post(reverse("findings:add-evidence", args=at), add)
    assert row.evidence.get(document=document).against is True
    listed = client.get(reverse("findings:findings", args=[shop.slug])).content.decode()
    assert "is criticised more than that of other products" in listed
    assert client.post(reverse("findings:look", args=[shop.slug])).status_code == 302
    assert JobRow.objects.filter(kind="insights.look_for_findings", state="pending").exists()
    make.run_jobs()
    assert (
        not JobRow.objects.filter(kind="insights.look_for_findings").exclude(state="done").exists()
    )


def test_a_button_that_cannot_do_it_says_so_where_it_was_pressed(shop):
    client, slug = Client(), shop.slug
    client.force_login(shop.owner)
    row, back = look()["feature_bad"], reverse("findings:findings", args=[shop.slug])
    url = reverse("findings:act", args=[slug, row.pk])
    assert client.post(url, {"kind": "brief"}).status_code == 409
    answer = client.post(url, {"kind": "brief"}, headers={"referer": f"http://testserver{back}"})
    assert (answer.status_code, answer["Location"]) == (303, f"http://testserver{back}")
    assert "Accept the finding first" in client.get(back).content.decode()
    answer = client.post(url, {"kind": "brief"}, headers={"referer": "http://evil.example/"})
    assert answer.status_code == 409


def test_a_second_brief_is_not_made_of_one_finding(shop):
    row = accepted(shop, "feature_bad")
    for _ in range(2):
        with contextlib.suppress(Conflict):
            acting.act(finding=row, kind="brief", now=NOW, by_id=None, experiment_id=None)
    assert Action.objects.filter(kind="brief").count() == 1


def test_who_may_not_write_content_makes_none_of_a_finding(shop):
    row = accepted(shop, "feature_bad")
    client = Client()
    client.force_login(make.member(shop, "analyst"))
    for kind in ("brief", "segment", "faq"):
        answer = client.post(reverse("findings:act", args=[shop.slug, row.pk]), {"kind": kind})
        assert answer.status_code == 403
    page = client.get(reverse("findings:finding", args=[shop.slug, row.pk])).content.decode()
    assert "Write a brief" not in page
    assert not Action.objects.exists()


def test_a_text_that_was_set_aside_is_no_evidence(shop):
    row = look()["feature_bad"]
    document = Document.objects.first()
    reading.set_aside(document=document)
    document.refresh_from_db()
    with pytest.raises(Conflict, match="set aside"):
        services.add_evidence(finding=row, document=document, start=0, end=3, against=False)
    assert document.pk not in {e.document_id for e in acting.shown(row)}
