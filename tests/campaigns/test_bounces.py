"""Bounces and complaints: taken in once, counted, and the address spared."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse
from django.utils import timezone

from campaigns.contacts.models import Event
from campaigns.delivery import bounces, services, tracking
from campaigns.delivery.models import Bounce, Send, Suppression
from tenants.models import Tenant
from tests import make

AUTH = {"WEBHOOK_SECRET": "post:office"}


@pytest.fixture
def message(tenant):
    make.contact("ada")
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    services.launch(campaign=make.campaign(make.segment(), trial))
    make.run_jobs()
    Send.objects.update(sent_at=timezone.now() - timezone.timedelta(minutes=5))
    return Send.objects.get()


def postmark(told: dict[str, object], *, secret: str = AUTH["WEBHOOK_SECRET"]) -> int:
    head = {"Authorization": "Basic " + b64encode(secret.encode()).decode()}
    request = RequestFactory().post("/mail/postmark/tracking/", json.dumps(told),
                                    content_type="application/json", headers=head)  # fmt: skip
    with override_settings(ANYMAIL=AUTH):
        return PostmarkTrackingWebhookView.as_view()(request).status_code


def told(message: Send, kind: str = "HardBounce", code: int = 1, **more: object) -> dict:
    return {"RecordType": "Bounce", "Type": kind, "TypeCode": code, "ID": 7, "Email": "a@x.example",
            "BouncedAt": "2026-03-02T08:00:00Z", "Details": "no such user", "MessageID": "m",
            "Metadata": {"send": tracking.token(message)}, **more}  # fmt: skip


def test_a_providers_hard_bounce_takes_the_address_off_once(message):
    for _ in range(3):
        assert postmark(told(message)) == 200
    bounce = Bounce.objects.get()
    assert (bounce.kind, bounce.send, bounce.hint) == ("hard", message, "a…@example.com")
    assert Suppression.objects.get().reason == "bounced"
    event = Event.objects.get(name="Message Bounced")
    assert event.properties["kind"] == "hard"
    assert event.contact == message.contact


def test_a_complaint_counts_at_once_and_strangers_are_let_by(message):
    spam = {"RecordType": "SpamComplaint", "ID": 8, "Email": "a@x.example", "MessageID": "m",
            "BouncedAt": "2026-03-02T08:00:00Z", "Metadata": {}}  # fmt: skip
    assert postmark(spam) == 200
    assert Bounce.objects.count() == 0
    assert postmark({**spam, "Metadata": {"send": "forged"}}) == 200
    assert Bounce.objects.count() == 0
    assert postmark({**spam, "Metadata": {"send": tracking.token(message)}}) == 200
    assert Suppression.objects.get().reason == "complaint"
    assert Event.objects.filter(name="Message Complained").count() == 1


def test_without_the_secret_a_provider_is_refused(message):
    with pytest.raises(AnymailWebhookValidationFailure):  # Django answers it with 400
        postmark(told(message), secret="guess:ed")
    assert Bounce.objects.count() == 0


def test_soft_bounces_take_the_address_off_when_there_were_enough(message):
    Tenant.objects.update(soft_bounces=3)
    ends = [
        bounces.take(kind="soft", source="t", told_id=str(n), send=message).suppressed
        for n in (1, 1, 2, 3)
    ]
    assert ends == [False, False, False, True]


def test_partners_tell_of_bounces_by_the_api(message, tenant):
    client, key = Client(), make.key(tenant, "contacts.edit")
    head = {"Authorization": f"Bearer {key}"}

    def post(**body: object):
        return client.post("/v1/bounces", body, content_type="application/json", headers=head)

    first = post(email="Ada@Example.com", kind="hard", id="x1")
    assert (first.status_code, first.json()["suppressed"], first.json()["fresh"]) == (
        201, True, True,
    )  # fmt: skip
    assert post(email="ada@example.com", kind="hard", id="x1").json()["fresh"] is False
    assert (
        post(email="a@b.example", send_id=str(message.pk), kind="hard", id="2").status_code == 422
    )
    assert post(send_id=str(message.pk), kind="odd", id="2").status_code == 422
    browser = {"Authorization": f"Bearer {make.key(tenant, 'events.write', kind='write_only')}"}
    refused = client.post("/v1/bounces", {"email": "ada@example.com", "kind": "hard", "id": "3"},
                          content_type="application/json", headers=browser)  # fmt: skip
    assert refused.status_code == 403


def test_the_dot_tells_of_an_opening_and_machines_are_marked(message):
    client = Client()
    link = reverse("delivery:opened", args=[tracking.open_url(message).split("/o/")[1][:-4]])
    answer = client.get(link, headers={"User-Agent": "Mozilla/5.0"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/gif")
    client.get(link, headers={"User-Agent": "Mozilla/5.0"})
    client.head(link)
    found = Event.objects.filter(name="Message Opened").values_list("is_machine", flat=True)
    assert sorted(found) == [False, True]


def test_a_full_mailbox_is_a_soft_bounce_whatever_the_provider_calls_it(message):
    assert postmark(told(message, kind="SoftBounce", code=4096)) == 200
    assert Bounce.objects.get().kind == "soft"
    assert Suppression.objects.count() == 0


def test_a_message_that_is_gone_does_not_turn_the_provider_away(message):
    first = told(message)
    Send.objects.update(address="", components={"body": "[erased]"})
    assert postmark(first) == 200
    assert Bounce.objects.count() == 0
