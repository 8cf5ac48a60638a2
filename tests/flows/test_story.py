"""The ring once round, through the services and handlers that serve live traffic."""

from __future__ import annotations

from django.utils import timezone

from campaigns.contacts.models import Contact, Profile
from campaigns.decisions.models import Decision
from campaigns.delivery import services as delivery
from campaigns.delivery.models import Send
from campaigns.experiments import selectors as experiments
from campaigns.experiments import services as experiment_services
from insights import chain
from tests import make


def test_an_event_becomes_a_decision_a_message_and_a_reward(tenant):
    people = [make.identify(f"u{n}", email=f"u{n}@example.com", plan="pro") for n in range(40)]
    orders = [make.track(f"u{n}", "Order Completed", revenue=20, category="tea") for n in range(40)]
    receipt = make.record(*people, *orders)
    assert (receipt.accepted, receipt.duplicates, receipt.rejected) == (80, 0, [])
    assert Profile.objects.get(contact__external_id="u7").revenue_cents == 2000

    audience = make.segment({"did": "Order Completed", "within_days": 7})
    assert audience.size == 40
    trial = make.experiment([make.approved()], holdout=0.5, running=False)
    campaign = make.campaign(audience, trial)
    delivery.launch(campaign=campaign)
    make.run_jobs()

    campaign.refresh_from_db()
    assert campaign.state == "finished"
    decided = Decision.objects.filter(source_id=trial.pk)
    assert decided.count() == 40
    assert {d.propensities["v1"] for d in decided} == {0.5}
    treated = set(decided.filter(action="v1").values_list("contact_id", flat=True))
    sends = Send.objects.filter(campaign=campaign, state="sent")
    assert set(sends.values_list("contact_id", flat=True)) == treated
    assert 8 <= len(treated) <= 32

    buyer = sends.first()
    make.record(make.track(buyer.contact.external_id, "Order Completed", revenue=50))
    rewarded = list(buyer.decision.rewards.values_list("metric__key", "value"))
    assert rewarded == [("order", 1.0)]

    snapshot = experiment_services.analyse(
        experiment=experiments.experiment(trial.pk), now=timezone.now()
    )
    rows = {a["arm"]: a for a in snapshot.results["metrics"][0]["arms"]}
    assert rows["v1"]["n"] == len(treated)
    assert rows["v1"]["total"] == 1
    assert rows["holdout"]["total"] == 0
    assert snapshot.verdict == "not_yet"

    steps = {s.key: s for s in chain.of_send(buyer)}
    assert list(steps) == [
        "event", "profile", "brief", "checks", "revision", "review", "decision", "send", "reward",
    ]  # fmt: skip
    assert steps["decision"].facts["propensities"] == {"v1": 0.5, "holdout": 0.5}
    assert steps["reward"].facts["rewards"][0]["metric"] == "order"
    assert Contact.objects.count() == 40
