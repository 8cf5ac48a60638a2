"""The graph: pairs tested together, edges that keep their id and fade, needs, what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from campaigns.catalog.models import Product
from campaigns.contacts.models import Contact, Event
from insights.graph import charts, drawing, gathering, selectors, services, wishes
from insights.graph.association import Table, corrected, judged
from insights.graph.models import Entity, Relation
from insights.reading import services as reading
from insights.reading.services import Named, Read
from insights.reading.summing import Felt
from insights.sources import services as sources
from insights.sources.models import Document
from tests import make
from workers import runner

NOW = datetime.now(UTC).replace(microsecond=0)


def heard(n: int, feature: str, polarity: int = -1, product: Product | None = None, days: int = 5,
          said: str = "{} is what I speak of", contact: Contact | None = None,
          now: datetime = NOW) -> None:  # fmt: skip
    """n texts that name a feature."""
    of = sources.Source.objects.first() or sources.save_source(name="Reviews", kind="review")
    letters = "abcdefghijklmnopqrstuvwxyz"
    for i in range(n):
        word = letters[Document.objects.count() % 26] * 5 + letters[i % 26] * 7
        text = said.format(feature) + " " + word * 3
        sources.take(source=of, items=[{"text": text, "at": (now - timedelta(days=days)).isoformat()}], now=now)  # fmt: skip
        row = Document.objects.filter(state="waiting").get()
        row.product, row.contact = product, contact
        row.save(update_fields=["product", "contact"])
        start = text.index(feature)
        named = Named(start, start + len(feature), polarity, 0.9)
        reading.keep([row.pk], [Read("m", (Felt(0, len(text), 0.8, 0.1, 0.1),), (named,))])
    Document.objects.update(weight=1.0)


def draw(now: datetime = NOW) -> int:
    kept = sum(drawing.draw(p, now=now) for p in drawing.KINDS)
    drawing.finish(now=now, kept=kept)
    return kept


def edge(predicate: str) -> dict[tuple[str, str], Relation]:
    rows = Relation.objects.filter(predicate=predicate).select_related("subject", "object")
    return {(str(r.subject), str(r.object)): r for r in rows}


def test_a_lift_is_the_risk_there_over_the_risk_elsewhere_and_all_are_judged_together():
    strong, none, few = judged([Table(40, 100, 100, 1000), Table(10, 100, 100, 1000),
                                Table(2, 2, 2, 1000)])  # fmt: skip
    assert strong.lift == pytest.approx((40.5 / 101) / (60.5 / 901), rel=1e-9)
    assert strong.low > 4
    assert strong.q < 1e-10
    assert none.lift == pytest.approx(1, abs=0.1)
    assert none.q == 1.0
    assert (few.p, few.q) == (1.0, 1.0)


def test_fishers_exact_test_where_a_cell_expects_few():
    # the tea tasting: 4 of 4 rightly told of 8 cups; one tail is 1/70
    (link,) = judged([Table(4, 4, 4, 8)])
    assert link.p == pytest.approx(2 / 70)


def test_q_values_are_those_of_benjamini_and_hochberg():
    assert corrected([0.01, 0.04, 0.03, 0.5], 4) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("I wish the lid were tighter", True), ("The lid would be nice in steel", True), ("The lid should have a seal", True),
        ("The lid is tight", False), ("希望lid更紧", True), ("lid很紧", False), ("The lid is missing", True),
    ],
)  # fmt: skip
def test_a_wish_is_told_by_its_sentence(text, wish):
    start = text.index("lid")
    assert (
        wishes.wished(text, [(0, len(text), 0, 0, 0)], [(start, start + 3, "f")]) == {"f"}
    ) is wish


def test_texts_become_edges_with_their_evidence_and_interval(tenant):
    pot, cup = make.product(name="Pot", sku="P"), make.product(name="Cup", sku="C")
    heard(8, "lid", product=pot)
    heard(8, "glaze", polarity=1, product=cup)
    heard(3, "spout", product=pot, said="I wish the {} were longer")
    draw()
    spoken = edge("spoken_of")
    assert set(spoken) == {("Pot", "lid"), ("Cup", "glaze"), ("Pot", "spout")}
    lid = spoken["Pot", "lid"]
    assert (lid.n, lid.bad, lid.good, lid.state) == (8, 8.0, 0.0, "holds")
    assert lid.confidence == pytest.approx(0.9)
    assert lid.low < lid.lift < lid.high
    assert len(selectors.evidence(lid)) == 8
    assert "lid" in selectors.evidence(lid)[0].text
    assert set(edge("wished")) == {("Pot", "spout")}
    chart = charts.graph(selectors.whole(), lambda n: f"/{n.pk}")
    assert {n["name"] for n in chart["nodes"]} == {"Pot", "Cup", "lid", "glaze", "spout"}
    assert {link["tone"] for link in chart["links"]} == {"bad", "good", "plain"}


def test_an_edge_keeps_its_id_fades_and_comes_back(tenant):
    pot = make.product(name="Pot", sku="P")
    heard(4, "lid", product=pot)
    draw()
    lid = edge("spoken_of")["Pot", "lid"]
    heard(1, "lid", product=pot)
    draw(NOW + timedelta(hours=1))
    again = edge("spoken_of")["Pot", "lid"]
    assert (again.pk, again.n) == (lid.pk, 5)
    Document.objects.update(state="aside", why="person")
    draw(NOW + timedelta(hours=2))
    again.refresh_from_db()
    assert (again.state, again.valid_to) == ("faded", NOW + timedelta(hours=1))
    assert selectors.whole().edges == []
    Document.objects.update(state="read", why="")
    draw(NOW + timedelta(hours=3))
    again.refresh_from_db()
    assert (again.state, again.valid_to) == ("holds", None)


def test_what_nobody_spoke_of_for_a_quarter_says_until_when(tenant):
    pot = make.product(name="Pot", sku="P")
    heard(4, "lid", product=pot, days=120)
    draw()
    assert edge("spoken_of")["Pot", "lid"].valid_to == NOW - timedelta(days=120)


def test_a_dismissed_edge_stays_away_after_the_next_drawing(tenant):
    heard(4, "lid", product=make.product(name="Pot", sku="P"))
    draw()
    lid = edge("spoken_of")["Pot", "lid"]
    services.move(relation=lid, verb="dismiss")
    draw(NOW + timedelta(hours=1))
    assert selectors.whole().edges == []
    with pytest.raises(Conflict):
        services.move(relation=lid, verb="dismiss")
    services.move(relation=selectors.relation(lid.pk), verb="restore")
    assert len(selectors.whole().edges) == 1


def test_what_people_do_after_they_complained_is_compared_with_all_who_wrote(tenant):
    for i in range(40):
        person = make.contact(external_id=f"p{i}")
        heard(1, "delivery" if i < 15 else "taste", -1 if i < 15 else 1, contact=person)
        if i < 13 or i > 37:
            Event.objects.create(contact=person, message_id=f"m{i}", type="track",
                                 name="Unsubscribed", at=NOW - timedelta(days=2))  # fmt: skip
    draw()
    found = edge("then")
    assert set(found) == {("delivery", "Unsubscribed")}
    row = found["delivery", "Unsubscribed"]
    assert row.n == 13
    assert row.low > 2
    assert row.confidence > 0.99


def test_what_came_before_a_complaint_did_not_follow_it(tenant):
    for i in range(40):
        person = make.contact(external_id=f"p{i}")
        heard(1, "taste", 1, contact=person, days=20)
        if i < 15:
            heard(1, "delivery", -1, contact=person, days=3)
            Event.objects.create(contact=person, message_id=f"m{i}", type="track",
                                 name="Order Completed", at=NOW - timedelta(days=9))  # fmt: skip
    assert gathering.followed() == []


def test_competitors_are_found_by_any_of_their_names(tenant):
    rival = services.save_competitor(name="Teahaus", aliases="Tea Haus\nTeahaus GmbH")
    assert JobRow.objects.filter(kind="insights.draw_graph", state="pending").count() == 1
    heard(6, "price", said="At tea haus the {} is lower")
    heard(12, "taste", polarity=1)
    draw()
    assert set(edge("compared")) == {("Teahaus", "price")}
    with pytest.raises(Conflict, match="named already"):
        services.save_competitor(name="teahaus")
    with pytest.raises(Invalid):
        services.save_competitor(name="x")
    services.forget_competitor(competitor=rival)
    assert not Entity.objects.filter(kind="competitor").exists()


def test_a_graph_is_due_once_for_what_was_read_also_where_nothing_is_joined(tenant):
    now = datetime.now(UTC)
    assert not drawing.due(now)
    heard(1, "lid")
    assert drawing.due(now)
    services.request_drawing()
    assert not drawing.due(now + timedelta(days=1))


def test_the_job_draws_and_the_pages_show_it(tenant):
    heard(5, "lid", product=make.product(name="Pot", sku="P"))
    services.request_drawing()
    services.request_drawing()
    row = JobRow.objects.get(kind="insights.draw_graph")
    assert runner.run_job(row.tenant_id, row.pk) == "done"
    client, slug = Client(), tenant.slug
    client.force_login(tenant.owner)
    page = client.get(reverse("graph:graph", args=[slug])).content.decode()
    assert "Pot" in page
    assert '"kind": "graph"' in page
    lid = edge("spoken_of")["Pot", "lid"]
    page = client.get(reverse("graph:relation", args=[slug, lid.pk])).content.decode()
    assert "is what I speak of" in page
    page = client.get(reverse("graph:entity", args=[slug, lid.object_id])).content.decode()
    assert reverse("reading:feature", args=[slug, lid.object.key]) in page
