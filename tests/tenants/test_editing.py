"""Two people in one form: what both changed is a choice, nothing is overwritten silently."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.catalog.models import Product
from campaigns.content.models import Revision
from campaigns.segments import services as segments
from campaigns.segments.models import Segment
from insights.dashboards import selectors as results
from insights.graph import services as graph
from insights.journeys import services as journeys
from insights.sources import services as sources
from tenants.models import Tenant
from tests import make
from tests.campaigns import shop


@pytest.fixture
def client(tenant: make.Place) -> Client:
    client = Client()
    client.force_login(tenant.owner)
    return client


class Open:
    """A form as somebody opened it; `save` sends it with some fields changed."""

    def __init__(self, client: Client, url: str) -> None:
        self.client, self.url = client, url
        answer = client.get(url)
        assert answer.status_code == 200
        form = answer.context["form"]
        self.values = {name: form[name].value() for name in form.fields}
        self.values = {k: "" if v is None else v for k, v in self.values.items() if v is not False}
        self.base = base_of(answer)

    def save(self, **changed: Any) -> Any:
        values = {**self.values, "base": self.base, **changed}
        values = {  # a browser ends each line of a text area with CR LF
            name: value.replace("\n", "\r\n") if isinstance(value, str) else value
            for name, value in values.items()
        }
        return self.client.post(self.url, {k: v for k, v in values.items() if v is not None})


def base_of(answer: Any) -> str:
    return re.search(r'name="base" value="([^"]+)"', answer.content.decode())[1]


def product_page(tenant: make.Place, product: Product) -> str:
    return reverse("catalog:product", args=[tenant.slug, product.pk])


def test_fields_that_only_one_of_the_two_changed_are_merged(tenant, client):
    product = make.product(name="Oolong")
    url = product_page(tenant, product)
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(description="Grown at 1,200 m.").status_code == 302
    assert mine.save(price="15.90").status_code == 302
    product.refresh_from_db()
    assert (product.description, product.price_cents) == ("Grown at 1,200 m.", 1590)


def test_what_both_changed_is_shown_with_both_values_and_nothing_is_written(tenant, client):
    product = make.product(name="Oolong")
    url = product_page(tenant, product)
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(name="High Oolong").status_code == 302
    answer = mine.save(name="Mountain Oolong", price="9.00")
    assert answer.status_code == 409
    clash = answer.context["editing"].clashes
    assert [(c.label, c.theirs, c.mine) for c in clash] == [
        ("Name", "High Oolong", "Mountain Oolong")
    ]
    assert f"{tenant.owner} saved this" in answer.content.decode()
    product.refresh_from_db()
    assert product.name == "High Oolong"
    mine.base = base_of(answer)  # the form now begins from theirs: sending it again decides
    assert mine.save(name="Mountain Oolong", price="9.00").status_code == 302
    product.refresh_from_db()
    assert (product.name, product.price_cents) == ("Mountain Oolong", 900)


def test_a_clash_shows_what_only_the_other_changed_as_theirs_already(tenant, client):
    product = make.product(name="Oolong", category="tea", available=True)
    url = product_page(tenant, product)
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(name="High Oolong", category="green", available=None).status_code == 302
    answer = mine.save(name="Mountain Oolong")
    form, editing = answer.context["form"], answer.context["editing"]
    assert answer.status_code == 409
    assert (form["category"].value(), form["available"].value()) == ("green", False)
    assert editing.taken == ["Category", "Available"]


def test_a_wrong_field_in_between_does_not_make_one_forget_where_one_began(tenant, client):
    product = make.product(name="Old")
    url = product_page(tenant, product)
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(name="Theirs").status_code == 302
    refused = mine.save(price="a lot")
    assert refused.status_code == 422
    mine.base = base_of(refused)
    assert mine.save(price="9.00").status_code == 302
    product.refresh_from_db()
    assert (product.name, product.price_cents) == ("Theirs", 900)


def test_text_of_several_lines_that_nobody_touched_does_not_clash(tenant, client):
    url = reverse("catalog:voice", args=[tenant.slug])
    assert Open(client, url).save(banned_words="cheap\nbuy now").status_code == 302
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(banned_words="cheap").status_code == 302
    assert mine.save(tone="dry").status_code == 302
    answer = client.get(url)
    assert (answer.context["form"]["tone"].value(), answer.context["form"]["banned_words"].value()) == (
        "dry", "cheap",
    )  # fmt: skip


def test_a_clash_of_choices_is_told_in_words_and_can_be_put_back(tenant, client):
    brief, tea = make.brief(), make.product(name="Green tea", price_cents=900)
    url = reverse("content:edit-brief", args=[tenant.slug, brief.pk])
    mine, theirs = Open(client, url), Open(client, url)
    first = mine.values["products"][0]
    assert theirs.save(products=[first, str(tea.pk)], channel="push").status_code == 302
    answer = mine.save(products=[str(tea.pk)], channel="sms")
    clash = {c.label: c for c in answer.context["editing"].clashes}
    assert answer.status_code == 409
    assert (clash["Channel"].theirs, clash["Channel"].mine) == ("Push", "SMS")
    assert clash["Products"].mine == "Green tea · 9.00 EUR"
    assert set(clash["Products"].value.split(", ")) == {first, str(tea.pk)}
    assert clash["Products"].field == "id_products"
    assert 'id="id_products"' in answer.content.decode()


def test_editing_keeps_what_is_no_longer_offered(tenant, client):
    product, segment = make.product(name="Sold out"), make.segment(name="Put away")
    brief = make.brief(products=[product], audience=segment)
    make.segment(name="Another")
    campaign = make.campaign(
        segment, make.experiment([make.approved()], holdout=0.1, running=False)
    )
    product.available = False
    product.save()
    segments.archive(segment=segment)
    url = reverse("content:edit-brief", args=[tenant.slug, brief.pk])
    page = Open(client, url)
    assert page.values["products"] == [str(product.pk)]
    assert page.save(offer="Last ones").status_code == 302
    brief.refresh_from_db()
    assert (brief.audience_id, [line.product_id for line in brief.lines.all()]) == (
        segment.pk, [product.pk],
    )  # fmt: skip
    url = reverse("delivery_pages:edit", args=[tenant.slug, campaign.pk])
    answer = Open(client, url).save(name="Renamed")
    assert answer.status_code == 422  # an archived audience is told, not replaced
    assert "is archived" in answer.content.decode()
    campaign.refresh_from_db()
    assert campaign.audience_id == segment.pk


def test_a_draft_campaign_merges_and_clashes_like_any_form(tenant, client):
    campaign = make.campaign(
        make.segment(), make.experiment([make.approved()], holdout=0.1, running=False)
    )
    other = make.segment(name="Others")
    url = reverse("delivery_pages:edit", args=[tenant.slug, campaign.pk])
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(audience=str(other.pk)).status_code == 302
    assert mine.save(name="Spring").status_code == 302
    campaign.refresh_from_db()
    assert (campaign.name, campaign.audience_id) == ("Spring", other.pk)
    assert mine.save(name="Summer").status_code == 409


def test_the_same_change_by_both_is_no_clash(tenant, client):
    product = make.product(name="Oolong")
    url = product_page(tenant, product)
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(name="High Oolong").status_code == 302
    assert mine.save(name="High Oolong").status_code == 302


@pytest.mark.parametrize("base", ["", "tampered", None])
def test_a_form_that_does_not_say_where_it_began_cannot_overwrite(tenant, client, base):
    product = make.product(name="Oolong")
    page = Open(client, product_page(tenant, product))
    page.base = base
    assert page.save(name="Mountain Oolong").status_code == 409
    product.refresh_from_db()
    assert product.name == "Oolong"


def test_settings_and_voice_merge_too(tenant, client):
    url = reverse("workspace:settings", args=[tenant.slug])
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(sender_name="Tea House").status_code == 302
    assert mine.save(currency="USD").status_code == 302
    row = Tenant.objects.get(pk=tenant.id)
    assert (row.sender_name, row.currency) == ("Tea House", "USD")
    url = reverse("catalog:voice", args=[tenant.slug])
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(banned_words="cheap\nbuy now").status_code == 302
    answer = mine.save(banned_words="cheap")
    assert answer.status_code == 409
    assert answer.context["editing"].clashes[0].theirs == "cheap\nbuy now"


def test_two_rules_of_one_segment_clash_and_the_words_merge(tenant, client):
    segment = make.segment({"profile": "orders", "above": 1})
    url = reverse("segments:edit", args=[tenant.slug, segment.pk])
    rule = '{"profile": "orders", "above": 5}'
    mine, theirs = Open(client, url), Open(client, url)
    mine.values["rule"] = theirs.values["rule"] = '{"profile": "orders", "above": 1}'
    assert theirs.save(rule=rule).status_code == 302
    assert mine.save(description="Who buys").status_code == 302
    row = Segment.objects.get(pk=segment.pk)
    assert (row.rule["above"], row.description, row.version) == (5, "Who buys", 3)
    late = mine.save(rule='{"profile": "orders", "above": 9}')
    assert late.status_code == 409
    assert Segment.objects.get(pk=segment.pk).rule["above"] == 5


def test_an_edit_of_an_older_revision_is_laid_on_the_newest(tenant, client):
    text = make.draft(author_id=tenant.owner.pk)
    url = reverse("approval:edit", args=[tenant.slug, text.pk])
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(subject="A slower cup").status_code == 302
    assert mine.save(body="Come and taste the new harvest.").status_code == 302
    newest = Revision.objects.order_by("-number")[0]
    assert newest.number == 3
    assert newest.components["subject"] == "A slower cup"
    assert newest.components["body"] == "Come and taste the new harvest."
    assert mine.save(subject="Another cup").status_code == 409
    assert Revision.objects.count() == 3


def test_a_brief_can_be_edited(tenant, client):
    brief = make.brief()
    url = reverse("content:edit-brief", args=[tenant.slug, brief.pk])
    assert Open(client, url).save(offer="Free shipping until Friday").status_code == 302
    brief.refresh_from_db()
    assert brief.offer == "Free shipping until Friday"
    answer = Open(client, url).save(goal="")
    assert answer.status_code == 422


def test_a_source_merges_its_product_and_clashes_over_its_name(tenant, client):
    tea = make.product(name="Oolong")
    row = sources.save_source(name="Shop reviews", kind="review")
    url = reverse("sources:edit", args=[tenant.slug, row.pk])
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(product=str(tea.pk), name="Reviews").status_code == 302
    assert mine.save(name="Opinions").status_code == 409
    assert Open(client, url).save(licence="Our own shop").status_code == 302
    row.refresh_from_db()
    assert (row.name, row.product_id, row.licence) == ("Reviews", tea.pk, "Our own shop")


def test_a_journey_merges_its_days_and_its_segment(tenant, client):
    segment = make.segment()
    make.record(make.track("ann", "Order Completed"))
    row = journeys.save(name="To an order", goal="Order Completed", days=90, lookback=30)
    url = reverse("journeys:edit", args=[tenant.slug, row.pk])
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(segment=str(segment.pk)).status_code == 302
    assert mine.save(days="60").status_code == 302
    row.refresh_from_db()
    assert (row.days, row.segment_id) == (60, segment.pk)
    assert mine.save(segment="", days="30").status_code == 409


def test_a_competitor_merges_its_other_names(tenant, client):
    row = graph.save_competitor(name="Teahaus")
    url = reverse("graph:competitor", args=[tenant.slug, row.pk])
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(aliases="Tea Haus").status_code == 302
    assert mine.save(name="Teahaus GmbH").status_code == 302
    row.refresh_from_db()
    assert (row.label, row.aliases) == ("Teahaus GmbH", ["Tea Haus"])


def test_two_costs_of_one_campaign_clash_and_zero_is_where_both_begin(tenant, client):
    campaign = make.campaign(
        make.segment(), make.experiment([make.approved()], holdout=0.1, running=False)
    )
    url = reverse("dashboards:cost", args=[tenant.slug, campaign.pk])
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(fixed="120.50").status_code == 302
    assert mine.save(message="0.0071").status_code == 302
    answer = mine.save(fixed="99")
    assert answer.status_code == 409
    assert [(c.label, c.theirs, c.mine) for c in answer.context["editing"].clashes] == [
        ("Spent once", "120.5", "99")
    ]
    assert results.costs_of(campaign) == {"fixed": Decimal("120.5"), "message": Decimal("0.0071")}


def test_a_policy_that_two_edit_keeps_what_both_said(tenant, client):
    row = shop.policy(started=False)
    url = reverse("strategy:edit", args=[tenant.slug, row.pk])
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(control_share="20").status_code == 302
    assert mine.save(every_hours="48").status_code == 302
    row.refresh_from_db()
    assert (row.control_share, row.every_hours) == (0.2, 48)
    mine, theirs = Open(client, url), Open(client, url)
    assert theirs.save(floor="5").status_code == 302
    answer = mine.save(floor="1")
    assert answer.status_code == 409
    assert [(c.theirs, c.mine) for c in answer.context["editing"].clashes] == [("5.0", "1")]
    row.refresh_from_db()
    assert row.floor == 0.05
