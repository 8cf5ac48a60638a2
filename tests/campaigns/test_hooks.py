"""What happens is told to the endpoints that ask for it: signed, tried again, replayed, never lost."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from attune.kernel.errors import Conflict, Invalid
from campaigns.delivery import endpoints
from campaigns.delivery import services as sending
from campaigns.delivery.models import Endpoint
from campaigns.experiments import services as experiments
from campaigns.hooks import hearing, selectors, services, types
from campaigns.hooks.models import WebhookDelivery
from campaigns.segments import services as segments
from tenants.models import Notice
from tests import make
from tests.campaigns.partners import Partner


def asked(
    partner: Partner, *kinds: str, names: tuple[str, ...] = (), name: str = "partner"
) -> tuple[Endpoint, str]:
    url = f"http://127.0.0.1:{partner.server_port}/in"
    made = endpoints.create(name=name, url=url, types=kinds, event_names=names)
    hearing.forget()
    return made


def told(partner: Partner) -> list[tuple[str, dict]]:
    found = [json.loads(body) for _, body in partner.calls]
    return [(one["type"], one["data"]) for one in found]


def again(endpoint: Endpoint) -> None:
    """Its next attempt is due now."""
    WebhookDelivery.objects.filter(state="pending").update(next_at=timezone.now())
    services.ask()
    make.run_jobs()


def test_the_standard_webhooks_package_takes_what_we_send(tenant, partner):
    endpoint, secret = asked(partner, "segment.changed")
    segment = make.segment(name="Tea lovers")
    ((headers, body),) = partner.calls
    payload = Webhook(secret).verify(body, headers)
    assert (payload["type"], payload["data"]["object"]["id"]) == (
        "segment.changed",
        str(segment.pk),
    )
    assert payload["data"]["action"] == "segments.create"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)
    delivery = WebhookDelivery.objects.get()
    assert headers["webhook-id"] == delivery.message_id
    assert (delivery.state, delivery.attempts[0]["status"]) == ("delivered", 204)
    assert endpoint.pk == delivery.endpoint_id


def test_only_what_was_asked_for_goes_out_and_only_what_was_committed(tenant, partner):
    asked(partner, "experiment.stopped")
    make.segment()
    trial = make.experiment([make.approved(), make.approved()])
    experiments.stop(experiment=trial)
    make.run_jobs()
    assert [kind for kind, _ in told(partner)] == ["experiment.stopped"]
    with pytest.raises(Invalid):
        segments.create(name="", rule={"trait": "x", "exists": True})
    assert WebhookDelivery.objects.count() == 1


def test_messages_and_chosen_events_are_told_once_each(tenant, partner):
    asked(partner, "message.sent", types.TRACKED, names=("Order Completed",))
    make.contact("ada")
    order = make.track("ada", "Order Completed", revenue=9)
    make.record(order)
    make.record(order, make.track("ada", "Viewed"))
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    sending.launch(campaign=make.campaign(make.segment(), trial))
    make.run_jobs()
    (first, order_told), (second, sent) = told(partner)
    assert (first, second) == (types.TRACKED, "message.sent")
    assert (order_told["event"], order_told["userId"]) == ("Order Completed", "ada")
    assert order_told["properties"]["revenue"] == 9
    assert set(sent["properties"]) == {"campaign", "campaign_id", "send_id", "revision_id"}


def test_a_failure_is_tried_again_by_the_schedule_with_the_same_id(tenant, partner):
    partner.status = 503
    endpoint, _ = asked(partner, "segment.changed")
    make.segment()
    waits = []
    for _ in range(9):
        row = WebhookDelivery.objects.get()
        assert row.state == "pending"
        last = row.attempts[-1]
        waits.append((row.next_at - timezone.datetime.fromisoformat(last["at"])).total_seconds())
        again(endpoint)
    for wait, wanted in zip(waits, services.SCHEDULE, strict=True):
        assert wanted.total_seconds() <= wait <= wanted.total_seconds() * 1.2
    row = WebhookDelivery.objects.get()
    assert (row.state, row.tries, row.last["status"]) == ("failed", 10, 503)
    assert len({headers["webhook-id"] for headers, _ in partner.calls}) == 1
    partner.status = 200
    assert services.replay_failed(endpoint=endpoint) == 1
    make.run_jobs()
    row.refresh_from_db()
    assert row.state == "delivered"
    assert partner.calls[-1][0]["webhook-id"] == row.message_id


def test_an_endpoint_that_fails_for_five_days_is_switched_off_and_loses_nothing(tenant, partner):
    partner.status = 500
    endpoint, _ = asked(partner, "segment.changed")
    make.segment()
    Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=5, hours=1))
    again(endpoint)
    endpoint.refresh_from_db()
    assert (endpoint.enabled, str(endpoint.off_because)) == (
        False, "It failed for five days without one success.",
    )  # fmt: skip
    assert "was switched off" in str(Notice.objects.get().text)
    calls = len(partner.calls)
    make.segment()  # happens while it is off
    assert list(WebhookDelivery.objects.values_list("state", flat=True)) == ["held", "held"]
    assert len(partner.calls) == calls
    with pytest.raises(Conflict):
        services.try_out(endpoint=endpoint)
    partner.status = 200
    assert services.switch_on(endpoint=endpoint) == 2
    make.run_jobs()
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_one_success_makes_an_endpoint_sound_again(tenant, partner):
    partner.status = 500
    endpoint, _ = asked(partner, "segment.changed")
    make.segment()
    failing = Endpoint.objects.get()
    assert failing.failing_since is not None
    assert selectors.failing(failing).last["status"] == 500  # the page says why
    partner.status = 204
    again(endpoint)
    sound = Endpoint.objects.get()
    assert (sound.failing_since, selectors.failing(sound)) == (None, None)


def test_410_switches_off_at_once_and_redirects_are_not_followed(tenant, partner):
    endpoint, _ = asked(partner, "segment.changed")
    partner.status = 302
    make.segment()
    assert WebhookDelivery.objects.get().last["status"] == 302
    assert len(partner.calls) == 1
    partner.status = 410
    again(endpoint)
    endpoint.refresh_from_db()
    assert endpoint.enabled is False


def test_an_endpoint_that_is_away_waits_and_holds_up_no_other(tenant, partner):
    gone, _ = endpoints.create(name="gone", url="http://127.0.0.1:9/x", types=["segment.changed"])
    asked(partner, "segment.changed")
    for _ in range(5):
        make.segment()
    assert len(partner.calls) == 5
    rows = WebhookDelivery.objects.filter(endpoint=gone)
    assert set(rows.values_list("state", flat=True)) == {"pending"}
    assert "refused" in rows.exclude(attempts=[]).first().last["error"].lower()


def test_two_endpoints_have_two_names(tenant):
    first, _ = endpoints.create(name="partner", url="http://127.0.0.1:9/x")
    second, _ = endpoints.create(name="other", url="http://127.0.0.1:9/x")
    with pytest.raises(Invalid, match="Another endpoint has this name"):
        endpoints.create(name=" partner ", url="http://127.0.0.1:9/y")
    values = {"url": first.url, "types": [], "event_names": []}
    with pytest.raises(Invalid, match="Another endpoint has this name"):
        endpoints.change(endpoint=second, name="partner", **values)
    endpoints.change(endpoint=first, name="partner", **values)


def test_for_a_day_after_a_rotation_both_secrets_sign(tenant, partner):
    endpoint, old = asked(partner, "segment.changed")
    new = endpoints.rotate(endpoint=endpoint)
    make.segment()
    headers, body = partner.calls[0]
    for secret in (old, new):
        Webhook(secret).verify(body, headers)
    Endpoint.objects.update(former_until=timezone.now() - timedelta(seconds=1))
    make.segment()
    headers, body = partner.calls[1]
    Webhook(new).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, headers)


def test_a_worker_that_dies_while_it_delivers_leaves_it_for_the_next(tenant, partner):
    endpoint, _ = asked(partner, "segment.changed")
    partner.status = 500
    make.segment()
    row = WebhookDelivery.objects.get()
    now = row.next_at
    assert services.prepare(row.pk, now) is not None
    assert services.prepare(row.pk, now) is None  # another has it for a minute
    partner.status = 200
    again(endpoint)
    assert WebhookDelivery.objects.get().state == "delivered"


def test_what_went_out_is_forgotten_after_thirty_days(tenant, partner):
    asked(partner, "segment.changed")
    make.segment()
    assert services.tidy(timezone.now() + timedelta(days=29)) == 0
    assert services.tidy(timezone.now() + timedelta(days=31)) == 1


def test_pages_and_api_subscribe_show_and_replay(tenant, partner, client):
    client.force_login(tenant.owner)
    place = f"/w/{tenant.slug}/endpoints/"
    url = f"http://127.0.0.1:{partner.server_port}/in"
    made = client.post(place + "new", {"name": "P", "url": url, "types": ["segment.changed"]})
    assert "whsec_" in made.content.decode()
    endpoint = Endpoint.objects.get()
    assert "whsec_" not in client.get(f"{place}{endpoint.pk}").content.decode()
    make.segment()
    key = make.key(tenant, "webhooks.manage")
    head = {"Authorization": f"Bearer {key}"}
    listed = client.get(f"/v1/endpoints/{endpoint.pk}/deliveries", headers=head).json()["results"]
    assert [row["type"] for row in listed] == ["segment.changed"]
    client.post(f"/v1/webhook-deliveries/{listed[0]['id']}/replay", headers=head)
    make.run_jobs()
    assert len(partner.calls) == 2
    wrong = client.post("/v1/endpoints", {"name": "x", "url": url, "types": ["nothing"]},
                        content_type="application/json", headers=head)  # fmt: skip
    assert wrong.status_code == 422
    again = client.post("/v1/endpoints", {"name": "x", "url": url, "types": ["message.sent"]},
                        content_type="application/json", headers=head)  # fmt: skip
    assert again.json()["secret"].startswith("whsec_")
    assert Endpoint.objects.get(pk=again.json()["id"]).types == ["message.sent"]


def test_what_a_process_held_that_did_not_know_yet_leaves_after_all(tenant, partner):
    asked(partner, "segment.changed")
    make.segment()
    WebhookDelivery.objects.update(state="held", next_at=None)  # the endpoint is on
    services.ask()
    make.run_jobs()
    assert WebhookDelivery.objects.get().state == "delivered"


def test_whoever_tells_the_same_endpoints_takes_them_in_one_order(tenant, partner, monkeypatch):
    """Two batches that took them in two orders would wait for each other's jobs for ever."""
    some = [asked(partner, types.TRACKED, "contact.unsubscribed", name=name)[0] for name in "abc"]
    asks = {wish.endpoint_id: wish for wish in hearing.wishes()}
    monkeypatch.setattr(hearing, "wishes", lambda: [asks[e.pk] for e in reversed(some)])
    taken: list[str] = []
    job = SimpleNamespace(enqueue=lambda payload, dedupe_key: taken.append(dedupe_key))
    monkeypatch.setattr(hearing, "DELIVER_WEBHOOKS", job)
    make.record(make.track("ada", "Looked"), make.track("ada", "Unsubscribed"))
    assert taken == sorted(str(e.pk) for e in some)
    assert WebhookDelivery.objects.count() == 9
