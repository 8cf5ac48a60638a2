"""Two people, or one who clicks twice: who comes second waits, then is told."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from attune.kernel.errors import Conflict
from campaigns.approval import services as approval
from campaigns.catalog import services as catalog
from campaigns.content import services as content
from campaigns.content.models import GenerationRun
from campaigns.delivery import services as delivery
from campaigns.experiments import services as experiments
from campaigns.experiments.models import Experiment
from campaigns.segments import services as segments
from tests import make


def locks(queries: CaptureQueriesContext) -> list[str]:
    """The tables that were locked, in order."""
    found = [q["sql"] for q in queries.captured_queries if "FOR UPDATE" in q["sql"]]
    return [sql.split(' FROM "')[1].split('"')[0] for sql in found]


def test_who_changes_a_text_takes_its_asset_first(tenant):
    revision = make.draft(author_id=tenant.owner.pk)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        review = approval.submit(revision=revision, by_id=tenant.owner.pk)
    assert locks(asked)[0] == revision.asset._meta.db_table
    by = approval.Reviewer(make.member(tenant, "reviewer").pk, "R")
    with CaptureQueriesContext(connection) as asked:
        approval.decide(review=review, by=by, kind="approve")
    assert locks(asked)[0] == revision.asset._meta.db_table
    changed = {**revision.components, "subject": "Another subject"}
    with CaptureQueriesContext(connection) as asked:
        approval.edit(revision=revision, components=changed, author_id=tenant.owner.pk)
    assert locks(asked)[0] == revision.asset._meta.db_table


def test_what_was_changed_since_the_sender_looked_is_not_launched(tenant):
    make.contact("u1")
    trial = make.experiment([make.approved()], holdout=0.5, running=False)
    campaign = make.campaign(make.segment(), trial)
    seen, other = campaign.plan, make.segment(name="Others")
    stale = type(campaign).objects.get(pk=campaign.pk)  # read before the edit, as by a rival
    delivery.change(
        campaign=campaign, name=campaign.name, via=campaign.via, audience=other,
        experiment=campaign.experiment, endpoint=None,
    )  # fmt: skip
    with pytest.raises(Conflict, match="changed since you looked"):
        delivery.launch(campaign=stale, seen=seen)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.audience) == ("draft", other)
    with CaptureQueriesContext(connection) as asked:
        delivery.launch(campaign=stale, seen=campaign.plan)
    assert locks(asked)[:2] == ["campaign", "segment"]
    assert stale.audience == other
    with pytest.raises(Conflict, match="Only a draft"):
        delivery.change(
            campaign=campaign, name="Late", via=campaign.via, audience=other,
            experiment=campaign.experiment, endpoint=None,
        )  # fmt: skip


def test_two_programs_that_change_two_fields_of_a_product_both_win(tenant):
    product = make.product(category="tea", description="Old")
    stale = type(product).objects.get(pk=product.pk)
    catalog.save_product(product=product, category="green tea")
    catalog.save_product(product=stale, description="New")
    product.refresh_from_db()
    assert (product.category, product.description) == ("green tea", "New")


def test_a_segment_is_not_archived_while_another_begins_to_need_it(tenant):
    used = make.segment(name="Used")
    with CaptureQueriesContext(connection) as asked:
        segments.create(name="User", rule={"segment": str(used.pk)})
    assert "segment" in locks(asked)
    with pytest.raises(Conflict, match="includes this segment"):
        segments.archive(segment=used)
    stale = type(used).objects.get(name="User")
    segments.archive(segment=type(used).objects.get(name="User"))
    with pytest.raises(Conflict, match="archived segment is not changed"):
        segments.change(segment=stale, rule={"profile": "orders", "above": 1}, version=1)


def test_a_double_click_asks_the_model_once(tenant):
    brief = make.brief()
    with CaptureQueriesContext(connection) as asked:
        content.request_variants(brief=brief, wanted=2, author_id=None)
    assert locks(asked)[0] == brief._meta.db_table
    with pytest.raises(Conflict, match="still writing"):
        content.request_variants(brief=brief, wanted=2, author_id=None)
    assert GenerationRun.objects.count() == 1


def test_a_paused_campaign_is_resumed_by_who_may_launch(tenant):
    make.contact("u1")
    trial = make.experiment([make.approved("banner")], holdout=0.5, running=False)
    campaign = make.campaign(make.segment(), trial, via="decide")
    delivery.launch(campaign=campaign)
    delivery.move(campaign=campaign, verb="pause")
    client = Client()
    client.force_login(make.member(tenant, "marketer"))
    url = f"/w/{tenant.slug}/experiments/{trial.pk}/move"
    answer = client.post(url, {"verb": "resume"})
    assert answer.status_code == 409
    assert "is paused; resume it there" in answer.content.decode()
    trial.refresh_from_db()
    assert trial.state == Experiment.State.PAUSED
    campaign.refresh_from_db()
    delivery.move(campaign=campaign, verb="resume")
    trial.refresh_from_db()
    assert trial.state == Experiment.State.RUNNING


def test_an_experiment_is_not_stopped_under_a_campaign_that_loads(tenant):
    make.contact("u1")
    trial = make.experiment([make.approved()], holdout=0.5, running=False)
    campaign = make.campaign(make.segment(), trial)
    delivery.launch(campaign=campaign)
    trial.refresh_from_db()
    with pytest.raises(Conflict, match="being launched"):
        experiments.stop(experiment=trial)
    make.run_jobs()
    experiments.stop(experiment=trial)
    assert Experiment.objects.get().state == Experiment.State.STOPPED
