"""One row of everything about journeys, topics and bounces, with canaries."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from campaigns.automations import services
from campaigns.automations.models import JourneyRun, JourneyStep
from campaigns.contacts.models import Contact
from campaigns.delivery import bounces, endpoints
from campaigns.experiments import learnings
from campaigns.experiments import services as experiments
from campaigns.hooks.models import WebhookDelivery
from campaigns.layouts import services as layouts
from campaigns.subscriptions import services as subscriptions
from insights.privacy.models import PrivacyRequest, RetentionRule
from tenants.models import WorkspaceCopy
from tests import make
from tests.campaigns.journeys import by_event, step, text, tree

CANARY = "CANARY-B"
MJML = f"""<mjml><mj-body><mj-section><mj-column><mj-text>{CANARY} {{{{ body }}}}
{{{{ unsubscribe_url }}}} {{{{ postal_address }}}}</mj-text></mj-column></mj-section></mj-body>
</mjml>"""


def walked(number: int = 0) -> dict[str, Any]:
    """One more of everything that these pages show."""
    topic = subscriptions.save_topic(name=f"{CANARY} topic {number}", description=CANARY)
    person = Contact.objects.order_by("id").first() or make.contact(f"walked-{number}")
    subscriptions.subscribe(contact=person, topics=[topic], source=CANARY, wording=CANARY)
    event = f"{CANARY} event {number}"
    ways = [{"key": "a", "share": 50, "steps": []}, {"key": "b", "share": 50, "steps": []}]
    flow = tree(by_event(event), step(1, "cohort", branches=ways),
                step(2, "delay", n=1, unit="days"), text(3))  # fmt: skip
    journey = services.create(name=f"{CANARY} journey {number}", draft=flow)
    services.launch(journey=journey, seen=1)
    make.record(make.track(person.external_id, event))
    run = JourneyRun.objects.get(journey=journey)
    assert journey.live is not None
    bounce = bounces.take(kind="soft", source=CANARY, told_id=f"{number}", detail=CANARY,
                          address=f"canary-{number}@b.example").bounce  # fmt: skip
    endpoint, _ = endpoints.create(name=f"{CANARY} {number}", url="http://127.0.0.1:9/hook",
                                   types=["segment.changed"])  # fmt: skip
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint, of=f"x{number}", type="segment.changed", payload={"data": CANARY},
        state="delivered",
    )  # fmt: skip
    trial = make.experiment([make.approved()], holdout=0.5, name=f"{CANARY} tried {number}")
    experiments.analyse(experiment=trial, now=timezone.now())
    learning = learnings.write(claim=f"{CANARY} learning {number}", note=CANARY)
    proof = learnings.add_evidence(learning=learning, experiment=trial, stance="supports")
    shown = layouts.save(name=f"{CANARY} template {number}", source=MJML)
    wish = PrivacyRequest.objects.create(contact=person, kind="export", state="refused",
                                         note=CANARY)  # fmt: skip
    copy = WorkspaceCopy.objects.create(rows=1, state="ready")
    rule, _ = RetentionRule.objects.get_or_create(what="copies", defaults={"days": 3000})
    return {
        "copy": copy.pk, "wish": wish.pk, "rule": rule.pk,
        "template": shown.template_id, "template_version": shown.pk,
        "learning": learning.pk, "evidence": proof.pk, "tried": trial.pk,
        "hook": endpoint.pk, "delivery": delivery.pk,
        "subscription": topic.pk, "automation": journey.pk, "journey_campaign": journey.campaign_id,
        "journey_version": journey.live.pk, "journey_run": run.pk, "bounce": bounce.pk,
        "journey_step": JourneyStep.objects.filter(run=run).first().pk,
    }  # fmt: skip
